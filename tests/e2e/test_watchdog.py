#!/usr/bin/env python3
"""The watchdog device: who feeds it, who stops doing so, and who refuses to start without it. The device is one of
paper: the guard here writes down what it would do to it (tests/integration/fence/fake_watchdog_guard.cpp)."""
import os
import shutil
import signal
import stat
import time
import unittest

from harness import MODULE, NODES, Lab, agent_binary, wait_for
from steady import on_a_steady_machine

TIMEOUT_S = 15
FEED_S = TIMEOUT_S / 4
CONFIGURATION = 5


def fake_guard():
    build = os.environ.get("CLUSTERAGENT_BUILD", os.path.dirname(os.path.dirname(agent_binary())))
    return os.path.join(build, "tests/integration/fence/clusteragent-guard-fake-watchdog")


@on_a_steady_machine
class Watchdog(unittest.TestCase):
    def setUp(self):
        self.lab = self.enterContext(Lab())
        # The agent takes the guard that lies beside it.
        folder = os.path.join(self.lab.directory, "program")
        os.mkdir(folder)
        shutil.copy(agent_binary(), os.path.join(folder, "clusteragent"))
        shutil.copy(fake_guard(), os.path.join(folder, "clusteragent-guard"))
        before = os.environ.get("CLUSTERAGENT_BINARY")
        self.addCleanup(lambda: os.environ.pop("CLUSTERAGENT_BINARY") if before is None
                        else os.environ.update(CLUSTERAGENT_BINARY=before))
        os.environ["CLUSTERAGENT_BINARY"] = os.path.join(folder, "clusteragent")
        self.lab.write_module(timeout=300)
        self.lab.sandbox.share_key()

    def device(self, node):
        return os.path.join(self.lab.directory, f"watchdog-{node}")

    def configure(self, node, is_there=True):
        path = os.path.join(self.lab.sandbox.root(node), f"etc/clusteragent/modules/{MODULE}/userconfig.xml")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace("<heart ", f'<heart watchdog="{self.device(node)}" '))
        if is_there:
            os.mknod(self.device(node), stat.S_IFCHR | 0o600, os.makedev(1, 3))  # the null device's number

    def acts(self, node):
        with open(self.device(node) + ".paper", encoding="utf-8") as file:
            return file.read().split()

    def feeds(self, node):
        return self.acts(node).count(".")

    def test_a_frozen_guard_feeds_no_longer_and_an_ordered_stop_ends_the_countdown(self):
        for node in NODES:
            self.configure(node)
        self.lab.start_responders()
        self.lab.start_cluster()
        self.assertEqual(self.lab.status("node1")["watchdog"],
                         {"device": self.device("node1"), "timeout_s": TIMEOUT_S, "problem": ""})
        self.assertIn(f"is reset {TIMEOUT_S} s after", self.lab.agent_log("node1"))
        before = self.feeds("node1")
        self.assertTrue(wait_for(lambda: self.feeds("node1") > before, 2 * FEED_S))
        self.lab.sandbox.freeze("node1", signal.SIGSTOP, False, "clusteragent-guard")
        before, others = self.feeds("node1"), self.feeds("node2")
        time.sleep(2 * FEED_S)
        self.assertEqual(self.feeds("node1"), before)
        self.assertGreater(self.feeds("node2"), others)
        self.lab.wait_served_by("node1")
        self.lab.sandbox.freeze("node1", signal.SIGCONT, False, "clusteragent-guard")
        self.assertTrue(wait_for(lambda: self.feeds("node1") > before, FEED_S))
        self.lab.sandbox.signal_agent("node1", signal.SIGTERM)
        self.assertTrue(wait_for(lambda: self.acts("node1")[-2:] == ["V", "closed"], 2 * FEED_S))

    def test_without_the_device_the_agent_does_not_start(self):
        self.configure("node1", is_there=False)
        refused = self.lab.agent_result("node1", "run", "-m", MODULE)
        self.assertEqual(refused.returncode, CONFIGURATION, refused.stderr)
        self.assertIn("there is no such device", refused.stderr)

    def test_a_busy_device_is_a_refusal_at_the_start(self):
        self.configure("node1")
        with open(self.device("node1") + ".busy", "w", encoding="utf-8"):
            pass
        refused = self.lab.agent_result("node1", "run", "-m", MODULE)
        self.assertEqual(refused.returncode, CONFIGURATION, refused.stderr)
        self.assertIn("RuntimeWatchdogSec", refused.stderr)
        self.assertIn("remove the attribute", refused.stderr)


if __name__ == "__main__":
    unittest.main()
