"""GlusterFS as another way to have a directory on two nodes: a volume of two copies with the options that it has by
itself. Each host of the sandbox runs a management daemon of its own, and what that keeps is the host's own."""
import os
import shutil

from harness import NODES, LabError, SandboxError, wait_for

NAME = "bench"
PRIVATE = ("/var/lib/glusterd", "/var/log/glusterfs")
BRICK_LOGS = "/var/log/glusterfs/bricks"
PATIENCE_S = 30
# Without the two of keepalive no node finds the other one.
DAEMON = """volume management
    type mgmt/glusterd
    option working-directory /var/lib/glusterd
    option transport-type socket
    option transport.address-family inet
    option transport.socket.keepalive-time 10
    option transport.socket.keepalive-interval 2
    option ping-timeout 0
end-volume
"""


def is_installed():
    return all(shutil.which(name) for name in ("glusterd", "gluster", "glusterfs"))


class Volume:
    """Over the sandbox's first network, as the mirror's stream is."""

    def __init__(self, lab):
        self.lab, self.sandbox = lab, lab.sandbox

    def folder(self, host, name):
        path = os.path.join(self.sandbox.host_directory(host), "gluster", name)
        os.makedirs(path, exist_ok=True)
        return path

    def command(self, *words):
        return self.sandbox.execute_quietly(NODES[0], ["gluster", f"--timeout={PATIENCE_S}", "--mode=script", *words])

    def start_daemon(self, host):
        for path in PRIVATE:
            self.sandbox.execute_quietly(host, ["mount", "--bind", self.folder(host, path.strip("/")), path])
        self.sandbox.execute_quietly(host, ["mkdir", "-p", "/run/gluster", BRICK_LOGS])
        options = os.path.join(self.folder(host, "daemon"), "glusterd.vol")
        with open(options, "w", encoding="ascii") as file:
            file.write(DAEMON)
        self.sandbox.spawn(host, ["glusterd", "--no-daemon", "--volfile", options], options + ".log")

    def has_peer(self):
        try:
            self.command("peer", "probe", self.sandbox.address(NODES[1]))
            return "Peer in Cluster (Connected)" in self.command("peer", "status")
        except SandboxError:
            return False

    def mount(self):
        """The directory on the first node."""
        for host in NODES:
            self.start_daemon(host)
        if not wait_for(self.has_peer, PATIENCE_S):
            raise LabError(f"the two nodes of GlusterFS do not find each other: {self.folder(NODES[0], 'daemon')}")
        bricks = [f"{self.sandbox.address(host)}:{self.folder(host, 'brick')}" for host in NODES]
        self.command("volume", "create", NAME, "replica", "2", *bricks, "force")
        self.command("volume", "start", NAME)
        path = self.folder(NODES[0], "mounted")
        self.sandbox.execute_quietly(NODES[0], ["glusterfs", f"--volfile-server={self.sandbox.address(NODES[0])}",
                                                f"--volfile-id={NAME}", path])
        if not wait_for(lambda: self.is_mounted(path), PATIENCE_S):
            raise LabError(f"GlusterFS is not mounted on {path}")
        return path

    def is_mounted(self, path):
        return f" {path} fuse.glusterfs " in self.sandbox.execute_quietly(NODES[0], ["cat", "/proc/mounts"])
