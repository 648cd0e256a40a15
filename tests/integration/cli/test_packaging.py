#!/usr/bin/env python3
"""Installs into a directory and looks at what is there: files, unit, manual pages, completion."""
import os
import re
import subprocess
import tempfile
import unittest

BUILD = os.environ["CLUSTERAGENT_BUILD"]
SOURCE = os.environ["CLUSTERAGENT_SOURCE"]
CMAKE = os.environ.get("CMAKE", "cmake")
PATIENCE_S = 60

EXPECTED = [
    "sbin/clusteragent", "libexec/clusteragent/clusteragent-guard", "lib/clusteragent/safe/safekit",
    "lib/clusteragent/lib/clusteragent.sh", "lib/systemd/system/clusteragent@.service",
    "lib/systemd/system/clusteragent@mysql_replication.service.d/server.conf",
    "lib/systemd/system/clusteragent-witness.service", "lib/sysusers.d/clusteragent.conf",
    "lib/tmpfiles.d/clusteragent.conf", "share/man/man8/clusteragent.8",
    "share/man/man5/clusteragent-userconfig.5", "share/bash-completion/completions/clusteragent",
    "share/clusteragent/modules/mysql/userconfig.xml", "share/clusteragent/modules/mysql/bin/start_prim",
    "share/clusteragent/modules/generic/userconfig.xml", "share/doc/clusteragent/operating.md",
    "share/doc/clusteragent/reference.md", "share/doc/clusteragent/witness.md", "etc/clusteragent/modules",
    "etc/clusteragent/witness.d"]
EXECUTABLE = ["sbin/clusteragent", "lib/clusteragent/safe/safekit", "share/clusteragent/modules/mysql/bin/start_prim"]


def run(*argv, **options):
    return subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE_S, check=False, **options)


class Packaging(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory()
        cls.prefix = cls.holder.name
        done = run(CMAKE, "--install", BUILD, "--prefix", cls.prefix)
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)

    @classmethod
    def tearDownClass(cls):
        cls.holder.cleanup()

    def at(self, path):
        return os.path.join(self.prefix, path)

    def read(self, path):
        with open(self.at(path), encoding="utf-8") as file:
            return file.read()

    def test_every_file_is_where_debian_expects_it(self):
        self.assertEqual([path for path in EXPECTED if not os.path.exists(self.at(path))], [])
        self.assertEqual([path for path in EXECUTABLE if not os.access(self.at(path), os.X_OK)], [])

    def test_destdir_and_the_system_prefix_put_the_configuration_below_etc(self):
        with tempfile.TemporaryDirectory() as stage:
            done = run(CMAKE, "--install", BUILD, "--prefix", "/usr", env={**os.environ, "DESTDIR": stage})
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(os.path.isdir(os.path.join(stage, "etc/clusteragent/modules")))
            self.assertTrue(os.path.isfile(os.path.join(stage, "usr/sbin/clusteragent")))
            with open(os.path.join(stage, "usr/lib/systemd/system/clusteragent@.service"), encoding="utf-8") as file:
                self.assertIn("ExecStart=/usr/sbin/clusteragent run", file.read())

    def test_the_unit_is_clean(self):
        for name in ("clusteragent@.service", "clusteragent-witness.service"):
            # Manual pages are found by man(1) only once they are installed for the whole machine.
            done = run("systemd-analyze", "verify", "--man=no", self.at("lib/systemd/system/" + name))
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""), name)

    def test_the_witness_keeps_its_promises_over_a_restart_and_has_no_privilege(self):
        text = self.read("lib/systemd/system/clusteragent-witness.service")
        for line in ("Type=notify", "RuntimeDirectoryPreserve=yes", "StateDirectory=clusteragent-witness",
                     "CapabilityBoundingSet=", "NoNewPrivileges=yes", "ProtectSystem=strict"):
            self.assertRegex(text, f"(?m)^{re.escape(line)}$")
        self.assertNotRegex(text, "(?m)^ProcSubset=", "hides the boot id")

    def test_the_unit_lets_the_guard_and_the_application_live(self):
        text = self.read("lib/systemd/system/clusteragent@.service")
        for line in ("Type=notify", "KillMode=process", "Delegate=yes", "OOMPolicy=continue", "LimitMEMLOCK=infinity",
                     "LimitNOFILE=1024:524288"):
            self.assertRegex(text, f"(?m)^{re.escape(line)}$")
        for setting in ("ProtectSystem", "PrivateTmp", "ReadOnlyPaths", "NoNewPrivileges", "PrivateNetwork"):
            self.assertNotRegex(text, f"(?m)^{setting}=", "breaks what the module's scripts may do")

    def test_manual_pages_are_sound(self):
        for page in ("share/man/man8/clusteragent.8", "share/man/man5/clusteragent-userconfig.5"):
            done = run("groff", "-man", "-ww", "-z", "-Tutf8", self.at(page))
            self.assertEqual((done.returncode, done.stderr), (0, ""), page)

    def test_manual_and_completion_know_every_verb_and_no_other(self):
        shown = run(self.at("sbin/clusteragent"), "--help").stdout.split("Subcommands:")[1]
        verbs = set(re.findall(r"(?m)^  ([a-z][a-z-]*)\b", shown))
        self.assertIn("status", verbs)
        manual = self.read("share/man/man8/clusteragent.8")
        self.assertEqual([verb for verb in verbs if not re.search(rf"\b{verb}\b", manual)], [])
        completion = run("bash", "-c", f". {self.at('share/bash-completion/completions/clusteragent')}; "
                         "COMP_WORDS=(clusteragent ''); COMP_CWORD=1; _clusteragent; echo \"${COMPREPLY[@]}\"")
        self.assertEqual(completion.stderr, "")
        self.assertEqual({word for word in completion.stdout.split() if not word.startswith("-")}, verbs)

    def test_completion_offers_installed_modules(self):
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, "etc/clusteragent/modules/web"))
            open(os.path.join(root, "etc/clusteragent/modules/web/userconfig.xml"), "w", encoding="utf-8").close()
            done = run("bash", "-c", f". {self.at('share/bash-completion/completions/clusteragent')}; "
                       f"COMP_WORDS=(clusteragent --root {root} status -m ''); COMP_CWORD=5; _clusteragent; "
                       "echo \"${COMPREPLY[@]}\"")
        self.assertEqual(done.stdout.split(), ["web"])

    def test_the_installed_program_runs_from_there(self):
        done = run(self.at("sbin/clusteragent"), "version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^clusteragent \d+\.\d+\.\d+ ")


if __name__ == "__main__":
    unittest.main()
