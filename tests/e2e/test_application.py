"""The application fails: its process dies, its start script fails, its stop script hangs."""
import os
import signal
import unittest

from application import ERRD, read_journal, responder_scripts
from harness import Lab, wait_for
from steady import on_a_steady_machine


@on_a_steady_machine
class Application(unittest.TestCase):
    def responder(self, lab, node):
        return lab.sandbox.processes(node, "responder")

    def kill_and_wait(self, lab, node):
        """Kills the application; returns once another one runs or the node has given up on it."""
        (pid,) = self.responder(lab, node)
        os.kill(pid, signal.SIGKILL)
        settled = lambda: (self.responder(lab, node) not in ([], [pid]) and lab.state(node) in ("PRIM", "ALONE")) or \
            lab.state(node) in ("STOP", "SECOND", "WAIT")
        self.assertTrue(wait_for(settled, 20), "neither started again nor given up")

    def test_killed_process_is_restarted_here(self):
        with Lab() as lab:
            journal = os.path.join(lab.directory, "journal")
            lab.write_module(scripts=responder_scripts(journal), errd=ERRD.format(action="restart"))
            lab.start_cluster()
            lab.wait_served_by("node1")
            self.kill_and_wait(lab, "node1")
            lab.wait_served_by("node1")
            lab.wait_states({"node1": "PRIM", "node2": "SECOND"})
            hosts = {host for host, script, *_ in read_journal(journal) if script == "start_prim"}
        self.assertEqual(hosts, {"node1"})

    def test_stopstart_moves_to_the_other_node(self):
        with Lab() as lab:
            journal = os.path.join(lab.directory, "journal")
            lab.write_module(scripts=responder_scripts(journal), errd=ERRD.format(action="stopstart"))
            lab.start_cluster()
            lab.wait_served_by("node1")
            self.kill_and_wait(lab, "node1")
            lab.wait_served_by("node2")
            lab.wait_states({"node1": "SECOND", "node2": "PRIM"})

    def test_restart_budget_ends_in_stop_and_the_other_node_serves(self):
        with Lab() as lab:
            journal = os.path.join(lab.directory, "journal")
            lab.write_module(scripts=responder_scripts(journal), errd=ERRD.format(action="restart"), maxloop=2)
            lab.start_cluster()
            lab.wait_served_by("node1")
            kills = 0
            while lab.state("node1") in ("PRIM", "ALONE") and kills < 5:
                self.kill_and_wait(lab, "node1")
                kills += 1
            lab.wait_served_by("node2")
            self.assertEqual(lab.state("node1"), "STOP")
        self.assertEqual(kills, 3, "two restarts are allowed, the third failure is one too many")

    def test_failing_start_script_is_noticed_and_shown(self):
        with Lab() as lab:
            journal = os.path.join(lab.directory, "journal")
            scripts = responder_scripts(journal)
            scripts["start_prim"] = 'if [ "$(hostname)" = node1 ]; then echo "the disk is missing"; exit 42; fi\n' + \
                scripts["start_prim"]
            lab.write_module(scripts=scripts, maxloop=1)
            lab.start_agents()
            refused = lab.agent_result("node1", "start", "-m", "demo")
            lab.agent("node2", "start", "-m", "demo")
            lab.wait_served_by("node2", 30)
            self.assertEqual(refused.returncode, 3)
            self.assertIn("the disk is missing", refused.stderr)
            self.assertIn(lab.state("node2"), ("ALONE", "PRIM"))
            text = lab.agent("node1", "status", "-m", "demo") + lab.agent_log("node1")
        self.assertIn("42", text)
        self.assertIn("the disk is missing", text)

    def test_hanging_stop_script_is_forced(self):
        with Lab() as lab:
            journal = os.path.join(lab.directory, "journal")
            scripts = responder_scripts(journal)
            scripts["stop_prim"] = 'if [ "$1" != force ]; then trap "" TERM; while true; do sleep 1; done; fi\n' + \
                scripts["stop_prim"]
            lab.write_module(scripts=scripts, nicestoptimeout=1, forcestoptimeout=5)
            lab.start_cluster()
            lab.wait_served_by("node1")
            lab.agent("node1", "swap", "-m", "demo")
            lab.wait_served_by("node2", 30)
            self.assertEqual(self.responder(lab, "node1"), [])
            forced = [arguments for host, script, phase, arguments, _ in read_journal(journal)
                      if (host, script, phase) == ("node1", "stop_prim", "begin")]
            leftover = [pid for pid in lab.sandbox.processes("node1", "bash")]
        # Once at the start, to clear what a former life may have left, and once in the swap.
        self.assertEqual([arguments[0] for arguments in forced], ["force", "force"])
        self.assertEqual(leftover, [], "the hung script is gone, children included")


if __name__ == "__main__":
    unittest.main()
