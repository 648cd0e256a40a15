#!/usr/bin/env python3
"""A whole round on two directories that nobody keeps the same: it must find the ids lost and the directories different.
A judge that has never said no is none."""
import os
import random
import sys
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), folder) for folder in ("e2e", "campaign", "support")]

import rounds_report  # noqa: E402
from applications import APPLICATIONS  # noqa: E402
from harness import Lab  # noqa: E402
from rounds import NotConverged, Rounds  # noqa: E402


class Unmirrored(Rounds):
    """Each node has the directory to itself, and the module says nothing of replication."""

    def __init__(self, lab):
        super().__init__(lab, APPLICATIONS["sqlite"], random.Random(1))
        self.options["rfs"] = ""
        self.identical_patience_s = 0  # nothing is on its way

    def is_up_to_date(self, node):
        return True

    def require_mount(self, node):
        """There is none here, and nobody to make one."""

    def strikes(self):
        """The power of the primary, whatever the dice say: the other node's own data then serve."""
        self.faults.node = self.primary
        return self.strike(self.faults.power())


class Judge(unittest.TestCase):
    def test_says_no(self):
        with Lab() as lab:
            rounds = Unmirrored(lab)
            record = rounds.run(1)
            with self.assertRaisesRegex(NotConverged, "no mount of the engine"):
                Rounds.require_mount(rounds, rounds.primary())
        (only,), lines = record["rounds"], {line.text.split(":")[0]: line for line in rounds_report.judged(record)}
        self.assertNotEqual(only.verdict.lost, [])
        self.assertEqual((only.verdict.twice, only.verdict.unasked), ([], []))
        self.assertIn("'entries.sqlite'", only.differences)
        self.assertEqual({name: line.mark for name, line in lines.items() if line.mark != rounds_report.TOLD},
                         {"ids": "FAIL", "directories": "FAIL", "rounds": "ok  ", "swap": "FAIL"})


if __name__ == "__main__":
    unittest.main()
