"""Random operations by several threads while the replica dies and comes back: the copies are equal in the end."""
import ctypes
import errno
import os
import random
import sys
import threading
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TESTS, "support"))
from engine_pair import enter_own_namespaces, libc, pair  # noqa: E402
from tree import compare  # noqa: E402

SEED = int(os.environ.get("CLUSTERAGENT_SEED", "1"))
FOLDERS, NAMES, THREADS, DEATHS = 3, "abcdef", 4, 3
CROWD_FOLDERS, CROWD_FILES = 100, 100
PUNCH_HOLE_KEEP_SIZE = 3
# What random names lead to; anything else is an error of the volume.
EXPECTED = {errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY, errno.ELOOP,
            errno.EMLINK}


def write(path, dice):
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600 | dice.randrange(0o100))
    try:
        for _ in range(dice.randrange(1, 6)):
            os.pwrite(descriptor, dice.randbytes(dice.randrange(1, 70_000)), dice.randrange(400_000))
        if dice.random() < 0.3:
            os.unlink(path)
            os.pwrite(descriptor, b"without a name", 0)
        if dice.random() < 0.3:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def punch(path, dice):
    descriptor = os.open(path, os.O_RDWR)
    try:
        libc.fallocate(descriptor, PUNCH_HOLE_KEEP_SIZE, ctypes.c_long(dice.randrange(300_000)),
                       ctypes.c_long(dice.randrange(1, 90_000)))
    finally:
        os.close(descriptor)


def make_folder(path, other):
    os.mkdir(path + " made")
    os.rename(path + " made", other + " moved")


OPERATIONS = [
    lambda one, _, dice: write(one, dice), lambda one, _, dice: write(one, dice), lambda one, _, dice: write(one, dice),
    lambda one, _, dice: os.truncate(one, dice.randrange(500_000)), lambda one, other, _: os.rename(one, other),
    lambda one, *_: os.unlink(one), lambda one, other, _: os.link(one, other),
    lambda one, other, _: os.symlink(os.path.basename(other), one), lambda one, other, _: make_folder(one, other),
    lambda _, other, __: os.rmdir(other + " moved"), lambda one, _, dice: os.chmod(one, dice.randrange(0o1000)),
    lambda one, _, dice: os.setxattr(one, f"user.{dice.randrange(3)}", dice.randbytes(20)),
    lambda one, _, dice: punch(one, dice)]


def make_crowd(root):
    """Folders with files, and in each a folder with a single one."""
    for folder in (os.path.join(root, f"crowd{at}") for at in range(CROWD_FOLDERS)):
        os.makedirs(os.path.join(folder, "small"))
        for name in (*map(str, range(CROWD_FILES)), "small/one"):
            with open(os.path.join(folder, name), "wb") as file:
                file.write(os.path.relpath(file.name, root).encode())


def replace_folder(path, elsewhere):
    """By another one, which may well have its number."""
    os.unlink(os.path.join(path, "one"))
    os.rmdir(path)
    os.mkdir(elsewhere)
    with open(os.path.join(elsewhere, "another"), "wb"):
        pass


CHANGES = [
    lambda path, *_: os.chmod(path, 0o640), lambda path, *_: os.truncate(path, 3), lambda path, *_: os.unlink(path),
    lambda path, *_: os.setxattr(path, "user.changed", b"yes"),
    lambda path, other, _: os.rename(path, other + " moved"), lambda path, other, _: os.link(path, other + " linked"),
    lambda path, other, _: replace_folder(os.path.join(os.path.dirname(path), "small"), other + " made"),
    lambda path, _, folder: os.rename(os.path.dirname(path), os.path.join(folder, "moved"))]
WEIGHTS = [20, 20, 20, 20, 20, 20, 1, 0.2]


def change_each_once(root, dice, stop, failures):
    """What is overlooked is not made good by a later change of the same file."""
    folders = [os.path.join(root, f"crowd{at}") for at in range(CROWD_FOLDERS)]
    paths = [os.path.join(folder, str(name)) for folder in folders for name in range(CROWD_FILES)]
    dice.shuffle(paths)
    for path in paths:
        if stop.is_set():
            return
        try:
            dice.choices(CHANGES, WEIGHTS)[0](path, dice.choice(paths), dice.choice(folders))
        except OSError as error:
            if error.errno not in EXPECTED | {errno.EINVAL}:  # a folder into itself
                failures.append(error)
                return


def work(root, dice, stop, failures):
    paths = [os.path.join(root, str(folder), name) for folder in range(FOLDERS) for name in NAMES]
    while not stop.is_set():
        try:
            dice.choice(OPERATIONS)(dice.choice(paths), dice.choice(paths), dice)
        except OSError as error:
            if error.errno not in EXPECTED:
                failures.append(error)
                return


class RandomOperations(unittest.TestCase):
    def test_leave_two_equal_copies_however_often_the_replica_dies(self):
        with pair() as (one, two):
            for folder in range(FOLDERS):
                os.makedirs(os.path.join(one.backing, str(folder)))
            two.follow()
            one.lead()
            one.wait_synced()
            stop, failures = threading.Event(), []
            threads = [threading.Thread(target=work, args=(one.directory, random.Random(SEED * 100 + number), stop,
                                                           failures)) for number in range(THREADS)]
            for thread in threads:
                thread.start()
            try:
                for death in range(DEATHS):
                    time.sleep(1)
                    two.kill()
                    one.wait_behind()
                    one.send({"do": "allow_solo"})
                    time.sleep(0.5)
                    if death == DEATHS - 1:
                        stop.set()  # what was done alone, the last copy must bring: nothing overwrites it later
                    two.start()
                    two.follow()
                    one.wait_synced()
            finally:
                stop.set()
                one.send({"do": "allow_solo"})
                for thread in threads:
                    thread.join()
            self.assertEqual(failures, [])
            self.assertEqual(self.differences_that_stay(one, two), [], f"seed {SEED}")

    def test_leave_two_equal_copies_of_many_files_that_change_while_they_are_looked_at(self):
        with pair() as (one, two):
            make_crowd(one.backing)
            one.lead()
            stop, failures = threading.Event(), []
            worker = threading.Thread(target=change_each_once,
                                      args=(one.directory, random.Random(SEED), stop, failures))
            two.follow()
            worker.start()
            try:
                one.wait_synced()
            finally:
                stop.set()
                one.send({"do": "allow_solo"})
                worker.join()
            self.assertEqual(failures, [])
            self.assertEqual(self.differences_that_stay(one, two), [], f"seed {SEED}")
            # A second copy hides the mistakes of the first.
            self.assertEqual([said for said in one.said + two.said if said["is"] in ("behind", "note")], [])

    @staticmethod
    def differences_that_stay(one, two, seconds=15):
        until = time.monotonic() + seconds
        while True:
            found = compare(one.backing, two.backing)
            if not found or time.monotonic() > until:
                return found
            time.sleep(0.1)


if __name__ == "__main__":
    enter_own_namespaces()
    unittest.main()
