"""The fence script: it comes before a take-over that the other node has not agreed to, and its failure blocks it."""
import os
import unittest

from application import read_journal, responder_scripts
from harness import Lab, wait_for
from steady import on_a_steady_machine


def fence_script(directory):
    """Fails until the file `switch-works` is there; tells the journal whom it was to switch off, and why."""
    return f"""echo "$(hostname) fence begin $1 $(date +%s%N)" >>{directory}/journal
echo "$CLUSTERAGENT_PEER_ADDRESSES; $CLUSTERAGENT_REASON" >{directory}/told
[ -e {directory}/switch-works ] && exit 0
echo "the switch does not answer"
exit 3
"""


@on_a_steady_machine
class Fence(unittest.TestCase):
    def test_comes_before_the_take_over_and_its_failure_blocks_it(self):
        with Lab() as lab:
            journal = os.path.join(lab.directory, "journal")
            scripts = responder_scripts(journal)
            scripts["fence"] = fence_script(lab.directory)
            lab.write_module(scripts=scripts)
            lab.start_cluster()
            lab.wait_served_by("node1")
            lab.sandbox.power_off("node1")
            blocked = lambda: lab.status("node2")["local"]["blocked"] == "fence_failed"
            self.assertTrue(wait_for(blocked, 20), "the failure of the script does not block the take-over")
            text = lab.agent("node2", "status", "-m", "demo")
            local = lab.status("node2")["local"]
            self.assertFalse(local["holds_vip"])
            self.assertIn("the switch does not answer", local["last_script_failure"])
            self.assertIn("next try", text)
            self.assertIn("prim --force", text)
            with open(os.path.join(lab.directory, "switch-works"), "w", encoding="utf-8"):
                pass
            lab.wait_served_by("node2", 90)
            with open(os.path.join(lab.directory, "told"), encoding="utf-8") as file:
                told = file.read()
            entries = [(host, script, *arguments) for host, script, _, arguments, _ in read_journal(journal)]
        here = [entry for entry in entries if entry[0] == "node2"]
        taking_over = [entry for entry in here if entry[1] in ("fence", "start_prim")]
        self.assertEqual(taking_over[0], ("node2", "fence", "node1"))
        last_fence = max(index for index, entry in enumerate(here) if entry[1] == "fence")
        first_start = min(index for index, entry in enumerate(here) if entry[1] == "start_prim")
        self.assertLess(last_fence, first_start)
        self.assertIn("no heartbeat from node1", told)
        self.assertRegex(told, r"^[0-9.]+ [0-9.]+; ")

    def test_is_not_called_for_a_swap(self):
        with Lab() as lab:
            journal = os.path.join(lab.directory, "journal")
            scripts = responder_scripts(journal)
            scripts["fence"] = fence_script(lab.directory)
            lab.write_module(scripts=scripts)
            lab.start_cluster()
            lab.wait_served_by("node1")
            fenced_before = sum(entry[1] == "fence" for entry in read_journal(journal))
            lab.agent("node1", "swap", "-m", "demo")
            lab.wait_served_by("node2")
            lab.wait_states({"node1": "SECOND", "node2": "PRIM"})
            fenced = sum(entry[1] == "fence" for entry in read_journal(journal))
        self.assertEqual(fenced, fenced_before)


if __name__ == "__main__":
    unittest.main()
