"""The disk under the replicated directory of each node: a real file system of its own, which can be filled."""
import os
import subprocess

from harness import NODES
from machine import Disks

DISK_BYTES = 1 << 30
COMMAND_PATIENCE_S = 60


class DataDisks(Disks):
    """Mounted outside the hosts, so that it outlives their power and is seen from here as the node's engine sees it,
    beneath whatever is mounted over it on the node. The replicated directory is a folder of it: what fills the disk
    stands beside it."""

    def __init__(self, sandbox, directory, is_shared):
        self.directory, self.is_shared = directory, is_shared
        super().__init__(sandbox, NODES)

    def mount(self, host):
        if self.is_shared and host != NODES[0]:
            os.rmdir(self.path(host))
            os.symlink(self.path(NODES[0]), self.path(host))
        else:
            self.make_disk(host)
        target = os.path.join(self.box.host_directory(host), "private", self.directory.strip("/"))
        os.makedirs(target, exist_ok=True)
        self.call("mount", "--bind", self.data(host), target)

    def make_disk(self, host):
        image = f"{self.path(host)}.img"
        with open(image, "wb") as file:
            file.truncate(DISK_BYTES)
        self.call("mkfs.ext4", "-q", "-m", "0", image)
        self.call("mount", "-o", "loop", image, self.path(host))
        os.mkdir(self.data(host))

    @staticmethod
    def call(*argv):
        subprocess.run(argv, check=True, timeout=COMMAND_PATIENCE_S)

    def path(self, host):
        return os.path.join(self.box.host_directory(host), "disk")

    def data(self, host):
        """What is replicated, seen from outside the node."""
        return os.path.join(self.path(host), "data")

    def free_bytes(self, host):
        found = os.statvfs(self.path(host))
        return found.f_bavail * found.f_frsize

    def fill(self, host):
        """Most of it at once; what is left then by writing, as any other does."""
        with open(os.path.join(self.path(host), "filler"), "wb") as file:
            most = int(self.free_bytes(host) * 0.98)
            if most:
                os.posix_fallocate(file.fileno(), 0, most)
        super().fill(host)
