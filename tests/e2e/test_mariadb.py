"""The main job: a client on the virtual address asks a real MariaDB; a node loses power, the other node's answers."""
import os
import signal
import time
import unittest

import mariadb
from harness import Lab, wait_for
from steady import on_a_steady_machine

SERVED_AGAIN_S_MAX = 20  # a start of MariaDB on a busy machine; the failover itself is milliseconds


@on_a_steady_machine
class MariaDb(unittest.TestCase):
    def prepare(self, lab):
        mariadb.install(lab)
        lab.write_module(pulse=20, timeout=200, scripts=mariadb.scripts(lab.directory), errd=mariadb.ERRD)
        lab.start_cluster()
        self.assertTrue(wait_for(lambda: mariadb.ask(lab) == "node1", SERVED_AGAIN_S_MAX))

    def test_power_off_and_return(self):
        with Lab() as lab:
            self.prepare(lab)
            lab.sandbox.power_off("node1")
            started = time.monotonic()
            self.assertTrue(wait_for(lambda: mariadb.ask(lab) == "node2", SERVED_AGAIN_S_MAX))
            print(f"first query served {time.monotonic() - started:.2f} s after the power went")
            lab.sandbox.power_on("node1")
            lab.wait_states({"node1": "SECOND", "node2": "PRIM"})
            self.assertEqual(mariadb.server_pids(lab, "node1"), [], "the secondary runs no server")
            self.assertEqual(mariadb.ask(lab), "node2")

    def test_swap_moves_the_server(self):
        with Lab() as lab:
            self.prepare(lab)
            lab.agent("node1", "swap", "-m", "demo")
            self.assertTrue(wait_for(lambda: mariadb.ask(lab) == "node2", SERVED_AGAIN_S_MAX))
            self.assertTrue(wait_for(lambda: mariadb.server_pids(lab, "node1") == [], SERVED_AGAIN_S_MAX))
            lab.wait_states({"node1": "SECOND", "node2": "PRIM"})

    def test_killed_server_is_started_again_on_the_same_node(self):
        with Lab() as lab:
            self.prepare(lab)
            (first,) = mariadb.server_pids(lab, "node1")
            os.kill(first, signal.SIGKILL)
            pids = lambda: mariadb.server_pids(lab, "node1")
            self.assertTrue(wait_for(lambda: pids() not in ([], [first]), SERVED_AGAIN_S_MAX))
            self.assertTrue(wait_for(lambda: mariadb.ask(lab) == "node1", SERVED_AGAIN_S_MAX))
            lab.wait_states({"node1": "PRIM", "node2": "SECOND"})


if __name__ == "__main__":
    unittest.main()
