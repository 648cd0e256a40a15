"""The primary's cable to the clients is pulled: check="on" moves the address, check="off" does not."""
import time
import unittest

from harness import Lab, owner_changes, wait_for
from steady import on_a_steady_machine


@on_a_steady_machine
class Link(unittest.TestCase):
    def test_link_loss_moves_the_address(self):
        with Lab() as lab:
            lab.write_module(pulse=20, timeout=200)
            lab.start_responders()
            lab.start_cluster()
            lab.wait_served_by("node1")
            probe, observer = lab.start_probe(), lab.start_observer()
            time.sleep(0.2)
            lab.sandbox.unplug("node1", "net1")
            lab.wait_states({"node1": "SECOND", "node2": "PRIM"})
            lab.wait_served_by("node2")
            # The other network still carries the heartbeat: node1 follows, and says that it could not take over.
            self.assertIn("no link", lab.agent("node1", "status", "-m", "demo"))
            lab.sandbox.plug("node1", "net1")
            self.assertTrue(wait_for(lambda: "no link" not in lab.agent("node1", "status", "-m", "demo"), 10))
            client, kernels = probe.finish(), observer.finish()
        self.assertLess(client["longest_ms"], 1000)
        self.assertEqual(kernels["dual_ms"], 0)
        self.assertEqual([host for _, host in owner_changes(kernels)], ["node1", "node2"])

    def test_link_loss_of_the_heartbeat_network_moves_nothing(self):
        with Lab() as lab:
            lab.write_module(pulse=20, timeout=200)
            lab.start_responders()
            lab.start_cluster()
            lab.wait_served_by("node1")
            probe = lab.start_probe()
            lab.sandbox.unplug("node1", "net2")
            time.sleep(2)
            lab.sandbox.plug("node1", "net2")
            lab.wait_states({"node1": "PRIM", "node2": "SECOND"})
            self.assertEqual(probe.finish()["outages"], [])

    def test_unchecked_interface(self):
        with Lab() as lab:
            lab.write_module(check="off")
            lab.start_responders()
            lab.start_cluster()
            lab.sandbox.unplug("node1", "net1")
            time.sleep(2)
            lab.wait_states({"node1": "PRIM", "node2": "SECOND"})


if __name__ == "__main__":
    unittest.main()
