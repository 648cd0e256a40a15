"""The network between the nodes is cut, in one direction or in both, and heals. Without a witness a full cut makes two
primaries for its time (README: what this mode cannot promise); afterwards one is left, and the client reaches it."""
import time
import unittest

from harness import Lab, naming, owner_changes, wait_for
from steady import on_a_steady_machine

CUT_S = 3
# The client's kernel doubts a stale ARP entry only after 5 s: an address that is not announced again shows within 9 s.
ARP_DOUBT_S = 9
DUAL_AFTER_HEAL_MS_MAX = 500


@on_a_steady_machine
class Cuts(unittest.TestCase):
    def prepare(self, lab, **options):
        lab.write_module(pulse=20, timeout=200, **options)
        lab.start_responders()
        lab.start_cluster()
        lab.wait_served_by("node1")
        probe, observer = lab.start_probe(), lab.start_observer()
        time.sleep(0.2)
        return probe, observer

    def check_mark(self, lab):
        """Who gave way says so until an operator has dealt with it."""
        lab.wait_states({"node1": "SECOND", "node2": "PRIM"})
        mark = lab.status("node1")["local"]["diverged_epoch"]
        self.assertNotIn("diverged_epoch", lab.status("node2")["local"])
        self.assertIn("diverged", lab.agent("node1", "status", "-m", "demo"))
        self.assertIn(f"epoch {mark}", lab.agent("node1", "acknowledge", "-m", "demo"))
        self.assertNotIn("diverged_epoch", lab.status("node1")["local"])

    def test_partition_heals_to_one_primary_that_the_client_reaches(self):
        with Lab() as lab:
            probe, observer = self.prepare(lab)
            lab.sandbox.cut("node1", "node2")
            lab.wait_states({"node1": "ALONE", "node2": "ALONE"})
            time.sleep(CUT_S)
            healed_ns = time.monotonic_ns()
            lab.sandbox.heal()
            lab.wait_one_primary()
            self.check_mark(lab)
            time.sleep(ARP_DOUBT_S)
            client, kernels = probe.finish(), observer.finish()
        both = [one for one in kernels["intervals"] if len(one["hosts"]) > 1 and one["to_ns"] > healed_ns]
        dual_ms = sum(one["to_ns"] - max(one["from_ns"], healed_ns) for one in both) / 1e6
        self.assertLess(dual_ms, DUAL_AFTER_HEAL_MS_MAX)
        after = [one["ms"] for one in client["outages"] if one["to_ns"] > healed_ns]
        self.assertLess(sum(after), 500, client["outages"])

    def test_one_network_of_two_is_no_partition(self):
        for network in ("net1", "net2"):
            with naming(network=network), Lab() as lab:
                probe, observer = self.prepare(lab)
                lab.sandbox.cut("node1", "node2", network)
                time.sleep(CUT_S)
                lab.sandbox.heal()
                lab.wait_states({"node1": "PRIM", "node2": "SECOND"})
                self.assertEqual(probe.finish()["outages"], [])
                self.assertEqual([host for _, host in owner_changes(observer.finish())], ["node1"])

    def test_primary_deaf(self):
        """The primary hears nothing and is heard: nothing has to move."""
        with Lab() as lab:
            probe, observer = self.prepare(lab)
            lab.sandbox.cut_one_way("node2", "node1")
            time.sleep(CUT_S)
            lab.sandbox.heal()
            lab.wait_states({"node1": "PRIM", "node2": "SECOND"})
            self.assertEqual(probe.finish()["outages"], [])
            self.assertEqual([host for _, host in owner_changes(observer.finish())], ["node1"])

    def test_secondary_deaf(self):
        """The secondary cannot tell this from a dead primary; the primary can, and gives way before it takes over."""
        with Lab() as lab:
            probe, observer = self.prepare(lab)
            lab.sandbox.cut_one_way("node1", "node2")
            lab.wait_served_by("node2")
            time.sleep(CUT_S)
            lab.sandbox.heal()
            lab.wait_one_primary()
            time.sleep(1)
            client, kernels = probe.finish(), observer.finish()
        self.assertEqual(kernels["dual_ms"], 0)
        self.assertLess(client["longest_ms"], 1000)

    def test_one_way_cut_is_named_on_both_sides(self):
        """On one network of two: the node that hears nothing there is told so over the other."""
        with Lab() as lab:
            self.prepare(lab)
            lab.sandbox.cut_one_way("node2", "node1", "net2")
            for node in ("node1", "node2"):
                self.assertTrue(wait_for(lambda node=node: "one-way" in lab.agent(node, "status", "-m", "demo")
                                         .lower().replace("one way", "one-way"), 10), node)


if __name__ == "__main__":
    unittest.main()
