#!/usr/bin/env python3
"""Each application of the rounds without any cluster: killed outright in the middle of the load and started again, it
has every id that it acknowledged, once. What the rounds find is then not the application's own doing."""
import os
import sys
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "e2e")]

import acknowledged  # noqa: E402
from applications import APPLICATIONS  # noqa: E402
from standalone import Standalone  # noqa: E402

BEFORE, AFTER = 200, 50


class Drivers(unittest.TestCase):
    def survives_kill(self, name):
        with Standalone(APPLICATIONS[name]) as server:
            server.start()
            server.start_load()
            server.wait_acknowledged(BEFORE)
            self.assertNotEqual(server.kill(), [])
            server.wait_gone()
            server.start()
            server.wait_acknowledged(AFTER)
            server.finish_load()
            verdict = acknowledged.judge(server.ledger.read(), server.ids())
            self.assertTrue(acknowledged.is_kept(verdict), acknowledged.describe(verdict))
            self.assertGreaterEqual(verdict.acknowledged, BEFORE + AFTER)
            self.assertNotEqual(server.pids(), [])
            self.assertEqual(server.script("stop_prim"), (0, ""))
            server.wait_gone()

    def test_mariadb(self):
        self.survives_kill("mariadb")

    def test_postgresql(self):
        self.survives_kill("postgresql")

    def test_sqlite(self):
        self.survives_kill("sqlite")


if __name__ == "__main__":
    unittest.main()
