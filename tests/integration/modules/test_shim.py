"""The safekit shim: what it makes of each command, seen by a stand-in for clusteragent."""
import os
import subprocess
import tempfile
import unittest

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
SHIM = os.path.join(REPOSITORY, "scripts/shim/safekit")
STAND_IN = '#!/bin/sh\nfor word in "$@"; do printf "[%s]" "$word"; done\nexit "${STAND_IN_EXIT:-0}"\n'


class Shim(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.agent = os.path.join(self.folder.name, "clusteragent")
        with open(self.agent, "w", encoding="utf-8") as file:
            file.write(STAND_IN)
        os.chmod(self.agent, 0o755)

    def call(self, *arguments, **environment):
        variables = {"PATH": os.environ["PATH"], "CLUSTERAGENT_BIN": self.agent, **environment}
        return subprocess.run([SHIM, *arguments], env=variables, capture_output=True, text=True, timeout=20,
                              check=False)

    def check(self, arguments, expected, **environment):
        done = self.call(*arguments, **{"SAFEMODULE": "mysql", **environment})
        self.assertEqual((done.stdout, done.stderr), (expected, ""))

    def test_messages_keep_their_words(self):
        self.check(["printi", "MySQL  started"], "[printi][-m][mysql][--][MySQL  started]")
        self.check(["printw", "two", "words"], "[printw][-m][mysql][--][two words]")
        self.check(["printe", "* $HOME `id`"], "[printe][-m][mysql][--][* $HOME `id`]")

    def test_module_of_the_command_line_wins(self):
        self.check(["printi", "-m", "other", "x"], "[printi][-m][other][--][x]")

    def test_actions_carry_their_identity(self):
        for verb in ("stop", "stopstart", "restart", "swap"):
            self.check([verb, "-i", "start_prim"], f"[{verb}][-m][mysql][-i][start_prim]")
        self.check(["start"], "[start][-m][mysql]")

    def test_roles(self):
        self.check(["prim"], "[prim][-m][mysql]")
        self.check(["primforce"], "[prim][--force][-m][mysql]")
        self.check(["second"], "[second][-m][mysql]")

    def test_root_and_node_are_passed_on(self):
        self.check(["start"], "[--root][/tmp/a b][--node][n1][start][-m][mysql]", CLUSTERAGENT_ROOT="/tmp/a b",
                   CLUSTERAGENT_NODE="n1")

    def test_state_by_exit_code_is_silent(self):
        done = self.call("state", "-lq", SAFEMODULE="mysql", STAND_IN_EXIT="3")
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        self.check(["state"], "[status][-m][mysql]")

    def test_exit_code_is_the_agents(self):
        self.assertEqual(self.call("stop", SAFEMODULE="mysql", STAND_IN_EXIT="4").returncode, 4)

    def test_what_cannot_be_translated_says_so(self):
        for arguments in (["errd", "off"], ["rfsverify"], [], ["printi"], ["stop", "now"], ["stop", "-i"]):
            done = self.call(*arguments, SAFEMODULE="mysql")
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn("safekit (clusteragent):", done.stderr)

    def test_module_is_asked_for(self):
        done = self.call("stop")
        self.assertEqual(done.returncode, 2)
        self.assertIn("-m MODULE", done.stderr)

    def test_missing_program_is_named(self):
        done = self.call("stop", SAFEMODULE="mysql", CLUSTERAGENT_BIN="/nowhere/clusteragent")
        self.assertEqual(done.returncode, 2)
        self.assertIn("/nowhere/clusteragent", done.stderr)


if __name__ == "__main__":
    unittest.main()
