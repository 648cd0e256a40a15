"""Two replication engines without agents: the test says what the agent would say. Loopback and mounts are those of a
namespace that the test makes for itself."""
import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE, MS_SHARED = 0x1000, 0x4000, 0x40000, 0x100000
PORT = 4800
ADDRESSES = {"node1": "127.0.0.1", "node2": "127.0.0.2"}
PATIENCE_S = 20.0
libc = ctypes.CDLL(None, use_errno=True)


def mount(source, target, flags):
    if libc.mount(os.fsencode(source), os.fsencode(target), None, flags, None) != 0:
        raise OSError(ctypes.get_errno(), f"cannot mount {source} on {target}")


def unmount(target):
    return libc.umount2(os.fsencode(target), 2)


def enter_own_namespaces():
    if libc.unshare(CLONE_NEWNS | CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "cannot make namespaces; the test needs root")
    mount("none", "/", MS_REC | MS_PRIVATE)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def soon(condition, seconds=PATIENCE_S, pause=0.05):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(pause)
    return True


def threads_states(pid):
    states = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/stat", encoding="utf-8",
                                                errors="replace") as file:
            states.append(file.read().rpartition(") ")[2].split()[0])
    return states


def stand_still(process):
    """SIGSTOP, and returns when all of it stands still: on a busy machine it goes on for a while."""
    os.kill(process.pid, signal.SIGSTOP)
    if not soon(lambda: set(threads_states(process.pid)) == {"T"}):
        raise AssertionError(f"does not stand still: {threads_states(process.pid)}")


class Engine:
    """One engine process, its directories, and its end of the socket. To the engine they have the same paths on both
    nodes: it lives in a namespace where its node's folder is mounted on a common one, and what it mounts there appears
    here as well."""

    def __init__(self, folder, node, prepare=None, names=("data",), excluded=(), before_start=None,
                 **options):
        self.node, self.folder, self.common = node, os.path.join(folder, node), os.path.join(folder, "common")
        for path in (self.folder, self.common):
            os.makedirs(path, exist_ok=True)
        mount(self.folder, self.folder, MS_BIND)
        mount("none", self.folder, MS_SHARED)
        self.directories = [os.path.join(folder, node, name) for name in names]
        self.backings = [path + "-backing" for path in self.directories]
        self.directory, self.backing = self.directories[0], self.backings[0]
        self.state_path = os.path.join(folder, node, "state")
        for path, backing in zip(self.directories, self.backings):
            os.makedirs(path, exist_ok=True)
            if prepare:
                prepare(node, path)
            # The same directory once more, so that the test sees behind the mount.
            os.makedirs(backing, exist_ok=True)
            mount(path, backing, MS_BIND)
            mount("none", backing, MS_PRIVATE)
        peer = next(name for name in ADDRESSES if name != node)
        self.options = {"do": "configure", "module": "demo", "node": node,
                        "directories": [{"path": self.seen(path), "must_exist": [], "excluded": [
                            {"path": "", "regex": "", "is_inverted": False, **rule} for rule in excluded]}
                                        for path in self.directories],
                        "state_path": self.state_path, "own_addresses": [ADDRESSES[node]],
                        "peer_addresses": [ADDRESSES[peer]], "port": PORT,
                        "keys": [{"identity": "key", "key": list(range(32))}], "acknowledges_on_disk": False,
                        "salvage_bytes_max": 1_000_000_000,
                        "has_acl": False, "acknowledges_writes": False, "copy_limit_ns": 10_000_000_000,
                        "send_limit_ns": 30_000_000_000, "copy_bytes_per_second": 0, "copy_pieces": 6,
                        "silence_limit_ns": 2_000_000_000, "confirm_limit_ns": 10_000_000_000, **options}
        self.said, self.token, self.before_start = [], 0, before_start
        self.start()

    def seen(self, path):
        """As the engine calls it."""
        return os.path.join(self.common, os.path.relpath(path, self.folder))

    def enter(self, descriptor):
        os.dup2(descriptor, 3)
        libc.unshare(CLONE_NEWNS)
        mount(self.folder, self.common, MS_BIND | MS_REC)
        if self.before_start:
            self.before_start()

    def start(self):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = subprocess.Popen([os.environ["CLUSTERAGENT_BINARY"], "filesync"], stdin=subprocess.DEVNULL,
                                        preexec_fn=lambda: self.enter(theirs.fileno()), close_fds=False)
        theirs.close()
        self.send(self.options)

    def send(self, message):
        self.socket.send(json.dumps(message).encode())

    def listen(self, seconds):
        while select.select([self.socket], [], [], seconds)[0]:
            if not self.receive():
                raise AssertionError(f"the engine of {self.node} ended: {self.said}")
            seconds = 0

    def receive(self):
        """False: it has ended. What it would hand over to another engine is let go of: its mounts die with it."""
        text = self.socket.recv(65536)
        if text:
            self.said.append(json.loads(text))
        return bool(text)

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
def pair(prepare=None, kind=Engine, **options):
    """prepare(node, directory): what is done to the directory of each before its engine starts. before_start(): what is
    done in the process of each, before the engine takes its place."""
    folder = tempfile.mkdtemp(prefix="ca-filesync-", dir=os.environ.get("CLUSTERAGENT_SCRATCH", "/var/tmp"))
    engines = []
    try:
        for node in ADDRESSES:
            engines.append(kind(folder, node, prepare, **options))
        yield engines
    finally:
        for engine in engines:
            engine.end()
        for engine in engines:
            # The directories once more: what the test had mounted there first.
            for path in (*engine.directories, *engine.backings, *engine.directories, engine.folder):
                unmount(path)
        shutil.rmtree(folder)
