"""What an operator asks for: swap, stop, restart. The application is never started in one place before it has stopped
in the other, and the client hardly notices."""
import os
import time
import unittest

from application import read_journal, responder_scripts
from harness import Lab, other, naming
from steady import on_a_steady_machine

OUTAGE_MS_MAX = 500  # the figures stand in docs/benchmarks.md; this bound survives a busy machine


@on_a_steady_machine
class Planned(unittest.TestCase):
    def change(self, lab, act, after):
        """Acts under measurement; returns what the client and the kernels saw."""
        lab.wait_served_by("node1")
        probe, observer = lab.start_probe(), lab.start_observer()
        time.sleep(0.2)
        act()
        lab.wait_states(after)
        lab.wait_served_by("node2")
        return probe.finish(), observer.finish()

    def check_quiet(self, client, kernels):
        self.assertEqual([one["host"] for one in client["owners"]], ["node1", "node2"])
        self.assertLess(client["total_ms"], OUTAGE_MS_MAX)
        self.assertEqual(kernels["dual_ms"], 0)

    def test_swap_asked_on_either_node(self):
        for asked in ("node1", "node2"):
            with naming(asked=asked), Lab() as lab:
                lab.write_module()
                lab.start_responders()
                lab.start_cluster()
                seen = self.change(lab, lambda lab=lab, asked=asked: lab.agent(asked, "swap", "-m", "demo"),
                                   {"node1": "SECOND", "node2": "PRIM"})
                self.check_quiet(*seen)
                for node in ("node1", "node2"):
                    self.assertNotIn("stands still", lab.agent_log(node))

    def test_stop_of_the_primary(self):
        with Lab() as lab:
            lab.write_module()
            lab.start_responders()
            lab.start_cluster()
            self.check_quiet(*self.change(lab, lambda: lab.agent("node1", "stop", "-m", "demo"),
                                          {"node1": "STOP", "node2": "ALONE"}))

    def test_end_of_the_agent_by_its_service_manager(self):
        """SIGTERM lets go in good order: the other node is asked to take over and no timeout passes."""
        with Lab() as lab:
            lab.write_module(timeout=5000)
            lab.start_responders()
            lab.start_cluster()
            self.check_quiet(*self.change(lab, lambda: lab.sandbox.stop_agent("node1"), {"node2": "ALONE"}))

    def test_scripts_of_a_swap_do_not_overlap(self):
        with Lab() as lab:
            journal = os.path.join(lab.directory, "journal")
            lab.write_module(scripts=responder_scripts(journal))
            lab.start_cluster()
            for primary in ("node2", "node1"):
                lab.agent(primary, "swap", "-m", "demo")
                lab.wait_states({primary: "PRIM", other(primary): "SECOND"})
            entries = [(host, script, phase) for host, script, phase, _, _ in read_journal(journal)]
        # Without a prestart of its own, a module's stop scripts clear what a former life may have left.
        expected = [("node1", "stop_prim"), ("node1", "start_prim"), ("node2", "stop_prim")]
        for stopping, starting in (("node1", "node2"), ("node2", "node1")):
            expected += [(stopping, "stop_prim"), (starting, "start_prim")]
        self.assertEqual(entries, [entry + (phase,) for entry in expected for phase in ("begin", "end")])

    def test_restart_keeps_the_role(self):
        with Lab() as lab:
            journal = os.path.join(lab.directory, "journal")
            lab.write_module(scripts=responder_scripts(journal))
            lab.start_cluster()
            before = len(read_journal(journal))
            lab.agent("node1", "restart", "-m", "demo")
            lab.wait_states({"node1": "PRIM", "node2": "SECOND"})
            lab.wait_served_by("node1")
            scripts = [(host, script) for host, script, phase, _, _ in read_journal(journal)[before:]
                       if phase == "begin"]
        self.assertEqual(scripts, [("node1", "stop_prim"), ("node1", "start_prim")])

    def test_a_refusal_has_its_exit_code_and_a_reason(self):
        with Lab() as lab:
            lab.write_module()
            lab.start_agents(nodes=("node1",))
            lab.agent("node1", "start", "-m", "demo")
            lab.wait_states({"node1": "ALONE"})
            done = lab.agent_result("node1", "swap", "-m", "demo")
        self.assertEqual(done.returncode, 3, done)
        self.assertRegex(done.stdout + done.stderr, "secondary")


if __name__ == "__main__":
    unittest.main()
