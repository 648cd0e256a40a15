#!/usr/bin/env python3
"""The judgement over ids, and the lines that the rounds end with: what they must find, and what they must let pass."""
import collections
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), folder) for folder in ("e2e", "campaign", "support")]

import acknowledged  # noqa: E402
import rounds_report  # noqa: E402
from rounds import Round  # noqa: E402


class Judgement(unittest.TestCase):
    def setUp(self):
        self.file = tempfile.NamedTemporaryFile("w", encoding="ascii")  # pylint: disable=consider-using-with
        self.addCleanup(self.file.close)
        self.ledger = acknowledged.Ledger(self.file.name)
        self.write("asked 1\nasked 2\nacknowledged 1\nasked 3\nacknowledged 3\n")

    def write(self, text):
        self.file.write(text)
        self.file.flush()

    def found(self, *ids):
        return acknowledged.judge(self.ledger.read(), ids)

    def test_all_is_well_and_what_was_not_acknowledged_may_be_there_or_not(self):
        for ids, others in (((1, 3), 0), ((3, 2, 1), 1)):
            self.assertEqual(self.found(*ids), acknowledged.Verdict(2, [], [], [], others))

    def test_lost(self):
        self.assertEqual(self.found(1, 2).lost, [3])

    def test_twice_whether_acknowledged_or_not(self):
        self.assertEqual(self.found(1, 1, 2, 2, 3).twice, [1, 2])

    def test_never_asked_for(self):
        self.assertEqual(self.found(1, 3, 4).unasked, [4])

    def test_each_of_them_breaks_the_promise(self):
        for ids in ((1,), (1, 1, 3), (1, 3, 4)):
            self.assertFalse(acknowledged.is_kept(self.found(*ids)), ids)

    def test_a_ledger_that_grows_is_read_on_and_half_a_line_waits(self):
        self.ledger.read()
        self.write("asked 4\nacknow")
        self.assertEqual(self.ledger.read().acknowledged, {1, 3})
        self.write("ledged 4\n")
        self.assertEqual(self.ledger.read().acknowledged, {1, 3, 4})

    def test_no_ledger_is_an_empty_one(self):
        self.assertEqual(acknowledged.Ledger(self.file.name + "-none").read().asked, set())


GOOD = acknowledged.Verdict(10, [], [], [], 1)


class Report(unittest.TestCase):
    def is_kept(self, *rounds, **changed):
        record = {"rounds": list(rounds), "wanted": len(rounds), "restarted": collections.Counter(), "is_shared": False,
                  "faults": collections.Counter(), "swapped": (GOOD, "0"), **changed}
        return rounds_report.is_kept(rounds_report.judged(record))

    @staticmethod
    def round(verdict=GOOD, differences="0"):
        return Round(1, "power node1", 1.0, 5.0, verdict, differences, 7)

    def test_all_is_well(self):
        self.assertTrue(self.is_kept(self.round(), self.round()))

    def test_each_promise_can_be_broken(self):
        lost = GOOD._replace(lost=[3])
        self.assertFalse(self.is_kept(self.round(lost), self.round()), "in any round, not only in the last one")
        self.assertFalse(self.is_kept(self.round(differences="1 (mode 1)"), self.round()))
        self.assertFalse(self.is_kept(self.round(), self.round(verdict=None)))
        self.assertFalse(self.is_kept(self.round(), wanted=2))
        self.assertFalse(self.is_kept(self.round(), swapped=None))
        self.assertFalse(self.is_kept(self.round(), swapped="node1 is primary still"))
        self.assertFalse(self.is_kept(self.round(), swapped=(lost, "0")))
        self.assertFalse(self.is_kept(self.round(), swapped=(GOOD, "1 (mode 1)")))
        self.assertFalse(self.is_kept(self.round(acknowledged.Verdict(0, [], [], [], 0))), "nothing was tried")
        self.assertFalse(self.is_kept())


if __name__ == "__main__":
    unittest.main()
