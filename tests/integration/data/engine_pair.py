"""Two replication engines without agents: the test says what the agent would say. Loopback and mounts are those of a
namespace that the test makes for itself."""
import contextlib
import ctypes
import json
import os
import select
import shutil
import socket
import subprocess
import tempfile
import time

CLONE_NEWNS, CLONE_NEWNET, MS_REC, MS_PRIVATE = 0x00020000, 0x40000000, 0x4000, 0x40000
PORT = 4800
ADDRESSES = {"node1": "127.0.0.1", "node2": "127.0.0.2"}
PATIENCE_S = 20.0
libc = ctypes.CDLL(None, use_errno=True)


def enter_own_namespaces():
    for code in (libc.unshare(CLONE_NEWNS | CLONE_NEWNET), libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)):
        if code != 0:
            raise OSError(ctypes.get_errno(), "cannot make namespaces; the test needs root")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


class Engine:
    """One engine process, its directory, and its end of the socket."""

    def __init__(self, folder, node, prepare=None, **options):
        self.node = node
        self.directory = os.path.join(folder, node, "data")
        self.state_path = os.path.join(folder, node, "state")
        os.makedirs(self.directory, exist_ok=True)
        if prepare:
            prepare(node, self.directory)
        self.backing = os.path.join(folder, node, "backing")
        # The same directory once more, so that the test sees behind the mount.
        os.makedirs(self.backing, exist_ok=True)
        if libc.mount(self.directory.encode(), self.backing.encode(), None, 4096, None) != 0:
            raise OSError(ctypes.get_errno(), "cannot bind the backing")
        peer = next(name for name in ADDRESSES if name != node)
        self.options = {"do": "configure", "module": "demo", "node": node, "directory": self.directory,
                        "state_path": self.state_path, "must_exist": [], "own_addresses": [ADDRESSES[node]],
                        "peer_addresses": [ADDRESSES[peer]], "port": PORT,
                        "keys": [{"identity": "key", "key": list(range(32))}], "acknowledges_on_disk": False,
                        "salvage_bytes_max": 1_000_000_000,
                        "silence_limit_ns": 2_000_000_000, "confirm_limit_ns": 10_000_000_000, **options}
        self.said, self.token = [], 0
        self.start()

    def start(self):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = subprocess.Popen([os.environ["CLUSTERAGENT_BINARY"], "filesync"], stdin=subprocess.DEVNULL,
                                        preexec_fn=lambda: os.dup2(theirs.fileno(), 3), close_fds=False)
        theirs.close()
        self.send(self.options)

    def send(self, message):
        self.socket.send(json.dumps(message).encode())

    def listen(self, seconds):
        while select.select([self.socket], [], [], seconds)[0]:
            text = self.socket.recv(65536)
            if not text:
                raise AssertionError(f"the engine of {self.node} ended: {self.said}")
            self.said.append(json.loads(text))
            seconds = 0

    def wait(self, condition, what, seconds=PATIENCE_S):
        until = time.monotonic() + seconds
        while True:
            found = next((message for message in self.said if condition(message)), None)
            if found is not None:
                self.said.remove(found)
                return found
            if time.monotonic() > until:
                raise AssertionError(f"{self.node}: no {what} within {seconds:g} s: {self.said}")
            self.listen(0.1)

    def ask(self, what, check=True, **more):
        self.token += 1
        self.send({"do": what, "token": self.token, **more})
        done = self.wait(lambda said: said["is"] == "finished" and said["token"] == self.token, f"answer to {what}")
        if check and not done["ok"]:
            raise AssertionError(f"{self.node}: {what}: {done['detail']}")
        return done

    def lead(self, epoch=1, solo=True, check=True):
        return self.ask("lead", check, epoch=epoch, solo=solo)

    def follow(self, epoch=1, diverged=0):
        return self.ask("follow", epoch=epoch, diverged=diverged)

    def release(self):
        return self.ask("release")

    def wait_synced(self):
        return self.wait(lambda said: said["is"] == "synced", "word that the other node is up to date")

    def wait_behind(self):
        return self.wait(lambda said: said["is"] == "behind", "word that the other node is lost")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.socket.close()

    def end(self):
        self.socket.close()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()


@contextlib.contextmanager
def pair(prepare=None, **options):
    """prepare(node, directory): what is done to the directory of each before its engine starts."""
    folder = tempfile.mkdtemp(prefix="ca-filesync-", dir=os.environ.get("CLUSTERAGENT_SCRATCH", "/var/tmp"))
    engines = []
    try:
        for node in ADDRESSES:
            engines.append(Engine(folder, node, prepare, **options))
        yield engines
    finally:
        for engine in engines:
            engine.end()
        for node in ADDRESSES:
            for name in ("data", "backing", "data"):  # the last: what the test had mounted there first
                libc.umount2(os.path.join(folder, node, name).encode(), 2)
        shutil.rmtree(folder)
