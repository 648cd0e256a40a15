#!/usr/bin/env python3
"""Changing the cluster key of a running pair with its witness: nobody notices it."""
import os
import shutil
import signal
import time
import unittest

from harness import MODULE, NODES, Lab, WITNESS, wait_for
from steady import on_a_steady_machine

KEY = "etc/clusteragent/cluster.key"
WITNESS_KEY = "etc/clusteragent/witness.d/lab.key"


@on_a_steady_machine
class KeyRotation(unittest.TestCase):
    def prepare(self, lab):
        lab.start_witness()
        lab.write_module(check_section=WITNESS)
        lab.start_cluster()
        lab.start_responders()
        lab.wait_served_by("node1")
        self.assertTrue(wait_for(lambda: self.witness_promises(lab), 10))

    def witness_promises(self, lab):
        return (lab.status("node1")["witness"].get("promise_left_ms") or 0) > 0

    def path(self, lab, host, suffix=""):
        return os.path.join(lab.sandbox.root(host), (WITNESS_KEY if host == "witness" else KEY) + suffix)

    def keygen(self, lab, host, *words):
        out = ["--out", self.path(lab, host)] if host == "witness" else []
        return lab.agent_result(host, "keygen", *words, *out)

    def expect_done(self, result):
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def copy_next(self, lab, host):
        shutil.copyfile(self.path(lab, "node1", ".next"), self.path(lab, host, ".next"))
        os.chmod(self.path(lab, host, ".next"), 0o600)

    def keys(self, lab, node):
        return lab.status(node)["keys"]

    def roles(self, lab, node):
        return [key["role"] for key in self.keys(lab, node)["accepts"]]

    def spread_next(self, lab):
        self.expect_done(self.keygen(lab, "node1", "--next"))
        for host in ("node2", "witness"):
            self.copy_next(lab, host)
            self.reload(lab, host)

    def reload(self, lab, host):
        result = self.keygen(lab, host, "--reload")
        self.expect_done(result)
        self.assertIn("serves 1 clusters" if host == "witness" else "accepts the next", result.stdout)

    def lives(self, lab):
        return {node: (lab.sandbox.host(node)["agents"][MODULE]["pid"], lab.status(node)["local"]["epoch"])
                for node in NODES}

    def test_a_change_that_nobody_notices(self):
        with Lab() as lab:
            self.prepare(lab)
            before = self.lives(lab)
            old = self.keys(lab, "node1")["signs_with"]
            probe, observer = lab.start_probe(), lab.start_observer()
            refused = self.keygen(lab, "node1", "--activate")
            self.assertEqual(refused.returncode, 3, "there is no next key")
            self.expect_done(self.keygen(lab, "node1", "--next"))
            refused = self.keygen(lab, "node1", "--activate")
            self.assertEqual(refused.returncode, 3, refused.stdout)
            self.assertIn("does not accept the next key", refused.stderr)
            for host in ("node2", "witness"):
                self.copy_next(lab, host)
                self.reload(lab, host)
            self.assertTrue(wait_for(lambda: self.keygen(lab, "node1", "--activate").returncode == 0, 10))
            self.assertEqual(self.roles(lab, "node1"), ["current", "previous"])
            self.assertTrue(wait_for(lambda: self.keys(lab, "node2")["peer_signs_with"] != old, 5))
            self.assertEqual(self.keys(lab, "node2")["signs_with"], old)
            refused = self.keygen(lab, "node1", "--retire")
            self.assertEqual(refused.returncode, 3)
            self.assertIn("still signs with the previous key", refused.stderr)
            self.expect_done(self.keygen(lab, "witness", "--activate"))
            self.assertTrue(wait_for(lambda: self.keygen(lab, "node2", "--activate").returncode == 0, 5))
            self.assertTrue(wait_for(lambda: self.keygen(lab, "node1", "--retire").returncode == 0, 5))
            for host in ("node2", "witness"):
                self.assertTrue(wait_for(lambda host=host: self.keygen(lab, host, "--retire").returncode == 0, 5))
            time.sleep(2)
            self.assertTrue(self.witness_promises(lab))
            for node in NODES:
                self.assertEqual(self.roles(lab, node), ["current"])
                self.assertEqual(lab.status(node)["frames"]["bad_mac"], 0)
            self.assertEqual(self.lives(lab), before, "the same agents in the same epoch")
            client, seen = probe.finish(), observer.finish()
            self.assertEqual(client["outages"], [])
            self.assertEqual(seen["dual_ms"], 0)
            for node in NODES:
                log = lab.agent_log(node)
                for word in ("no heartbeat", "does not answer"):
                    self.assertNotIn(word, log[log.find("keys read again"):])
            # What the change was for: who has only the old key is nobody any more, and a take-over works.
            lab.sandbox.power_off("node1")
            lab.wait_served_by("node2")

    def test_a_file_that_is_not_in_order_changes_nothing(self):
        with Lab() as lab:
            self.prepare(lab)
            self.spread_next(lab)
            before = self.keys(lab, "node2")
            self.assertEqual(self.roles(lab, "node2"), ["current", "next"])
            os.chmod(self.path(lab, "node2", ".next"), 0o644)
            refused = self.keygen(lab, "node2", "--reload")
            self.assertEqual(refused.returncode, 3)
            self.assertIn("chmod 600", refused.stderr)
            with open(self.path(lab, "node2"), "w", encoding="utf-8") as file:
                file.write("0123")
            agent = lab.sandbox.agents("node2", MODULE)
            os.kill(next(iter(agent.values()))["pid"], signal.SIGHUP)
            self.assertTrue(wait_for(lambda: lab.agent_log("node2").count("keys not changed") == 2, 5))
            self.assertEqual(self.keys(lab, "node2")["accepts"], before["accepts"])
            self.assertEqual(lab.state("node2"), "SECOND")

    def test_the_previous_key_ends_at_its_time(self):
        with Lab() as lab:
            self.prepare(lab)
            self.spread_next(lab)
            for node in NODES:
                self.assertTrue(wait_for(lambda node=node: self.keygen(lab, node, "--activate").returncode == 0, 10))
            with open(self.path(lab, "node2", ".previous"), encoding="utf-8") as file:
                key = file.readline()
            end = time.strftime("until %Y-%m-%dT%H:%M:%SZ\n", time.gmtime(time.time() + 3))
            with open(self.path(lab, "node2", ".previous"), "w", encoding="utf-8") as file:
                file.write(key + end)
            self.expect_done(self.keygen(lab, "node2", "--reload"))
            self.assertEqual(self.roles(lab, "node2"), ["current", "previous"])
            self.assertTrue(wait_for(lambda: self.roles(lab, "node2") == ["current"], 10))
            self.assertIn("it is accepted no more", lab.agent_log("node2"))
            self.assertEqual(self.roles(lab, "node1"), ["current", "previous"], "each machine ends its own")
            self.assertEqual({node: lab.state(node) for node in NODES}, {"node1": "PRIM", "node2": "SECOND"})

    def test_the_guard_of_an_agent_that_changed_its_key_is_believed(self):
        with Lab() as lab:
            self.prepare(lab)
            self.spread_next(lab)
            for node in ("node2", "node1"):
                self.assertTrue(wait_for(lambda node=node: self.keygen(lab, node, "--activate").returncode == 0, 10))
            for node in NODES:
                self.expect_done(self.keygen(lab, node, "--retire", "--force"))
            (agent,) = lab.sandbox.agents("node1", MODULE).values()
            os.kill(agent["pid"], signal.SIGKILL)
            lab.wait_served_by("node2")
            self.assertEqual(lab.status("node2")["frames"]["bad_mac"], 0)


if __name__ == "__main__":
    unittest.main()
