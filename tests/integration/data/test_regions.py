"""A node that returns is told what has changed and no more, as long as that is known for certain; otherwise everything
is compared. Whatever was done, and whoever died when: the copies are equal in the end."""
import ctypes
import errno
import os
import random
import signal
import sys
import threading
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TESTS, "support"))
from engine_pair import PATIENCE_S, enter_own_namespaces, libc, pair, stand_still  # noqa: E402
from tree import compare  # noqa: E402

SEED = int(os.environ.get("CLUSTERAGENT_SEED", "1"))
ROUNDS = int(os.environ.get("CLUSTERAGENT_ROUNDS", "6"))
MIB, BLOCK, EXTENT = 1 << 20, 64 << 10, 4 << 20
# The primary asks every three seconds what is on the other disk; after two of these it knows of all that was.
DURABLE_S = 7
EXPECTED = {errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY, errno.ELOOP, errno.EMLINK,
            errno.EINVAL, errno.EBUSY}
PUNCH_HOLE_KEEP_SIZE = 3


def write(path, content, offset=0, flags=os.O_WRONLY | os.O_CREAT):
    descriptor = os.open(path, flags, 0o644)
    try:
        os.pwrite(descriptor, content, offset)
    finally:
        os.close(descriptor)


def settled(one, two, seconds=15):
    """What still differs when the replica has had time to do what is on its way."""
    until = time.monotonic() + seconds
    while True:
        try:
            found = compare(one.backing, two.backing)
        except FileNotFoundError:
            found = ["the replica is still being changed"]
        if not found or time.monotonic() > until:
            return found
        time.sleep(0.1)


def lose(one, two):
    two.kill()
    one.wait_behind()
    one.send({"do": "allow_solo"})


def copied(one):
    """The figures of the copy that has just ended."""
    one.wait_synced()
    while True:
        told = one.wait(lambda said: said["is"] == "progress", "progress")["status"]
        if told["state"] == "up to date":
            one.said = [said for said in one.said if said["is"] != "progress"]
            return told


def come_back(one, two):
    one.listen(0)
    one.said = [said for said in one.said if said["is"] != "progress"]
    two.start()
    two.follow()
    return copied(one)


class Return(unittest.TestCase):
    def setUp(self):
        self.stack = pair()
        self.one, self.two = self.stack.__enter__()
        self.addCleanup(self.stack.__exit__, None, None, None)
        os.makedirs(os.path.join(self.one.backing, "folder/inner"))
        for name in ("large", "folder/one", "folder/inner/two"):
            write(os.path.join(self.one.backing, name), os.urandom(8 * MIB))
        self.two.follow()
        self.one.lead()

    def path(self, name):
        return os.path.join(self.one.directory, name)

    def test_brings_only_the_blocks_that_changed(self):
        self.assertEqual(copied(self.one)["bytes_all"], 24 * MIB)
        lose(self.one, self.two)
        write(self.path("large"), b"x" * 10, 5 * BLOCK)
        write(self.path("folder/inner/two"), b"x" * BLOCK, 3 * BLOCK + 1)
        os.truncate(self.path("folder/one"), 8 * MIB - 10)
        os.truncate(self.path("folder/one"), 8 * MIB)
        told = come_back(self.one, self.two)
        self.assertEqual(settled(self.one, self.two), [])
        self.assertEqual(told["bytes_all"], 3 * BLOCK + 10)
        self.assertLessEqual(told["bytes_sent"], 3 * BLOCK + 10)
        lose(self.one, self.two)
        self.assertEqual(come_back(self.one, self.two)["bytes_all"], 0)

    def test_forgets_what_is_on_both_disks_and_nothing_else(self):
        copied(self.one)
        write(self.path("large"), os.urandom(8 * MIB))
        time.sleep(DURABLE_S)
        write(self.path("large"), b"last", 7 * BLOCK)
        # At once: in a moment this is on both disks too.
        lose(self.one, self.two)
        self.assertEqual(come_back(self.one, self.two)["bytes_all"], BLOCK)
        self.assertEqual(settled(self.one, self.two), [])

    def test_compares_files_whose_names_changed(self):
        copied(self.one)
        write(self.path("made"), b"m" * MIB)
        lose(self.one, self.two)
        os.rename(self.path("folder/inner"), self.path("moved"))
        os.link(self.path("large"), self.path("folder/linked"))
        told = come_back(self.one, self.two)
        self.assertEqual(settled(self.one, self.two), [])
        # Those beneath the folder; the one that was made; the one that was linked, by whichever name comes first.
        self.assertIn(told["bytes_all"], (9 * MIB, 17 * MIB))

    def test_sees_through_names_that_were_exchanged_among_linked_files(self):
        """Where one name of two stands for another file now, its content must not end up under the other name."""
        os.link(self.path("large"), self.path("a first name"))
        os.link(self.path("large"), self.path("z last name"))
        copied(self.one)
        time.sleep(DURABLE_S)
        lose(self.one, self.two)
        os.rename(self.path("folder/one"), self.path("a first name"))
        write(self.path("z last name"), b"x", BLOCK)
        come_back(self.one, self.two)
        self.assertEqual(settled(self.one, self.two), [])

    def swap(self, epoch):
        """The secondary leads; the primary, in whatever state, follows it."""
        self.two.lead(epoch=epoch)
        self.one.follow(epoch=epoch)
        return copied(self.two)

    def test_joins_what_both_changed_when_both_have_led(self):
        copied(self.one)
        lose(self.one, self.two)
        self.two.start()
        self.two.lead(epoch=2)
        write(os.path.join(self.two.directory, "large"), b"other", 100)
        self.two.release()
        write(self.path("folder/one"), b"one", 7 * BLOCK)
        self.two.follow(epoch=3)
        self.one.lead(epoch=3)
        self.assertEqual(copied(self.one)["bytes_all"], EXTENT + BLOCK)
        self.assertEqual(settled(self.one, self.two), [])

    def test_after_a_stop_brings_only_what_the_new_primary_changed(self):
        copied(self.one)
        write(self.path("large"), os.urandom(MIB))
        os.rename(self.path("folder/one"), self.path("renamed"))
        self.one.release()
        self.two.lead(epoch=2)
        write(os.path.join(self.two.directory, "large"), b"two", 3 * BLOCK)
        self.one.follow(epoch=2)
        self.assertEqual(copied(self.two)["bytes_all"], BLOCK)
        self.assertEqual(settled(self.two, self.one), [])
        self.two.release()
        self.one.lead(epoch=3)
        self.two.follow(epoch=3)
        self.assertEqual(copied(self.one)["bytes_all"], 0)

    def test_compares_everything_where_files_were_changed_while_the_module_was_stopped(self):
        copied(self.one)
        for epoch, changed in ((2, self.one), (3, self.two)):
            self.one.release()
            self.two.release()
            write(os.path.join(changed.backing, "folder/inner/two"), b"by hand", 100)
            self.two.follow(epoch=epoch)
            self.one.lead(epoch=epoch)
            self.assertEqual(copied(self.one)["bytes_all"], 24 * MIB)
            self.assertEqual(settled(self.one, self.two), [])
            changed.listen(0)
            notes = [said["text"] for said in changed.said if said["is"] == "note"]
            self.assertTrue([text for text in notes if '"folder/inner/two"' in text], notes)

    def test_of_a_crashed_primary_compares_what_it_was_changing(self):
        copied(self.one)
        write(self.path("large"), b"in the stream", 5 * MIB)
        stand_still(self.two.process)
        write(self.path("large"), b"not there", 100)
        os.rename(self.path("folder/one"), self.path("renamed"))
        self.one.kill()
        os.kill(self.two.process.pid, signal.SIGCONT)
        self.one.start()
        told = self.swap(2)
        self.assertEqual(settled(self.two, self.one), [])
        # Both extents of one file, and the other one under the name that the new primary has for it.
        self.assertEqual(told["bytes_all"], 16 * MIB)

    def test_of_a_crashed_primary_that_leads_again_compares_what_it_was_changing(self):
        copied(self.one)
        write(self.path("large"), b"in the stream", 5 * MIB)
        lose(self.one, self.two)
        write(self.path("folder/inner/two"), b"alone", 5 * MIB)
        write(self.path("made"), b"alone")
        self.one.kill()
        self.one.start()
        self.one.lead(epoch=2)
        write(self.path("folder/one"), b"later", BLOCK)
        self.assertEqual(come_back(self.one, self.two)["bytes_all"], 2 * EXTENT + 5 + BLOCK)
        self.assertEqual(settled(self.one, self.two), [])

    def test_compares_everything_after_a_crash_whose_journal_is_damaged_or_gone(self):
        copied(self.one)
        for harm in (lambda path: write(path, b"xxxx", 4), os.unlink):
            write(self.path("large"), b"x", 100)
            self.one.kill()
            harm(os.path.join(self.one.state_path, "journal"))
            self.one.start()
            self.one.lead(epoch=2)
            self.assertEqual(copied(self.one)["bytes_all"], 24 * MIB)

    def test_goes_on_without_a_journal_where_none_can_be_written(self):
        copied(self.one)
        self.one.release()
        os.makedirs(os.path.join(self.one.state_path, "journal.new"))
        self.one.lead(epoch=2)
        said = self.one.wait(lambda said: said["is"] == "note" and "journal" in said["text"], "word of the journal")
        self.assertIn("the whole directory is compared", said["text"])
        self.assertEqual(copied(self.one)["bytes_all"], 0)
        lose(self.one, self.two)
        write(self.path("large"), b"x", 100)
        self.assertEqual(come_back(self.one, self.two)["bytes_all"], BLOCK)
        self.one.kill()
        self.one.start()
        self.one.lead(epoch=3)
        self.assertEqual(copied(self.one)["bytes_all"], 24 * MIB)

    def test_compares_everything_with_another_directory_in_its_place(self):
        copied(self.one)
        lose(self.one, self.two)
        for path in (self.two.backing, self.two.directory):
            libc.umount2(path.encode(), 2)
        os.rename(self.two.directory, self.two.directory + "-before")
        os.system(f"cp -a '{self.two.directory}-before' '{self.two.directory}'")
        libc.mount(self.two.directory.encode(), self.two.backing.encode(), None, 4096, None)
        write(os.path.join(self.two.backing, "large"), b"an older copy", 100)
        self.assertEqual(come_back(self.one, self.two)["bytes_all"], 24 * MIB)
        self.assertEqual(settled(self.one, self.two), [])


class Work:
    """Threads that do anything to a directory; most of it to files that keep their names."""
    FOLDERS, NAMES = 3, "abcdef"
    NEVER_CUT = ("d", "e", "f")  # a file that was cut is compared whole, whatever else is known of it

    def __init__(self, root, seed, threads=3):
        self.root, self.failures, self.stop = root, [], threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(random.Random(seed * 100 + each),))
                        for each in range(threads)]
        for thread in self.threads:
            thread.start()

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def run(self, dice):
        keeps = [os.path.join(self.root, str(folder), f"keeps {name}") for folder in range(self.FOLDERS)
                 for name in self.NAMES]
        moves = [os.path.join(self.root, str(folder), name) for folder in range(self.FOLDERS) for name in "xyz"]
        while not self.stop.is_set():
            try:
                if dice.random() < 0.85:
                    self.change(dice.choice(keeps), dice)
                else:
                    self.move(dice.choice(moves + keeps[:3]), dice.choice(moves + keeps[:3]), dice)
            except OSError as error:
                # A mount whose engine was killed.
                if error.errno in (errno.ENOTCONN, errno.ECONNABORTED, errno.EIO):
                    return
                if error.errno not in EXPECTED:
                    self.failures.append(error)
                    return
            time.sleep(dice.random() * 0.01)

    @staticmethod
    def change(path, dice):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            what = dice.random()
            if what < 0.6:
                os.pwrite(descriptor, dice.randbytes(dice.randrange(1, 30_000)), dice.randrange(MIB))
            elif what < 0.8 and not path.endswith(Work.NEVER_CUT):
                os.ftruncate(descriptor, dice.randrange(MIB))
            elif what < 0.9:
                libc.fallocate(descriptor, PUNCH_HOLE_KEEP_SIZE, ctypes.c_long(dice.randrange(MIB)),
                               ctypes.c_long(dice.randrange(1, 200_000)))
            else:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @staticmethod
    def move(one, other, dice):
        what = dice.randrange(6)
        if what == 0:
            write(one, dice.randbytes(50_000), dice.randrange(100_000))
        elif what == 1:
            os.rename(one, other)
        elif what == 2:
            os.link(one, other)
        elif what == 3:
            os.unlink(one)
        elif what == 4:
            os.mkdir(one + " folder")
            write(os.path.join(one + " folder", "inner"), dice.randbytes(70_000))
        else:
            os.rename(one + " folder", other + " folder")


class RandomDeaths(unittest.TestCase):
    def test_of_the_replica_leave_two_equal_copies(self):
        """It dies in the middle of anything, copies too; now and then long after its disk has all."""
        dice = random.Random(SEED)
        with pair(silence_limit_ns=8_000_000_000) as (one, two):
            for folder in range(Work.FOLDERS):
                os.makedirs(os.path.join(one.backing, str(folder)))
            two.follow()
            one.lead()
            one.wait_synced()
            for turn in range(ROUNDS):
                work = Work(one.directory, SEED * 1000 + turn)
                try:
                    time.sleep(dice.choice((0.3, 1, 4, DURABLE_S)))
                    if dice.random() < 0.5:
                        # Asked what is on its disk, it has not even taken what came before, and never answers.
                        stand_still(two.process)
                        time.sleep(DURABLE_S / 2)
                    lose(one, two)
                    time.sleep(dice.random())
                    for _ in range(dice.randrange(3)):
                        two.start()
                        two.follow()
                        time.sleep(dice.random() * 0.3)
                        two.kill()
                        one.send({"do": "allow_solo"})
                finally:
                    work.end()
                self.assertEqual(work.failures, [])
                one.listen(0)
                one.said.clear()
                two.start()
                two.follow()
                one.send({"do": "allow_solo"})
                one.wait_synced()
                self.assertEqual(settled(one, two), [], f"seed {SEED}, round {turn}")

    def test_of_either_leave_two_equal_copies_whoever_leads(self):
        """Every way in which two nodes part: what one had and the other did not is found, on whichever side."""
        dice = random.Random(SEED)
        with pair(silence_limit_ns=8_000_000_000) as (primary, secondary):
            for folder in range(Work.FOLDERS):
                os.makedirs(os.path.join(primary.backing, str(folder)))
            secondary.follow()
            primary.lead()
            primary.wait_synced()
            for turn in range(ROUNDS):
                story = Story(primary, secondary, dice, 10 * (turn + 1))
                how = dice.choice((story.crash, story.take_over, story.split, story.swap, story.crash_alone))
                primary, secondary = how()
                self.assertEqual(story.failures, [])
                primary.wait_synced()
                self.assertEqual(settled(primary, secondary), [], f"seed {SEED}, round {turn}: {how.__name__}")


class Story:
    """Each ends with one engine that leads and one that follows, and returns them in this order."""

    def __init__(self, primary, secondary, dice, epoch):
        self.primary, self.secondary, self.dice, self.epoch, self.failures = primary, secondary, dice, epoch, []
        for engine in (primary, secondary):
            engine.listen(0)
            engine.said.clear()

    def work(self, engine, meanwhile, may_die=False):
        """Nobody works while the mount is gone: that would be the raw directory. The secondary may stand still and then
        die: what it had received and not done is lost."""
        dies = may_die and self.dice.random() < 0.6
        work = Work(engine.directory, SEED * 1000 + self.epoch)
        try:
            time.sleep(self.dice.choice((0.2, 1, 4)))
            if dies:
                stand_still(self.secondary.process)
                time.sleep(self.dice.choice((0.2, DURABLE_S / 2)))
            meanwhile()
        finally:
            if dies:
                self.secondary.kill()
            work.end()
        if dies:
            self.secondary.start()
            self.secondary.follow(self.epoch)
        self.failures += work.failures

    def crash(self):
        self.work(self.primary, self.primary.kill, may_die=True)
        self.primary.start()
        self.primary.lead(self.epoch)
        return self.primary, self.secondary

    def crash_alone(self):
        def meanwhile():
            lose(self.primary, self.secondary)
            time.sleep(0.5)
            self.primary.kill()
        self.work(self.primary, meanwhile)
        self.primary.start()
        self.primary.lead(self.epoch)
        self.work(self.primary, lambda: None)
        self.secondary.start()
        self.secondary.follow(self.epoch)
        return self.primary, self.secondary

    def take_over(self):
        self.work(self.primary, self.primary.kill, may_die=True)
        self.secondary.lead(self.epoch)
        self.work(self.secondary, lambda: None)
        self.primary.start()
        self.primary.follow(self.epoch)
        return self.secondary, self.primary

    def split(self):
        self.work(self.primary, self.primary.kill, may_die=True)
        self.secondary.lead(self.epoch)
        self.work(self.secondary, self.secondary.kill)
        self.primary.start()
        self.primary.lead(self.epoch + 1)
        self.work(self.primary, lambda: None)
        self.secondary.start()
        self.secondary.follow(self.epoch + 1)
        return self.primary, self.secondary

    def swap(self):
        self.work(self.primary, lambda: None)
        self.primary.release()
        self.secondary.lead(self.epoch)
        self.primary.follow(self.epoch)
        return self.secondary, self.primary


if __name__ == "__main__":
    enter_own_namespaces()
    unittest.main()
