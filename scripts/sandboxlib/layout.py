"""Names, addresses, paths and the state file of one sandbox."""
import contextlib
import fcntl
import hashlib
import json
import os
import shutil

from .kernel import SandboxError

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEFAULT_DIRECTORY = "/tmp/clusteragent-sandbox"
NODES = ("node1", "node2")
HOSTS = {"node1": 1, "node2": 2, "client": 10, "witness": 20}
NETWORKS = {"net1": ("node1", "node2", "client", "witness"), "net2": ("node1", "node2")}
NETWORK_NUMBER = {"net1": 1, "net2": 2}
VIRTUAL_ADDRESS = "10.77.1.100"
VIRTUAL_ADDRESS6 = "fd77:1::100"


def agent_binary():
    """$CLUSTERAGENT_BINARY, the release build of this tree, or the installed program."""
    candidates = [os.environ.get("CLUSTERAGENT_BINARY"), os.path.join(REPOSITORY, "build/release/agent/clusteragent"),
                  shutil.which("clusteragent")]
    for path in filter(None, candidates):
        if os.access(path, os.X_OK):
            return os.path.abspath(path)
    raise SandboxError("no clusteragent program: build it (`cmake --preset release && cmake --build --preset release`)")


class Layout:
    """Where things are and what they are called. The state file is the memory between calls: what changes the world
    saves it before it returns."""

    def __init__(self, directory=None):
        chosen = directory or os.environ.get("CLUSTERAGENT_SANDBOX") or DEFAULT_DIRECTORY
        self.directory = os.path.realpath(chosen)
        self.prefix = "ca" + hashlib.sha256(self.directory.encode()).hexdigest()[:6]
        self.state_path = os.path.join(self.directory, "sandbox.json")
        self.state = None

    def load(self):
        try:
            with open(self.state_path, encoding="utf-8") as file:
                self.state = json.load(file)
        except FileNotFoundError:
            raise SandboxError(f"no sandbox at {self.directory}: run `scripts/sandbox up`") from None
        return self

    def save(self):
        with open(self.state_path + ".new", "w", encoding="utf-8") as file:
            json.dump(self.state, file, indent=1)
        os.replace(self.state_path + ".new", self.state_path)

    @contextlib.contextmanager
    def locked(self):
        """Two commands at once on one sandbox wait for each other."""
        with open(os.path.join(self.directory, "lock"), "w", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def is_up(self):
        return os.path.exists(self.state_path)

    def host(self, name):
        if name not in HOSTS:
            raise SandboxError(f"there is no host {name}: hosts are {', '.join(HOSTS)}")
        return self.state["hosts"][name]

    def namespace(self, name):
        return f"{self.prefix}-{name}"

    def host_directory(self, name):
        return os.path.join(self.directory, name)

    def root(self, name):
        """What `--root` is on this node."""
        return os.path.join(self.host_directory(name), "root")

    @staticmethod
    def address(name, network="net1", family=4):
        number, host = NETWORK_NUMBER[network], HOSTS[name]
        return f"10.77.{number}.{host}" if family == 4 else f"fd77:{number}::{host}"

    @staticmethod
    def mac(name, network="net1"):
        return f"02:ca:77:00:{NETWORK_NUMBER[network]:02x}:{HOSTS[name]:02x}"

    @staticmethod
    def networks(name):
        return [network for network, members in NETWORKS.items() if name in members]
