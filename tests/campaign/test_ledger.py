#!/usr/bin/env python3
"""The judgement over the counter's ledger: what it must find, and what it must let pass."""
import os
import sys
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "e2e")]

from counter import Written, judge, overlaps, parse_line  # noqa: E402


def ledger(*entries):
    """(value, life, id): a line each, in order."""
    return [Written(value, f"node{life}", life, identity, index)
            for index, (value, life, identity) in enumerate(entries)]


def client(*acknowledged, reads=()):
    return {"acknowledged": [list(one) for one in acknowledged], "reads": [list(one) for one in reads]}


class Judgement(unittest.TestCase):
    def found(self, lines, notes):
        return {name: count for name, count in judge(lines, notes).items() if count and name != "acknowledged"}

    def test_all_is_well_and_what_was_not_acknowledged_may_be_there_or_not(self):
        lines = ledger((1, 1, "a1"), (2, 1, "a2"), (3, 2, "a3"))
        self.assertEqual(self.found(lines, client(("a1", 1, 10), ("a3", 3, 30), reads=[(5, 0), (15, 1), (35, 3)])), {})

    def test_lost(self):
        self.assertEqual(self.found(ledger((1, 1, "a1")), client(("a1", 1, 10), ("a2", 2, 20))), {"lost": 1})

    def test_acknowledged_with_another_value_than_written_is_lost(self):
        self.assertEqual(self.found(ledger((1, 1, "a1")), client(("a1", 2, 10))), {"lost": 1})

    def test_twice(self):
        lines = ledger((1, 1, "a1"), (1, 1, "a1"))
        self.assertEqual(self.found(lines, client(("a1", 1, 10))), {"twice": 1, "not_increasing": 1})

    def test_two_that_count_at_once(self):
        lines = ledger((1, 1, "a1"), (2, 1, "a2"), (2, 2, "a3"), (3, 1, "a4"))
        notes = client(("a1", 1, 10), ("a2", 2, 20), ("a3", 2, 30), ("a4", 3, 40))
        self.assertEqual(self.found(lines, notes), {"not_increasing": 1, "interleaved": 1})

    def test_one_left_behind_wrote_without_acknowledging(self):
        lines = ledger((1, 1, "a1"), (2, 2, "a2"), (2, 1, "a3"), (3, 2, "a4"))
        notes = client(("a1", 1, 10), ("a2", 2, 20), ("a4", 3, 40))
        self.assertEqual(self.found(lines, notes), {"interleaved": 2})

    def test_read_older_than_what_was_acknowledged_before_it_was_asked(self):
        lines = ledger((1, 1, "a1"), (2, 1, "a2"))
        notes = client(("a1", 1, 10), ("a2", 2, 20), reads=[(15, 1), (25, 1)])
        self.assertEqual(self.found(lines, notes), {"old_reads": 1})

    def test_overlaps_are_between_hosts(self):
        spans = [(0, 10, "node1"), (8, 20, "node1"), (15, 30, "node2"), (30, 40, "node1")]
        self.assertEqual(overlaps(spans), [(15, 20)])

    def test_a_line(self):
        self.assertEqual(parse_line("7 node1 12 a9 99\n"), Written(7, "node1", 12, "a9", 99))


if __name__ == "__main__":
    unittest.main()
