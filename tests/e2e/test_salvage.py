"""The verbs of a replicated directory through the agents: what the loser of a split brain wrote comes out of its
salvage, a copy that somebody changed is found and repaired, and a secondary that is stopped is read-only."""
import os
import unittest

from harness import Lab, wait_for
from steady import on_a_steady_machine
from test_mirror import Mirror

EXIT_REFUSED, EXIT_DIFFERS = 3, 6


@on_a_steady_machine
class ReplicatedDirectory(unittest.TestCase):
    def split(self, lab, mirror):
        """node2 takes over while node1 goes on; both write; node1 gives way."""
        mirror.shell("node1", "echo row 1 > table; echo same > same; sync table")
        lab.sandbox.cut("node1", "node2")
        lab.wait_states({"node1": "ALONE", "node2": "ALONE"})
        mirror.shell("node1", "echo row of the loser >> table; echo own > 'only here'; sync table")
        mirror.shell("node2", "echo row of the winner >> table; sync table")
        lab.sandbox.heal()
        mirror.wait_up_to_date("node2")
        self.assertTrue(mirror.equal_soon(), mirror.differences())

    def test_what_the_loser_of_a_split_brain_wrote_is_in_its_salvage(self):
        with Lab(on_disk=True) as lab:
            mirror = Mirror(lab)
            mirror.start()
            self.split(lab, mirror)
            self.assertEqual(mirror.shell("node1", "cat table").stdout, "row 1\nrow of the winner\n")
            self.assertEqual(lab.status("node1")["replication"]["salvaged"]["sets"], 1)
            self.assertIn("1 set of salvaged data", lab.agent("node1", "status", "-m", "demo"))
            said = lab.agent("node1", "salvage", "list", "-m", "demo")
            self.assertIn("beside a newer primary", said)
            name = said.split()[0]
            shown = lab.agent("node1", "salvage", "show", name, "-m", "demo")
            self.assertIn("only%20here", shown)
            self.assertNotIn("same", shown)
            lab.agent("node1", "salvage", "extract", name, "/run/out", "-m", "demo")
            self.assertEqual(mirror.shell("node1", "cat /run/out/table '/run/out/only here'").stdout,
                             "row 1\nrow of the loser\nown\n")
            refused = lab.agent_result("node1", "salvage", "extract", name, "/var/lib/mysql/x", "-m", "demo")
            self.assertEqual(refused.returncode, EXIT_REFUSED)
            self.assertIn("nothing was salvaged", lab.agent("node2", "salvage", "list", "-m", "demo"))
            lab.agent("node1", "salvage", "drop", name, "-m", "demo")
            self.assertTrue(wait_for(lambda: "salvaged" not in lab.status("node1")["replication"], 10))

    def test_a_copy_that_somebody_changed_is_found_and_repaired(self):
        with Lab(on_disk=True) as lab:
            mirror = Mirror(lab)
            mirror.start()
            mirror.shell("node1", "dd if=/dev/urandom of=large bs=1M count=8 conv=fsync status=none")
            verify = ("rfs", "verify", "--wait", "-m", "demo")
            self.assertIn("both copies equal", lab.agent("node1", *verify))
            refused = lab.agent_result("node2", *verify)
            self.assertEqual(refused.returncode, EXIT_REFUSED)
            self.assertIn("is not primary", refused.stderr)
            with open(os.path.join(mirror.backing("node2"), "large"), "r+b") as file:
                file.seek(3_000_000)
                byte = file.read(1)
                file.seek(3_000_000)
                file.write(bytes([byte[0] ^ 1]))
            found = lab.agent_result("node1", *verify)
            self.assertEqual(found.returncode, EXIT_DIFFERS, found.stdout)
            self.assertIn("large: content, 65536 bytes at 2949120", found.stdout)
            self.assertIn("differs in 1 place", lab.agent_log("node1"))
            self.assertIn("1 difference", lab.agent("node1", "status", "-m", "demo"))
            self.assertIn("repaired", lab.agent("node1", *verify, "--repair"))
            self.assertTrue(mirror.equal_soon(), mirror.differences())
            self.assertIn("both copies equal", lab.agent("node1", *verify))

    def test_a_secondary_that_is_stopped_is_closed_and_what_is_changed_all_the_same_is_told(self):
        with Lab(on_disk=True) as lab:
            mirror = Mirror(lab)
            mirror.start()
            mirror.shell("node1", "echo one > file; sync file")
            lab.agent("node2", "stop", "-m", "demo")
            lab.wait_states({"node2": "STOP", "node1": "ALONE"})
            refused = mirror.shell("node2", "echo two > file", check=False)
            self.assertIn("Read-only", refused.stderr)
            mirror.shell("node2", "cd /; umount /var/lib/mysql; echo by hand > /var/lib/mysql/file")
            lab.agent("node2", "start", "-m", "demo")
            mirror.wait_up_to_date("node1")
            self.assertIn("was changed while the module was stopped on this node: \"file\"", lab.agent_log("node2"))
            self.assertTrue(mirror.equal_soon(), mirror.differences())
            self.assertEqual(mirror.shell("node2", "cat file").stdout, "one\n")
            self.assertIn("changed while the module was stopped", lab.agent("node2", "salvage", "list", "-m", "demo"))


if __name__ == "__main__":
    unittest.main()
