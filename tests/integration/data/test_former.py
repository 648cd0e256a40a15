"""An engine finds a former one still there, or what it left: never do two work on one directory."""
import contextlib
import errno
import fcntl
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TESTS, "support"))
from engine_pair import PATIENCE_S, enter_own_namespaces, libc, pair, soon, stand_still, unmount  # noqa: E402
from tree import compare  # noqa: E402

FORMER_S = 15  # in which it may end by itself
BOTH_WAIT_S = FORMER_S + 5 + PATIENCE_S
MNT_DETACH = 2
FUSE_INIT = 26


def write(path, content):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def mounted(directory):
    """The types of what is mounted there, the last one last."""
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        lines = [line.split(" - ") for line in table]
    return [kind.split()[0] for place, kind in lines
            if place.split()[4].encode().decode("unicode_escape") == directory]


@contextlib.contextmanager
def former_stands_still(engine):
    """The engine's process is stopped and its agent gone; another one was started in its place."""
    former, agent = engine.process, engine.socket
    stand_still(former)
    try:
        yield former, agent
    finally:
        agent.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(former.pid, signal.SIGCONT)
        if former.poll() is None:
            former.kill()
        former.wait()


class DeafFileSystem(threading.Thread):
    """Takes what the kernel asks and answers nothing: whoever asks it cannot be killed."""

    def __init__(self, target):
        super().__init__(daemon=True)
        self.target, self.asked = target, threading.Event()
        self.device = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={self.device},rootmode=40000,user_id=0,group_id=0"
        if libc.mount(b"deaf", os.fsencode(target), b"fuse", 0, options.encode()) != 0:
            raise OSError(errno.EIO, "cannot mount")
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                asked = os.read(self.device, 1 << 20)
                _, operation, unique = struct.unpack_from("<IIQ", asked)
                if operation != FUSE_INIT:
                    self.asked.set()
                    return
                body = struct.pack("<IIIIHHI", 7, 31, 0, 0, 0, 0, 4096).ljust(64, b"\0")
                os.write(self.device, struct.pack("<IiQ", 16 + len(body), 0, unique) + body)

    def end(self):
        with open("/proc/self/mountinfo", encoding="utf-8") as table:
            minor = next(line.split()[2].split(":")[1] for line in table if line.split()[4] == self.target)
        subprocess.run(["mount", "-t", "fusectl", "none", "/sys/fs/fuse/connections"], check=False,
                       stderr=subprocess.DEVNULL)
        with open(f"/sys/fs/fuse/connections/{minor}/abort", "w", encoding="ascii") as file:
            file.write("1")
        os.close(self.device)
        libc.umount2(os.fsencode(self.target), MNT_DETACH)


class FormerEngine(unittest.TestCase):
    def test_that_stands_still_is_ended_before_anything_begins(self):
        with pair() as (one, two):
            two.follow()
            one.lead()
            one.wait_synced()
            write(os.path.join(one.directory, "file"), b"before")
            held = os.open(os.path.join(one.directory, "held"), os.O_WRONLY | os.O_CREAT)
            with former_stands_still(one) as (former, _):
                begun = time.monotonic()
                one.start()
                said = one.wait(lambda said: said["is"] == "note" and said["level"] == "C", "end of it", BOTH_WAIT_S)
                self.assertGreater(time.monotonic() - begun, FORMER_S - 1)
                self.assertIn(f"process {former.pid}, state T", said["text"])
                self.assertEqual(former.wait(PATIENCE_S), -signal.SIGKILL)
                one.lead(epoch=2)
                self.assertEqual(mounted(one.directory)[-1], "fuse.clusteragent")
                with self.assertRaises(OSError):
                    os.write(held, b"by the former mount")
                    os.fsync(held)
                os.close(held)
                self.assertEqual(read(os.path.join(one.backing, "held")), b"")
                one.wait_synced()
                write(os.path.join(one.directory, "file"), b"after")
                self.assertTrue(soon(lambda: not compare(one.backing, two.backing)), compare(one.backing, two.backing))
                self.assertEqual(read(os.path.join(two.backing, "file")), b"after")

    def test_that_ends_by_itself_is_waited_for(self):
        with pair() as (one, _):
            one.lead()
            with former_stands_still(one) as (former, agent):
                one.start()
                one.said.clear()
                with self.assertRaises(AssertionError):
                    one.wait(lambda said: said["is"] == "progress", "sign of life", 1.0)
                agent.close()
                os.kill(former.pid, signal.SIGCONT)
                self.assertEqual(former.wait(PATIENCE_S), 0)
                one.lead(epoch=2)
                self.assertEqual([said for said in one.said if said["is"] == "note"], [])

    def test_that_cannot_be_ended_lets_nothing_begin_until_it_is_gone(self):
        with pair() as (one, _):
            deaf_at = one.folder + "-deaf"
            os.mkdir(deaf_at)
            # Mounted before the engine's namespace is made.
            deaf = DeafFileSystem(deaf_at)
            one.end()
            os.symlink(deaf_at, os.path.join(one.backing, "link"))
            one.options["directories"][0]["must_exist"] = ["link/file"]
            one.start()
            former, agent = one.process, one.socket
            try:
                one.send({"do": "lead", "token": 99, "epoch": 1, "solo": True})
                self.assertTrue(deaf.asked.wait(PATIENCE_S))
                one.options["directories"][0]["must_exist"] = []
                one.start()
                agent.close()
                one.wait(lambda said: said["is"] == "note" and "it is killed" in said["text"], "SIGKILL", BOTH_WAIT_S)
                one.token += 1
                one.send({"do": "lead", "token": one.token, "epoch": 1, "solo": True})
                refused = one.wait(lambda said: said["is"] == "finished", "answer", BOTH_WAIT_S)
                self.assertFalse(refused["ok"])
                self.assertIn(f"process {former.pid}, state D", refused["detail"])
                self.assertIn("not even by SIGKILL", refused["detail"])
                self.assertFalse(one.lead(check=False)["ok"], "tried again at once, and answered at once")
                self.assertEqual(mounted(one.directory), [])
            finally:
                deaf.end()
            self.assertEqual(former.wait(PATIENCE_S), -signal.SIGKILL)
            one.lead()
            self.assertEqual(mounted(one.directory)[-1], "fuse.clusteragent")

    def test_nothing_but_an_engine_is_ended(self):
        with pair() as (one, _):
            one.end()
            os.makedirs(one.state_path, exist_ok=True)
            with open(os.path.join(one.state_path, "lock"), "wb") as lock:
                fcntl.lockf(lock, fcntl.LOCK_EX)
                one.start()
                said = one.wait(lambda said: said["is"] == "note", "refusal", BOTH_WAIT_S)
                self.assertIn(f"locked by process {os.getpid()} (python3", said["text"])
                self.assertIn("no replication engine", said["text"])
            one.lead()

    def test_does_not_do_what_an_agent_said_that_is_gone(self):
        with pair() as (one, _):
            with former_stands_still(one) as (former, agent):
                one.send({"do": "lead", "token": 99, "epoch": 1, "solo": True})
                agent.close()
                os.kill(former.pid, signal.SIGCONT)
                self.assertEqual(former.wait(PATIENCE_S), 0)
            self.assertFalse(os.path.exists(os.path.join(one.state_path, "history")), "it led")
            one.start()


class Mounts(unittest.TestCase):
    def test_that_a_killed_engine_left_is_taken_away_whatever_its_directory_is_called(self):
        with pair(names=("data with blanks",)) as (one, _):
            one.lead()
            write(os.path.join(one.directory, "file"), b"kept")
            one.kill()
            self.assertEqual(mounted(one.directory)[-1], "fuse.clusteragent")
            one.start()
            one.release()
            one.wait(lambda said: said["is"] == "note" and "removed the mount" in said["text"], "word of it")
            self.assertEqual(mounted(one.directory), [])
            one.lead(epoch=2)
            self.assertEqual(read(os.path.join(one.directory, "file")), b"kept")

    def test_that_are_reached_by_a_symbolic_link_come_and_go(self):
        with pair() as (one, _):
            link = one.directory + " link"
            os.symlink(one.directory.replace(one.folder, one.common), link)
            one.options["directories"][0]["path"] = one.seen(link)
            one.send(one.options)
            one.lead()
            one.release()
            self.assertEqual(mounted(one.directory), [])
            one.lead(epoch=2)
            one.kill()
            one.start()
            one.release()
            one.wait(lambda said: said["is"] == "note" and "removed the mount" in said["text"], "word of it")
            self.assertEqual(mounted(one.directory), [])

    def test_of_a_later_engine_outlive_the_former_one(self):
        """Somebody removed the lock, and the former engine wakes up."""
        for role in ("lead", "follow"):
            with self.subTest(role), pair() as (one, _):
                getattr(one, role)()
                with former_stands_still(one) as (former, agent):
                    os.unlink(os.path.join(one.state_path, "lock"))
                    one.start()
                    one.lead(epoch=2)
                    agent.close()
                    os.kill(former.pid, signal.SIGCONT)
                    self.assertEqual(former.wait(PATIENCE_S), 0)
                    self.assertEqual(mounted(one.directory)[-1], "fuse.clusteragent")
                    write(os.path.join(one.directory, "file"), b"by the later one")
                    self.assertEqual(read(os.path.join(one.backing, "file")), b"by the later one")

    def test_of_somebody_else_over_the_engines_stay(self):
        for role in ("lead", "follow"):
            with self.subTest(role), pair() as (one, _):
                getattr(one, role)()
                mount_tmpfs(one.directory)
                one.release()
                said = one.wait(lambda said: said["is"] == "note" and said["level"] == "C", "word of it")
                self.assertIn("does not show what this engine had mounted", said["text"])
                self.assertEqual(mounted(one.directory)[-1], "tmpfs")
                write(os.path.join(one.directory, "file"), b"theirs")
                unmount(one.directory)


class Dead(unittest.TestCase):
    def test_its_mount_stays_until_the_application_is_stopped(self):
        """A server that hangs in its stop wrote past it, and no copy noticed."""
        with pair() as (one, two):
            two.follow()
            one.lead()
            one.wait_synced()
            write(os.path.join(one.directory, "file"), b"kept")
            one.kill()
            one.start()
            one.wait(lambda said: said["is"] == "note" and "died and left its mount" in said["text"], "word of it")
            with self.assertRaises(OSError) as caught:
                write(os.path.join(one.directory, "file"), b"past it")
            self.assertEqual(caught.exception.errno, errno.ENOTCONN)
            one.release()
            self.assertEqual(read(os.path.join(one.directory, "file")), b"kept")

    def test_what_is_written_by_hand_after_that_is_noticed(self):
        with pair() as (one, two):
            two.follow()
            one.lead()
            one.wait_synced()
            write(os.path.join(one.directory, "file"), b"kept")
            one.kill()
            one.start()
            one.release()
            write(os.path.join(one.directory, "file"), b"by hand")
            two.lead(epoch=2)
            one.follow(epoch=2)
            one.wait(lambda said: said["is"] == "note" and "was changed while" in said["text"], "word of the change")
            two.wait_synced()
            self.assertTrue(soon(lambda: compare(one.backing, two.backing) == []), compare(one.backing, two.backing))
            self.assertEqual(read(os.path.join(one.backing, "file")), b"kept")

    def test_of_a_secondary_the_directory_is_closed_at_its_release(self):
        with pair() as (one, two):
            two.follow()
            one.lead()
            one.wait_synced()
            write(os.path.join(one.directory, "file"), b"kept")
            two.kill()
            two.start()
            two.release()
            with self.assertRaises(OSError) as caught:
                write(os.path.join(two.directory, "file"), b"by hand")
            self.assertEqual(caught.exception.errno, errno.EROFS)


def mount_tmpfs(target):
    subprocess.run(["mount", "-t", "tmpfs", "none", target], check=True)


if __name__ == "__main__":
    enter_own_namespaces()
    unittest.main()
