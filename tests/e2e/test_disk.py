"""The disk hangs for 5 s under the state and the logs of an agent (a real file system, frozen): heartbeats go on and
nothing moves; and a node whose disk hangs takes nothing over that it could not write down first."""
import contextlib
import os
import subprocess
import time
import unittest

from harness import Lab, naming, owner_changes, wait_for
from steady import on_a_steady_machine

IMAGE_BYTES = 64 * 1024 * 1024
HANG_S = 5


def give_own_disk(lab, node):
    """Puts everything the agent writes on the node on a file system of its own; returns where it is mounted."""
    image = os.path.join(lab.sandbox.host_directory(node), "disk.img")
    with open(image, "wb") as file:
        file.truncate(IMAGE_BYTES)
    subprocess.run(["mkfs.ext4", "-q", image], check=True, timeout=60)
    target = os.path.join(lab.sandbox.root(node), "var")
    os.makedirs(target)
    lab.sandbox.execute_quietly(node, ["mount", "-o", "loop", image, target])
    return target


@contextlib.contextmanager
def frozen(lab, node, target):
    """Nothing reaches the disk until the end; whatever happens, it is thawed, or nothing on the host could even die."""
    lab.sandbox.execute_quietly(node, ["fsfreeze", "--freeze", target])
    try:
        yield
    finally:
        lab.sandbox.execute_quietly(node, ["fsfreeze", "--unfreeze", target])


@on_a_steady_machine
class DiskHangs(unittest.TestCase):
    def test_on_the_primary_and_on_the_secondary_nothing_moves(self):
        for node in ("node1", "node2"):
            with naming(node=node), Lab() as lab:
                target = give_own_disk(lab, node)
                lab.write_module(pulse=20, timeout=300)
                lab.start_responders()
                lab.start_cluster()
                lab.wait_served_by("node1")
                probe, observer = lab.start_probe(), lab.start_observer()
                with frozen(lab, node, target):
                    time.sleep(HANG_S)
                    during = {name: lab.state(name) for name in ("node1", "node2")}
                time.sleep(0.5)
                client, kernels = probe.finish(), observer.finish()
                log = lab.agent_log("node1") + lab.agent_log("node2")
                self.assertEqual(during, {"node1": "PRIM", "node2": "SECOND"})
                self.assertEqual(client["outages"], [])
                self.assertEqual([host for _, host in owner_changes(kernels)], ["node1"])
                self.assertNotIn("no heartbeat from", log)

    def test_heartbeats_go_on_while_something_has_to_be_written(self):
        """The peer stops during the hang, so that the primary has a record to write and lines to log."""
        with Lab() as lab:
            target = give_own_disk(lab, "node1")
            lab.write_module(pulse=20, timeout=300)
            lab.start_responders()
            lab.start_cluster()
            lab.wait_served_by("node1")
            probe, observer = lab.start_probe(), lab.start_observer()
            with frozen(lab, "node1", target):
                lab.agent("node2", "stop", "-m", "demo")
                time.sleep(HANG_S)
                self.assertEqual(lab.state("node2"), "STOP")
            lab.wait_states({"node1": "ALONE", "node2": "STOP"})
            client, kernels = probe.finish(), observer.finish()
            self.assertNotIn("no heartbeat from", lab.agent_log("node2"))
        self.assertEqual(client["outages"], [])
        self.assertEqual([host for _, host in owner_changes(kernels)], ["node1"])

    def test_no_take_over_before_it_is_on_disk(self):
        with Lab() as lab:
            target = give_own_disk(lab, "node2")
            lab.write_module(pulse=20, timeout=300)
            lab.start_responders()
            lab.start_cluster()
            lab.wait_served_by("node1")
            observer = lab.start_observer()
            with frozen(lab, "node2", target):
                off_ns = lab.sandbox.power_off("node1") * 1e9
                time.sleep(2)
                thawed_ns = time.monotonic_ns()
            self.assertTrue(wait_for(lambda: lab.served_by() == "node2", 10))
            changes = owner_changes(observer.finish())
        taken = [at for at, host in changes if host == "node2"]
        self.assertTrue(taken and off_ns < thawed_ns < taken[0], "the epoch was used before it was durable")


if __name__ == "__main__":
    unittest.main()
