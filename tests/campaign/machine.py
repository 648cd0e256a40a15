"""What each host of a campaign has of its own beyond the sandbox: a small disk that can be filled, and a wall clock
that can be stepped."""
import errno
import os
import struct
import subprocess

from harness import tool

DISK_BYTES = 8 * 1024 * 1024
BLOCK = b"\0" * 65536
PRELOAD = "libwall_clock.so"


class Disks:
    """Everything the agent or the witness keeps is on a small memory disk of its own. It is mounted outside the hosts,
    so that it outlives their power: the hosts are switched off and on once to see it. Lab removes it."""

    def __init__(self, sandbox, hosts):
        self.box = sandbox
        for host in hosts:
            os.makedirs(self.path(host), exist_ok=True)
            self.mount(host)
            self.box.power_off(host)
            self.box.power_on(host)

    def mount(self, host):
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=755", "campaign", self.path(host)],
                       check=True, timeout=10)

    def path(self, host):
        return os.path.join(self.box.root(host), "var")

    def fill(self, host):
        """Until it takes not one byte more."""
        with open(os.path.join(self.path(host), "filler"), "ab", buffering=0) as file:
            for size in (len(BLOCK), 1):
                try:
                    while file.write(BLOCK[:size]):
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self, host):
        os.unlink(os.path.join(self.path(host), "filler"))


class WallClocks:
    """A step for each host, in a file that tests/support/wall_clock.cpp maps into what is started there."""

    def __init__(self, sandbox, hosts):
        self.box, self.hosts = sandbox, hosts
        for host in hosts:
            self.step(host, 0)
            self.box.extra_environment[host] = {"LD_PRELOAD": tool(PRELOAD),
                                                "CLUSTERAGENT_WALL_CLOCK": self.path(host)}

    def path(self, host):
        return os.path.join(self.box.host_directory(host), "wall_clock")

    def step(self, host, seconds):
        """In place: who has the file mapped sees it at once."""
        with open(self.path(host), "r+b" if os.path.exists(self.path(host)) else "w+b") as file:
            file.write(struct.pack("=q", int(seconds * 1e9)))
