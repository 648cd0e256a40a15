"""`status` tells the truth about both nodes from either one, and says "unknown" rather than what was true before."""
import json
import os
import re
import unittest

from harness import Lab, wait_for
from steady import on_a_steady_machine

TIMEOUT_MS = 300


@on_a_steady_machine
class Status(unittest.TestCase):
    def text(self, lab, node):
        return lab.agent(node, "status", "-m", "demo")

    def test_both_nodes_from_either(self):
        with Lab() as lab:
            lab.write_module(timeout=TIMEOUT_MS)
            lab.start_cluster()
            for node in ("node1", "node2"):
                self.assertTrue(wait_for(lambda node=node: "details unknown" not in self.text(lab, node), 10))
                text = self.text(lab, node)
                for expected in ("node1", "node2", "PRIM Ready", "SECOND Ready", "10.77.1.100", "default", "net2"):
                    self.assertIn(expected, text, f"on {node}")
                self.assertRegex(text, r"match[^\n]*yes")
                self.assertNotIn("\x1b[", text, "colours only on a terminal")
                json.loads(lab.agent(node, "status", "-m", "demo", "--json"))

    def test_what_is_stale_is_unknown(self):
        with Lab() as lab:
            lab.write_module(timeout=TIMEOUT_MS)
            lab.start_cluster()
            lab.sandbox.power_off("node2")
            lab.wait_states({"node1": "ALONE"})
            text = self.text(lab, "node1")
            self.assertIn("UNKNOWN", text.upper())
            self.assertNotIn("SECOND Ready", text)
            document = lab.agent("node1", "status", "-m", "demo", "--json")
            self.assertNotIn('"SECOND"', document)

    def test_not_promotable_is_said_before_the_failure(self):
        with Lab() as lab:
            lab.write_module(timeout=TIMEOUT_MS, failover="off")
            lab.start_cluster()
            for node in ("node1", "node2"):
                self.assertTrue(wait_for(lambda node=node: "not promotable because" in self.text(lab, node), 10), node)

    def test_different_configurations_are_noticed(self):
        with Lab() as lab:
            lab.write_module(timeout=TIMEOUT_MS)
            path = os.path.join(lab.sandbox.root("node2"), "etc/clusteragent/modules/demo/userconfig.xml")
            with open(path, encoding="utf-8") as file:
                text = file.read()
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.replace('maxloop="3"', 'maxloop="4"'))
            lab.start_agents()
            for node in ("node1", "node2"):
                lab.agent(node, "start", "-m", "demo")
            for node in ("node1", "node2"):
                differs = lambda node=node: re.search(r"match[^\n]*\bNO\b", self.text(lab, node))
                self.assertTrue(wait_for(differs, 10), node)

    def test_exit_codes(self):
        with Lab() as lab:
            lab.write_module(timeout=TIMEOUT_MS)
            lab.sandbox.share_key()
            self.assertEqual(lab.agent_result("node1", "status", "-m", "demo").returncode, 4)
            self.assertEqual(lab.agent_result("node1", "status", "--no-such-word").returncode, 2)
            lab.start_agents(nodes=("node1",))
            self.assertEqual(lab.agent_result("node1", "status", "-m", "demo").returncode, 0)
            self.assertEqual(lab.agent_result("node1", "status", "-m", "demo", "--exit-state").returncode, 0)
            lab.agent("node1", "start", "-m", "demo")
            self.assertEqual(lab.agent_result("node1", "status", "-m", "demo", "--exit-state").returncode, 2)


if __name__ == "__main__":
    unittest.main()
