"""A machine with a booted systemd of its own: this machine's files under an overlay in memory, in systemd-nspawn."""
import os
import re
import shutil
import signal
import subprocess
import tempfile

from harness import LabError, wait_for

BOOT_PATIENCE_S = 90
COMMAND_PATIENCE_S = 90


def children(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
            found += [int(word) for word in file.read().split()]
    return found


class Container:
    """`with Container("node1", {"/stage": folder}) as machine`: folders are bound read-only at the given places,
    devices are those of this machine."""

    def __init__(self, name, folders, devices=()):
        self.name, self.folders, self.devices = name, folders, devices
        self.process, self.leader = None, None
        self.directory = tempfile.mkdtemp(prefix="ca-container-")

    def __enter__(self):
        binds = [f"--bind-ro={source}:{place}" for place, source in self.folders.items()]
        binds += [f"--bind={device}" for device in self.devices]
        root = os.path.join(self.directory, "root")
        os.mkdir(root)
        # nspawn refuses "/" itself; bound elsewhere, in a mount namespace that ends with it, the same tree will do.
        command = ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--private-network",
                   "--volatile=overlay", f"--directory={root}", f"--machine={self.name}", "--console=pipe", *binds,
                   "systemd.unit=multi-user.target"]
        with open(os.path.join(self.directory, "console"), "wb") as console:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "bash", "-c", 'mount --bind / "$0" && exec "$@"', root, *command],
                stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT)
        try:
            if not wait_for(self.has_booted, BOOT_PATIENCE_S):
                raise LabError(f"the container did not boot: {self.console()}")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        # SIGTERM asks the system inside to power off; a second one, after a while, is the power switch.
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def console(self):
        with open(os.path.join(self.directory, "console"), encoding="utf-8", errors="replace") as file:
            return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", file.read())[-2000:]

    def has_booted(self):
        if self.process.poll() is not None:
            raise LabError(f"systemd-nspawn ended with {self.process.returncode}: {self.console()}")
        if self.leader is None:
            # nspawn itself forks once more before the container's process 1.
            candidates = [pid for child in children(self.process.pid) for pid in [child, *children(child)]]
            for pid in candidates:
                with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
                    spaces = next(line for line in file if line.startswith("NSpid:")).split()[1:]
                if len(spaces) > 1 and spaces[-1] == "1":
                    self.leader = pid
        if self.leader is None:
            return False
        state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        return state in ("running", "degraded")

    def run(self, *argv, check=True):
        done = subprocess.run(["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "-C", *argv],
                              capture_output=True, text=True, timeout=COMMAND_PATIENCE_S, check=False)
        if check and done.returncode != 0:
            raise LabError(f"{' '.join(argv)}: exit code {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def shell(self, line, check=True):
        return self.run("bash", "-c", line, check=check).stdout.strip()
