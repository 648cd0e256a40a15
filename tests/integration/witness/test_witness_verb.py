#!/usr/bin/env python3
"""`clusteragent witness run` and `witness status` as an administrator sees them."""
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import unittest

PROGRAM = os.environ["CLUSTERAGENT_PROGRAM"]
LISTEN = "127.0.0.1:9297"
PATIENCE_S = 10


class WitnessVerb(unittest.TestCase):
    def setUp(self):
        self.holder = tempfile.TemporaryDirectory()
        self.root = self.holder.name
        self.keys = os.path.join(self.root, "etc/clusteragent/witness.d")
        os.makedirs(self.keys)
        self.daemon = None

    def tearDown(self):
        if self.daemon:
            self.daemon.kill()
            self.daemon.communicate()
        self.holder.cleanup()

    def run_program(self, *words):
        return subprocess.run([PROGRAM, "--root", self.root, *words], capture_output=True, text=True,
                              timeout=PATIENCE_S, check=False)

    def make_key(self, name):
        self.assertEqual(self.run_program("keygen", "--out", os.path.join(self.keys, name)).returncode, 0)

    def start(self):
        """Returns once it has told systemd that it is ready."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            path = os.path.join(self.root, "notify")
            if os.path.exists(path):
                os.unlink(path)
            manager.bind(path)
            manager.settimeout(PATIENCE_S)
            self.daemon = subprocess.Popen([PROGRAM, "--root", self.root, "witness", "run", "--listen", LISTEN],
                                           stderr=subprocess.PIPE, text=True,
                                           env={**os.environ, "NOTIFY_SOCKET": path})
            self.assertEqual(manager.recv(100), b"READY=1")

    def status(self):
        done = self.run_program("witness", "status", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_without_a_key_or_with_a_wrong_address_it_says_what_to_do(self):
        done = self.run_program("witness", "run")
        self.assertEqual(done.returncode, 5)
        self.assertIn(self.keys, done.stderr)
        for wrong in ("9200", "host", "::1:9200", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:70000", ":9200"):
            done = self.run_program("witness", "run", "--listen", wrong)
            self.assertEqual(done.returncode, 2, wrong)
            self.assertIn("ADDRESS:PORT", done.stderr)

    def test_it_runs_shows_its_state_and_ends_in_order(self):
        self.make_key("shop.key")
        self.start()
        status = self.status()
        self.assertEqual([cluster["key_file"] for cluster in status["clusters"]], ["shop.key"])
        self.assertEqual(status["port"], 9297)
        self.assertIn("cluster shop.key", self.run_program("witness", "status").stdout)
        self.daemon.send_signal(signal.SIGTERM)
        self.assertEqual(self.daemon.wait(PATIENCE_S), 0)
        done = self.run_program("witness", "status")
        self.assertEqual(done.returncode, 4)
        self.assertIn("clusteragent-witness", done.stderr)

    def test_it_reads_keys_again_and_leaves_out_what_others_may_read(self):
        self.make_key("shop.key")
        self.start()
        self.make_key("mail.key")
        self.make_key("open.key")
        os.chmod(os.path.join(self.keys, "open.key"), 0o644)
        self.daemon.send_signal(signal.SIGHUP)
        end = time.monotonic() + PATIENCE_S
        names = []
        while len(names) < 2 and time.monotonic() < end:
            names = [cluster["key_file"] for cluster in self.status()["clusters"]]
        self.assertEqual(sorted(names), ["mail.key", "shop.key"])

    def test_a_second_one_does_not_run_on_the_same_files(self):
        self.make_key("shop.key")
        self.start()
        done = self.run_program("witness", "run", "--listen", "127.0.0.1:9296")
        self.assertEqual(done.returncode, 4)
        self.assertEqual(self.status()["port"], 9297)


if __name__ == "__main__":
    unittest.main()
