"""The shell library, and all module scripts before shellcheck."""
import glob
import os
import shutil
import subprocess
import time
import unittest

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
LIBRARY = os.path.join(REPOSITORY, "scripts/lib/clusteragent.sh")


def shell(code, timeout=20):
    return subprocess.run(["/bin/sh", "-c", f'. "{LIBRARY}"\n{code}'], capture_output=True, text=True, timeout=timeout,
                          check=False)


class Library(unittest.TestCase):
    def test_wait_until_has_its_bound(self):
        began = time.monotonic()
        self.assertEqual(shell("ca_wait_until 1 false").returncode, 1)
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(shell("ca_wait_until 5 true").returncode, 0)

    def test_pid_file_must_hold_a_number(self):
        cases = (("4711\n", "4711\n"), ("4711", "4711\n"), ("", ""), ("-1\n", ""), ("12x\n", ""), ("1\n", ""))
        for content, expected in cases:
            done = shell(f'file=$(mktemp); printf "{content}" >"$file"\n'
                         'ca_pid_in "$file"; code=$?; rm "$file"; exit $code')
            self.assertEqual(done.stdout, expected, content)
            self.assertEqual(done.returncode == 0, bool(expected), content)
        self.assertNotEqual(shell("ca_pid_in /nowhere/pid").returncode, 0)

    def test_zombie_is_not_alive(self):
        child = subprocess.Popen(["true"])
        try:
            deadline = time.monotonic() + 10
            while shell(f"ca_is_alive {child.pid}").returncode == 0 and time.monotonic() < deadline:
                time.sleep(0.01)
            self.assertEqual(shell(f"ca_is_alive {child.pid}").returncode, 1)
        finally:
            child.wait()

    def test_program_is_told_by_its_executable_or_its_script(self):
        child = subprocess.Popen(["sleep", "600"])
        try:
            self.assertEqual(shell(f"ca_is_program {child.pid} mysqld sleep").returncode, 0)
            self.assertEqual(shell(f"ca_is_program {child.pid} mysqld mariadbd").returncode, 1)
        finally:
            child.kill()
            child.wait()

    def test_die_says_why_and_fails_even_inside_a_substitution(self):
        done = shell('x=$(ca_die "the reason") || exit 1; echo went on')
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("the reason", done.stderr)

    def test_scripts_pass_shellcheck(self):
        self.assertIsNotNone(shutil.which("shellcheck"), "shellcheck is missing: scripts/setup test")
        scripts = [LIBRARY, os.path.join(REPOSITORY, "scripts/shim/safekit"),
                   *sorted(glob.glob(os.path.join(REPOSITORY, "modules/*/bin/*")))]
        done = subprocess.run(["shellcheck", "-x", "-P", REPOSITORY, *scripts], capture_output=True, text=True,
                              timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    unittest.main()
