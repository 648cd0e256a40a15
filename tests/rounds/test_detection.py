#!/usr/bin/env python3
"""What would be wrong with the data is made by hand, behind the application's back, and the rounds' own judgement finds
it: a lost id, a doubled one, one from nowhere, a file that differs, a mode that differs."""
import os
import sqlite3
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), folder) for folder in ("e2e", "campaign", "support")]

import acknowledged  # noqa: E402
import tree  # noqa: E402
from applications import APPLICATIONS  # noqa: E402
from standalone import Standalone  # noqa: E402

LOADED = 50


class Detection(unittest.TestCase):
    """A database that was loaded, and a copy of its directory as the other node has it."""

    def setUp(self):
        self.server = Standalone(APPLICATIONS["sqlite"])
        self.enterContext(self.server)
        self.server.start()
        self.server.start_load()
        self.server.wait_acknowledged(LOADED)
        self.server.finish_load()
        self.copy = os.path.join(self.server.folder, "copy")
        subprocess.run(["cp", "-a", self.server.data, self.copy], check=True, timeout=60)
        self.some_id = min(self.server.ledger.read().acknowledged)

    def change(self, statement):
        with sqlite3.connect(os.path.join(self.server.data, "entries.sqlite"), timeout=10) as database:
            database.execute(statement)

    def verdict(self):
        return acknowledged.judge(self.server.ledger.read(), self.server.ids())

    def found(self):
        return tree.differences(tree.snapshot(self.server.data), tree.snapshot(self.copy))

    def test_nothing_is_wrong(self):
        self.assertEqual(self.found(), [])  # first: a reader leaves its mark in the shared memory file
        self.assertTrue(acknowledged.is_kept(self.verdict()))

    def test_lost_id(self):
        self.change(f"DELETE FROM entries WHERE id = {self.some_id}")
        self.assertEqual(self.verdict().lost, [self.some_id])

    def test_double_id(self):
        self.change(f"INSERT INTO entries (id, payload) SELECT id, payload FROM entries WHERE id = {self.some_id}")
        self.assertEqual(self.verdict().twice, [self.some_id])

    def test_id_from_nowhere(self):
        self.change("INSERT INTO entries (id, payload) VALUES (999999999, 'x')")
        self.assertEqual(self.verdict().unasked, [999999999])

    def test_one_byte_of_a_file(self):
        path = os.path.join(self.copy, "entries.sqlite-wal")
        moment = os.stat(path).st_mtime_ns
        with open(path, "r+b") as file:
            file.seek(5000)
            byte = file.read(1)[0]
            file.seek(5000)
            file.write(bytes([byte ^ 1]))
        os.utime(path, ns=(moment, moment))
        self.assertEqual([(one.path, one.what) for one in self.found()], [(b"entries.sqlite-wal", "blocks")])

    def test_mode_of_a_file(self):
        os.chmod(os.path.join(self.copy, "entries.sqlite"), 0o600)
        self.assertEqual([(one.path, one.what) for one in self.found()], [(b"entries.sqlite", "mode")])


if __name__ == "__main__":
    unittest.main()
