"""A primary's engine dies, and another one takes its place: the application waits a moment, and knows nothing of it."""
import errno
import json
import os
import random
import select
import signal
import subprocess
import sys
import threading
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TESTS, "support"))
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from engine_pair import PATIENCE_S, enter_own_namespaces, pair, soon, stand_still  # noqa: E402
from heir import Heir  # noqa: E402
from tree import compare  # noqa: E402

SEED = int(os.environ.get("CLUSTERAGENT_SEED", "1"))
DEATHS = int(os.environ.get("CLUSTERAGENT_DEATHS", "20"))
# Of an engine that writes nothing down, one is enough; a few may come between two requests.
DEATHS_UNNOTED_MAX = 60


class Application:
    def __init__(self, kind, directory, seed):
        self.process = subprocess.Popen([sys.executable, "-B", os.path.join(HERE, "survivor.py"),
                                         kind, directory, str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def end(self):
        return json.loads(self.process.communicate("\n", timeout=120)[0])


class Helper:
    """Calls in a process of its own, one line each, so that this one has nothing open in the mount."""

    def __init__(self):
        self.process = subprocess.Popen([sys.executable, "-B", "-u", "-c", f"import sys; sys.path[0] = {HERE!r}" + """
import fcntl, mmap, os, sys
from survivor import link_open
for line in sys.stdin:
    try:
        print(repr(eval(compile(line.strip(), "line", "eval"), globals())))
    except OSError as error:
        print("errno", error.errno)
"""], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def begin(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def answer(self):
        if not select.select([self.process.stdout], [], [], PATIENCE_S)[0]:
            raise AssertionError("no answer")
        return self.process.stdout.readline().strip()

    def do(self, text):
        self.begin(text)
        return self.answer()

    def end(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE_S)
        self.process.stdout.close()


def both(one, two):
    two.follow()
    one.lead()
    one.wait_synced()


def put_through(one, deaths, dice, before=lambda: None):
    """It dies at random, in whatever state the copies are."""
    for death in range(deaths):
        one.attend(dice.uniform(0.02, 0.4))
        one.die(dice.choice((signal.SIGKILL, signal.SIGABRT)))
        before()
        one.take_over()
        if not one.is_solo:
            one.wait_behind()
            one.allow_solo()
        if death % 4 == 0:
            one.wait_synced()


def equal_soon(one, two):
    return soon(lambda: not compare(one.backing, two.backing))


class Succession(unittest.TestCase):
    def test_is_not_noticed_by_who_has_files_open(self):
        with pair(kind=Heir) as (one, two):
            both(one, two)
            helper = Helper()
            self.addCleanup(helper.end)
            there = one.directory
            for line in (f"os.mkdir('{there}/folder')", f"os.chdir('{there}/folder')",
                         "globals().update(named=os.open('named', os.O_RDWR | os.O_CREAT), "
                         "removed=os.open('removed', os.O_RDWR | os.O_CREAT), "
                         "added=os.open('added', os.O_WRONLY | os.O_CREAT | os.O_APPEND), "
                         "unnamed=os.open('.', os.O_RDWR | os.O_TMPFILE), listed=os.open('.', os.O_RDONLY))",
                         "[os.write(each, b'before') for each in (named, removed, added, unnamed)]",
                         "os.unlink('removed')", "fcntl.flock(named, fcntl.LOCK_EX)",
                         "fcntl.lockf(added, fcntl.LOCK_EX)",
                         "globals().update(mapped=mmap.mmap(named, 6))", "mapped.__setitem__(slice(0, 3), b'MAP')"):
                self.assertFalse(helper.do(line).startswith("errno"), line)
            one.die()
            one.take_over()
            one.wait_behind()
            one.allow_solo()
            expected = {"os.pread(named, 99, 0)": repr(b"MAPore"), "os.pread(removed, 99, 0)": repr(b"before"),
                        "os.pwrite(removed, b'after', 6)": "5", "os.pread(removed, 99, 0) ": repr(b"beforeafter"),
                        "os.fstat(removed).st_nlink": "0", "os.write(added, b'after')": "5",
                        "os.pwrite(unnamed, b'after', 6)": "5", "os.pread(unnamed, 99, 0)": repr(b"beforeafter"),
                        "sorted(os.listdir('.'))": "['added', 'named']",
                        "sorted(os.listdir(listed))": "['added', 'named']",
                        "mapped.__setitem__(slice(3, 6), b'PED')": "None", "mapped.flush()": "None",
                        "os.fsync(named)": "None", "os.pread(named, 99, 0) ": repr(b"MAPPED"),
                        "os.rename('named', 'renamed')": "None", "os.stat('renamed').st_size": "6"}
            for line, right in expected.items():
                self.assertEqual(helper.do(line), right, line)
            # Locks are the kernel's, which did not die.
            rival = Helper()
            self.addCleanup(rival.end)
            for line in (f"os.chdir('{there}/folder')", "globals().update(named=os.open('renamed', os.O_RDWR), "
                         "added=os.open('added', os.O_WRONLY))"):
                rival.do(line)
            self.assertEqual(rival.do("fcntl.flock(named, fcntl.LOCK_EX | fcntl.LOCK_NB)"), f"errno {errno.EAGAIN}")
            self.assertEqual(rival.do("fcntl.lockf(added, fcntl.LOCK_EX | fcntl.LOCK_NB)"), f"errno {errno.EAGAIN}")
            one.wait_synced()
            # The other node never heard of it (README.md, "File operations"), so it is copied once more.
            self.assertEqual(helper.do("link_open(unnamed, 'unnamed')"), "None")
            one.wait_behind()
            one.allow_solo()
            one.wait_synced()
            self.assertTrue(equal_soon(one, two), compare(one.backing, two.backing))
            # What nobody has open any more the agent does not keep.
            helper.do("[os.close(each) for each in (removed, unnamed)]")
            self.assertTrue(soon(lambda: (one.listen(0.1), list(one.kept))[1] == ["volume 0"]), list(one.kept))

    def test_keeps_what_an_agent_was_told_that_has_other_work(self):
        """It hears of the removed files when it has time; the application does not wait for that."""
        with pair(kind=Heir) as (one, _):
            one.lead()
            helper = Helper()
            self.addCleanup(helper.end)
            helper.do(f"os.chdir('{one.directory}')")
            helper.do("__import__('resource').setrlimit(__import__('resource').RLIMIT_NOFILE, (4096, 4096))")
            helper.do("globals().update(files=[os.open(f'file{n}', os.O_RDWR | os.O_CREAT) for n in range(2000)])")
            self.assertEqual(helper.do("sum(os.write(file, b'kept') and os.unlink(f'file{n}') is None "
                                       "for n, file in enumerate(files))"), "2000")
            one.die()
            one.take_over()
            self.assertEqual(helper.do("sum(os.pread(file, 9, 0) == b'kept' for file in files)"), "2000")

    def test_without_a_removed_file_tells_whoever_has_it_open(self):
        """As when the agent could not take it: never another file in its place."""
        with pair(kind=Heir) as (one, _):
            one.lead()
            helper = Helper()
            self.addCleanup(helper.end)
            for line in (f"os.chdir('{one.directory}')",
                         "globals().update(file=os.open('file', os.O_RDWR | os.O_CREAT))",
                         "os.pwrite(file, b'removed', 0) and os.unlink('file')"):
                self.assertFalse(helper.do(line).startswith("errno"), line)
            one.die()
            for key in [key for key in one.kept if key.startswith("file")]:
                one.drop(key)
            one.take_over()
            self.assertEqual(helper.do("os.pwrite(file, b'again', 0)"), f"errno {errno.ESTALE}")
            # Its number is free.
            for number in range(20):
                self.assertEqual(helper.do(f"os.close(os.open('new{number}', os.O_RDWR | os.O_CREAT))"), "None")
            # The kernel says EIO by itself where one of the new files has got that number.
            for line in ("os.pread(file, 9, 0)", "os.fsync(file)", "os.ftruncate(file, 0)"):
                self.assertIn(helper.do(line), (f"errno {errno.ESTALE}", f"errno {errno.EIO}"), line)
            self.assertIn(helper.do("os.close(file)"), ("None", f"errno {errno.EIO}"))

    def test_promises_nothing_before_the_other_node_is_on_record(self):
        with pair(kind=Heir) as (one, two):
            both(one, two)
            helper = Helper()
            self.addCleanup(helper.end)
            helper.do(f"globals().update(file=os.open('{one.directory}/file', os.O_RDWR | os.O_CREAT))")
            stand_still(one.process)
            helper.begin("os.write(file, b'unheard of') and os.fsync(file)")
            time.sleep(0.3)
            one.die()
            one.take_over()
            one.wait_behind()
            answered = threading.Event()
            waiter = threading.Thread(target=lambda: (helper.answer(), answered.set()))
            waiter.start()
            self.assertFalse(answered.wait(1.5), "acknowledged by one node, which is not on record as the only one")
            one.allow_solo()
            self.assertTrue(answered.wait(PATIENCE_S))
            waiter.join()
            one.wait_synced()
            self.assertTrue(equal_soon(one, two))

    def test_loses_nothing_and_does_nothing_twice_whatever_is_under_way(self):
        dice = random.Random(SEED)
        with pair(kind=Heir) as (one, two):
            both(one, two)
            application = Application("names", one.directory, SEED)
            found = []
            put_through(one, DEATHS, dice, lambda: found.extend(one.undertakings()))
            said = application.end()
            self.assertEqual(said["failures"], [], f"seed {SEED}")
            self.assertGreater(said["done"], DEATHS)
            self.assertTrue(found, "no death came while anything was under way")
            one.wait_synced()
            self.assertTrue(equal_soon(one, two), (compare(one.backing, two.backing), f"seed {SEED}"))
            print(f"{said['done']} rounds, {DEATHS} deaths, under way: {sorted(found)}")

    def test_is_noticed_where_nothing_is_written_down(self):
        """The test before can fail: the same without the notes."""
        dice = random.Random(SEED)
        with pair(kind=Heir) as (one, two):
            both(one, two)
            application = Application("names", one.directory, SEED)
            put_through(one, DEATHS_UNNOTED_MAX, dice, one.forget_undertakings)
            self.assertNotEqual(application.end()["failures"], [], f"seed {SEED}")

    def test_at_each_point_of_each_request_gives_the_answer_of_one_that_was_done_once(self):
        """Each line fails if it is done twice, or not at all."""
        requests = (
            ("create", "globals().update(file=os.open('made', os.O_RDWR | os.O_CREAT | os.O_EXCL))", "None"),
            ("pwrite", "os.pwrite(file, b'content', 0)", "7"),
            ("fdatasync", "os.fdatasync(file)", "None"),
            ("ftruncate", "os.ftruncate(file, 5)", "None"),
            ("fallocate", "os.posix_fallocate(file, 0, 9000)", "None"),
            ("mkdirat", "os.mkdir('folder')", "None"),
            ("mknodat", "os.mkfifo('pipe')", "None"),
            ("symlinkat", "os.symlink('made', 'pointer')", "None"),
            ("linkat", "os.link('made', 'linked')", "None"),
            ("renameat2", "os.rename('linked', 'renamed')", "None"),
            ("renameat2", "os.rename('pointer', 'pipe')", "None"),
            ("setxattr", "os.setxattr('made', 'user.one', b'value', os.XATTR_CREATE)", "None"),
            ("setxattr", "os.setxattr('made', 'user.one', b'other', os.XATTR_REPLACE)", "None"),
            ("removexattr", "os.removexattr('made', 'user.one')", "None"),
            ("unlinkat", "os.unlink('renamed')", "None"),
            ("unlinkat", "os.unlink('made')", "None"),
            ("unlinkat", "os.rmdir('folder')", "None"),
            ("tmpfile", "globals().update(unnamed=os.open('.', os.O_RDWR | os.O_TMPFILE))", "None"),
            ("linkat", "link_open(unnamed, 'named')", "None"),
            ("unlinkat", "os.unlink('pipe')", "None"),
        )
        with pair(kind=Heir) as (one, two):
            both(one, two)
            for when in ("before", "after", "before reply to", "after reply to"):
                helper = Helper()
                folder = os.path.join(one.directory, when)
                self.assertEqual(helper.do(f"(os.mkdir('{folder}'), os.chdir('{folder}'))[0]"), "None")
                for call, line, right in requests:
                    # Its reply may come from another thread, when the other node has answered.
                    if call == "fdatasync" and "reply" in when:
                        continue
                    with self.subTest(when=when, line=line):
                        self.put_through_at(one, helper, when, call, line, right)
                left = {"os.fstat(file).st_nlink": "0", "os.fstat(unnamed).st_nlink": "1",
                        "os.pread(file, 9, 0)": repr(b"conte" + bytes(4)), "sorted(os.listdir('.'))": "['named']"}
                for line, then in left.items():
                    self.assertEqual(helper.do(line), then, (when, line))
                helper.end()
                one.wait_synced()
                self.assertTrue(equal_soon(one, two), (when, compare(one.backing, two.backing)))

    def put_through_at(self, one, helper, when, call, line, right):
        one.die_at(f"{when} {call}")
        helper.begin(line)
        one.wait_dead()
        one.take_over()
        if not one.is_solo:
            one.allow_solo()
        self.assertEqual(helper.answer(), right)

    def test_keeps_a_database_that_is_written_to(self):
        dice = random.Random(SEED)
        with pair(kind=Heir) as (one, two):
            both(one, two)
            application = Application("database", one.directory, SEED)
            put_through(one, DEATHS, dice)
            said = application.end()
            self.assertEqual(said["failures"], [])
            self.assertGreater(said["done"], DEATHS)
            one.wait_synced()
            self.assertTrue(equal_soon(one, two), compare(one.backing, two.backing))


class NoSuccession(unittest.TestCase):
    def refused(self, one, why):
        helper = Helper()
        self.addCleanup(helper.end)
        self.assertFalse(helper.do(f"globals().update(file=os.open('{one.directory}/file', os.O_RDWR | os.O_CREAT))")
                         .startswith("errno"))
        one.die()
        why()
        done = one.take_over(check=False)
        self.assertFalse(done["ok"])
        # The agent has let go, and who has something open there is told so, as is who comes.
        for line in ("os.pwrite(file, b'lost', 0)", f"os.stat('{one.directory}/file')"):
            self.assertIn(helper.do(line), (f"errno {errno.ENOTCONN}", f"errno {errno.ECONNABORTED}"), line)
        one.release()
        one.lead(epoch=2, solo=False)
        return done["detail"]

    def test_where_the_kernel_does_not_send_again(self):
        with pair(kind=Heir) as (one, _):
            one.lead()
            self.assertIn("older than 6.9", self.refused(one, one.forget_usable))

    def test_where_the_agent_has_not_all(self):
        with pair(kind=Heir) as (one, _):
            one.lead()
            self.assertIn("the agent has not all", self.refused(one, one.drop_all))

    def test_after_another_versions_engine(self):
        with pair(kind=Heir) as (one, _):
            one.lead()
            self.assertIn("another version", self.refused(one, lambda: [os.pwrite(each, b"OTHER", 0)
                                                                        for each in one.memories()]))

    def test_of_a_secondary(self):
        with pair(kind=Heir) as (one, two):
            both(one, two)
            two.listen(0.5)
            self.assertEqual(two.kept, {})

    def test_after_a_release(self):
        with pair(kind=Heir) as (one, _):
            one.lead()
            self.assertTrue(one.kept)
            one.release()
            self.assertEqual(one.kept, {})


if __name__ == "__main__":
    enter_own_namespaces()
    unittest.main()
