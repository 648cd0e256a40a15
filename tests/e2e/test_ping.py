#!/usr/bin/env python3
"""Ping targets: who is cut off from everything lets go, who still gets an answer goes on."""
import json
import time
import unittest

from harness import MODULE, Lab, wait_for
from steady import on_a_steady_machine

CHECK = '<check><splitbrain ident="router" exec="ping" arg="10.77.1.20"/></check>'
PULSE_MS, TIMEOUT_MS = 20, 300
SETTLE_S = 2


@on_a_steady_machine
class PingTargets(unittest.TestCase):
    @staticmethod
    def prepare(lab):
        lab.write_module(pulse=PULSE_MS, timeout=TIMEOUT_MS, check_section=CHECK)
        lab.start_responders()
        lab.start_cluster()
        lab.wait_served_by("node1")

    @staticmethod
    def report(lab, node):
        return json.loads(lab.agent(node, "status", "-m", MODULE, "--json"))

    def test_the_node_without_an_answer_lets_go_and_says_why(self):
        with Lab() as lab:
            self.prepare(lab)
            self.assertIn("cannot promise", lab.agent("node1", "status", "-m", MODULE))
            checked = lab.agent_result("node1", "config", "check", "-m", MODULE)
            self.assertIn("cannot promise", checked.stdout + checked.stderr)
            lab.sandbox.cut("node1", "node2")
            lab.sandbox.cut("node1", "witness")
            lab.wait_states({"node1": "WAIT", "node2": "ALONE"})
            seen = self.report(lab, "node1")
            self.assertEqual(seen["local"]["blocked"], "isolated")
            self.assertIn("no ping target answers", seen["local"]["reason"])
            self.assertEqual((seen["ping"]["resource"], seen["ping"]["value"]), ("splitbrain.router", "down"))
            other = self.report(lab, "node2")["ping"]
            self.assertEqual(other["answered_by"], "10.77.1.20")
            lab.sandbox.heal()
            lab.wait_states({"node2": "PRIM", "node1": "SECOND"})

    def test_a_secondary_without_an_answer_does_not_take_over(self):
        with Lab() as lab:
            self.prepare(lab)
            lab.sandbox.cut("node1", "node2")
            lab.sandbox.cut("node2", "witness")
            lab.wait_states({"node1": "ALONE", "node2": "WAIT"})
            time.sleep(SETTLE_S)
            self.assertEqual(lab.state("node2"), "WAIT")
            lab.sandbox.heal()
            lab.wait_states({"node1": "PRIM", "node2": "SECOND"})

    def test_power_off_with_an_answer_is_a_failover(self):
        with Lab() as lab:
            self.prepare(lab)
            lab.sandbox.power_off("node1")
            lab.wait_served_by("node2")

    def test_the_operator_may_decide(self):
        with Lab() as lab:
            self.prepare(lab)
            lab.sandbox.power_off("witness")
            lab.sandbox.power_off("node1")
            lab.wait_states({"node2": "WAIT"})
            time.sleep(SETTLE_S)
            self.assertEqual(lab.state("node2"), "WAIT")
            lab.agent("node2", "prim", "-m", MODULE)
            lab.wait_states({"node2": "ALONE"})
            self.assertTrue(wait_for(lambda: lab.served_by() == "node2", SETTLE_S * 5))


if __name__ == "__main__":
    unittest.main()
