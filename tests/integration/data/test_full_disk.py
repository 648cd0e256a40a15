"""A disk that runs full in the middle of an operation: what came to be of it before is on the replica as well."""
import errno
import os
import subprocess
import sys
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TESTS, "support"))
from engine_pair import PATIENCE_S, enter_own_namespaces, pair  # noqa: E402
from test_engine import soon  # noqa: E402
from tree import compare  # noqa: E402

DISK_BYTES = 4 * 1024 * 1024
WRITE_BYTES = 1024 * 1024
FULL_S = 6


def small_disk(node, directory):
    if node == "node1":
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", directory], check=True)


def small_disk_of_the_secondary(node, directory):
    if node == "node2":
        small_disk("node1", directory)


class FullDisk(unittest.TestCase):
    def setUp(self):
        enter_own_namespaces()

    def fill(self, path, flags=0):
        """Writes until the disk is full; the error, and how much the application was told of."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o644)
        told = 0
        try:
            while True:
                told += os.pwrite(descriptor, os.urandom(WRITE_BYTES - 4096), told)
        except OSError as problem:
            return problem.errno, told
        finally:
            os.close(descriptor)

    def compare(self, flags):
        with pair(prepare=small_disk) as (one, two):
            two.follow()
            one.lead()
            one.wait_synced()
            path = os.path.join(one.directory, "large")
            self.assertEqual(self.fill(path, flags)[0], errno.ENOSPC)
            self.assertGreater(os.stat(path).st_size, DISK_BYTES - WRITE_BYTES)
            self.assertTrue(soon(lambda: not compare(one.backing, two.backing), PATIENCE_S / 2),
                            compare(one.backing, two.backing))

    def test_of_the_secondary_costs_one_alarm_and_mends_itself(self):
        with pair(prepare=small_disk_of_the_secondary) as (one, two):
            two.follow()
            one.lead()
            one.wait_synced()
            filler = os.path.join(two.backing, "filler")
            self.assertEqual(self.fill(filler)[0], errno.ENOSPC)
            held = os.open(filler, os.O_RDONLY)  # the copy removes its name, and its room stays taken
            with open(os.path.join(one.directory, "file"), "wb", buffering=0) as file:
                file.write(os.urandom(WRITE_BYTES))
                one.wait_behind()
                one.send({"do": "allow_solo"})
                os.fsync(file.fileno())
            until = time.monotonic() + FULL_S
            while time.monotonic() < until:
                one.listen(0.1)
                two.listen(0.1)
            attempts = [said for said in one.said if said["is"] == "note" and "cannot write" in said["text"]]
            self.assertIn(len(attempts), range(3, 8), "with growing pauses")
            alarms = [said["text"] for said in two.said if said["is"] == "note" and said["level"] == "C"]
            self.assertEqual(len(alarms), 1, alarms)
            self.assertIn("No space left on device; look at the disk of", alarms[0])
            os.close(held)
            one.wait_synced()
            self.assertTrue(soon(lambda: not compare(one.backing, two.backing)), compare(one.backing, two.backing))
            two.said.clear()
            self.fill(filler)
            with open(os.path.join(one.directory, "file"), "ab", buffering=0) as file:
                file.write(os.urandom(WRITE_BYTES))
            two.wait(lambda said: said["is"] == "note" and said["level"] == "C", "another alarm for another time")
            one.wait_behind()
            one.send({"do": "allow_solo"})

    def test_a_write_that_is_done_in_part(self):
        self.compare(0)

    def test_room_that_is_reserved_in_part(self):
        with pair(prepare=small_disk) as (one, two):
            two.follow()
            one.lead()
            one.wait_synced()
            path = os.path.join(one.directory, "reserved")
            with open(path, "wb") as file:
                with self.assertRaises(OSError):
                    os.posix_fallocate(file.fileno(), 0, 2 * DISK_BYTES)
                file.write(b"end")
            self.assertTrue(soon(lambda: not compare(one.backing, two.backing), PATIENCE_S / 2),
                            compare(one.backing, two.backing))

    def test_a_synchronous_write_that_is_done_in_part(self):
        self.compare(os.O_DSYNC)


if __name__ == "__main__":
    unittest.main()
