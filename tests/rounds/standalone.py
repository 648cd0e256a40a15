"""An application without any cluster: on this machine's loopback, with its data in a folder of the test's own."""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import acknowledged
from harness import LabError, wait_for
from sandboxlib.kernel import start_time

LOAD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "load.py")
ADDRESS = "127.0.0.1"
SCRIPT_PATIENCE_S = 60
ACKNOWLEDGED_PATIENCE_S = 30


class Standalone:
    """Use it in a `with` statement: whatever happens, the application ends and its folder goes."""

    def __init__(self, application):
        self.application = application
        application.require()
        self.folder = tempfile.mkdtemp(prefix="ca-rounds-", dir="/tmp")
        os.chmod(self.folder, 0o755)  # servers run as users of their own
        self.data, self.run = os.path.join(self.folder, "data"), os.path.join(self.folder, "run")
        self.ledger = acknowledged.Ledger(os.path.join(self.folder, "ledger"))
        os.mkdir(self.data)
        with socket.socket() as probe:
            probe.bind((ADDRESS, 0))
            self.port = probe.getsockname()[1]
        self.load = None

    def __enter__(self):
        self.application.prepare(self.data)
        for name, text in self.application.scripts(self.folder, self.data, self.run, self.port).items():
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        return self

    def __exit__(self, *_):
        if self.load and self.load.poll() is None:
            self.load.kill()
            self.load.communicate()
        self.script("stop_prim", "force")
        self.wait_gone()
        shutil.rmtree(self.folder)

    def script(self, name, *words):
        """Runs one; its output goes to a file, because what it starts outlives it and would hold a pipe open."""
        output = os.path.join(self.folder, f"{name}.out")
        with open(output, "wb") as file:
            done = subprocess.run(["bash", os.path.join(self.folder, name), *words], stdin=subprocess.DEVNULL,
                                  stdout=file, stderr=subprocess.STDOUT, timeout=SCRIPT_PATIENCE_S, check=False,
                                  cwd="/")
        with open(output, encoding="utf-8", errors="replace") as file:
            return done.returncode, file.read()

    def start(self):
        code, said = self.script("start_prim")
        if code != 0:
            raise LabError(f"{self.application.name} does not start: {said}")

    def pids(self):
        """The server and what it started, as far as they are alive."""
        for name in os.listdir(self.run) if os.path.isdir(self.run) else []:
            if name.endswith("d.pid") or name == "server.pid":
                with open(os.path.join(self.run, name), encoding="ascii") as file:
                    main = int(file.read())
                with contextlib.suppress(OSError), open(f"/proc/{main}/task/{main}/children", encoding="ascii") as file:
                    return [pid for pid in (main, *map(int, file.read().split())) if start_time(pid) is not None]
        return []

    def kill(self):
        pids = self.pids()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return pids

    def wait_gone(self):
        if not wait_for(lambda: not self.pids(), SCRIPT_PATIENCE_S):
            raise LabError(f"{self.application.name} does not end: {self.pids()}")

    def start_load(self, first=1):
        argv = [sys.executable, "-B", LOAD, "load", self.application.name, ADDRESS, str(self.port), self.ledger.path,
                str(first)]
        self.load = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)

    def wait_acknowledged(self, more):
        """Until so many ids more than now are acknowledged."""
        count = lambda: len(self.ledger.read().acknowledged)
        aim = count() + more
        if not wait_for(lambda: count() >= aim, ACKNOWLEDGED_PATIENCE_S):
            raise LabError(f"{self.application.name}: {count()} ids acknowledged, not {aim}")

    def finish_load(self):
        self.load.terminate()
        return json.loads(self.load.communicate(timeout=SCRIPT_PATIENCE_S)[0])

    def ids(self):
        argv = [sys.executable, "-B", LOAD, "ids", self.application.name, ADDRESS, str(self.port)]
        return json.loads(subprocess.run(argv, capture_output=True, text=True, check=True, timeout=120).stdout)
