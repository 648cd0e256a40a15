#!/usr/bin/env python3
"""With a third voter: never two primaries, whatever is cut, stopped or switched off, and a service that goes on
wherever two of the three hear each other."""
import json
import os
import signal
import time
import unittest

from harness import MODULE, WITNESS, Lab, wait_for
from steady import on_a_steady_machine

CUT_S = 5
HANG_S = 10
PULSE_MS, TIMEOUT_MS = 20, 200
# A take-over waits for the witness's promise to run out and for two more writes to disks.
OUTAGE_MS_MAX = 1500


@on_a_steady_machine
class ThirdVoter(unittest.TestCase):
    def prepare(self, lab):
        lab.start_witness()
        lab.write_module(pulse=PULSE_MS, timeout=TIMEOUT_MS, check_section=WITNESS)
        lab.start_responders()
        lab.start_cluster()
        lab.wait_served_by("node1")
        self.assertTrue(wait_for(lambda: "witness promises this role" in self.status(lab, "node1"), 10),
                        self.status(lab, "node1"))
        probe, observer = lab.start_probe(), lab.start_observer()
        time.sleep(0.2)
        return probe, observer

    @staticmethod
    def status(lab, node):
        return lab.agent(node, "status", "-m", MODULE)

    def finish(self, probe, observer, longest_ms):
        client, kernels = probe.finish(), observer.finish()
        self.assertEqual(kernels["dual_ms"], 0, kernels["intervals"])
        self.assertLessEqual(client["longest_ms"], longest_ms, client["outages"])
        return client, kernels

    def test_partition_moves_nothing(self):
        with Lab() as lab:
            probe, observer = self.prepare(lab)
            lab.sandbox.cut("node1", "node2")
            time.sleep(CUT_S)
            self.assertEqual(lab.state("node2"), "SECOND")
            lab.sandbox.heal()
            lab.wait_states({"node1": "PRIM", "node2": "SECOND"})
            client, _ = self.finish(probe, observer, 0)
        self.assertEqual(client["outages"], [])

    def test_isolated_primary_gives_way(self):
        with Lab() as lab:
            probe, observer = self.prepare(lab)
            lab.sandbox.cut("node1", "node2")
            lab.sandbox.cut("node1", "witness")
            lab.wait_served_by("node2")
            time.sleep(CUT_S)
            self.assertIn("witness does not answer", self.status(lab, "node1"))
            lab.sandbox.heal()
            lab.wait_states({"node2": "PRIM", "node1": "SECOND"})
            self.finish(probe, observer, OUTAGE_MS_MAX)

    def test_power_off(self):
        with Lab() as lab:
            probe, observer = self.prepare(lab)
            lab.sandbox.power_off("node1")
            lab.wait_served_by("node2")
            self.finish(probe, observer, OUTAGE_MS_MAX)

    def test_stopped_agent(self):
        with Lab() as lab:
            probe, observer = self.prepare(lab)
            (agent,) = lab.sandbox.agents("node1", MODULE).values()
            os.kill(agent["pid"], signal.SIGSTOP)
            lab.wait_served_by("node2")
            time.sleep(HANG_S)
            os.kill(agent["pid"], signal.SIGCONT)
            lab.wait_states({"node2": "PRIM", "node1": "SECOND"})
            self.finish(probe, observer, OUTAGE_MS_MAX)

    def test_witness_may_come_and_go_while_the_nodes_hear_each_other(self):
        with Lab() as lab:
            probe, observer = self.prepare(lab)
            for _ in range(2):
                lab.sandbox.power_off("witness")
                time.sleep(2)
                lab.sandbox.power_on("witness")
                time.sleep(1)
            self.assertTrue(wait_for(lambda: "witness promises this role" in self.status(lab, "node1"), 10),
                            self.status(lab, "node1"))
            client, _ = self.finish(probe, observer, 0)
        self.assertEqual(client["outages"], [])

    def test_without_a_second_vote_nobody_serves_and_status_says_why(self):
        with Lab() as lab:
            probe, observer = self.prepare(lab)
            lab.sandbox.power_off("witness")
            self.assertTrue(wait_for(lambda: "does not answer" in self.status(lab, "node1"), 10))
            lab.sandbox.power_off("node2")
            self.assertTrue(wait_for(lambda: lab.state("node1") == "WAIT", 10), self.status(lab, "node1"))
            local = json.loads(lab.agent("node1", "status", "-m", MODULE, "--json"))["local"]
            self.assertIn("the witness does not answer", local["reason"])
            self.assertEqual(local["blocked"], "no_quorum")
            lab.sandbox.power_on("witness")
            lab.wait_served_by("node1")
            self.assertEqual(observer.finish()["dual_ms"], 0)
            probe.finish()


if __name__ == "__main__":
    unittest.main()
