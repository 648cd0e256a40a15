"""A quarter of all frames is lost, each way, for a minute, at pulse 20 ms and timeout 100 ms: nothing may move."""
import time
import unittest

from harness import Lab, owner_changes
from steady import on_a_steady_machine

LOSS_PERCENT = 25
LOSS_S = 60


@on_a_steady_machine
class Loss(unittest.TestCase):
    def test_a_quarter_lost_moves_nothing(self):
        with Lab() as lab:
            lab.write_module(pulse=20, timeout=100)
            lab.start_responders()
            lab.start_cluster()
            lab.wait_served_by("node1")
            probe, observer = lab.start_probe(), lab.start_observer()
            lab.sandbox.loss("node1", "node2", LOSS_PERCENT)
            time.sleep(LOSS_S)
            dropped = lab.sandbox.dropped()
            states = {node: lab.state(node) for node in ("node1", "node2")}
            client, kernels = probe.finish(), observer.finish()
            log = lab.agent_log("node1") + lab.agent_log("node2")
        self.assertGreater(dropped, 1000, "the loss did not happen")
        self.assertEqual(states, {"node1": "PRIM", "node2": "SECOND"})
        self.assertEqual([host for _, host in owner_changes(kernels)], ["node1"])
        self.assertEqual(kernels["dual_ms"], 0)
        self.assertLess(client["longest_ms"], 100)
        self.assertNotIn("no heartbeat from", log)


if __name__ == "__main__":
    unittest.main()
