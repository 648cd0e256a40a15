"""The replication engine: each operation on the mount has the result that it has without a mount, and comes out equal
on the replica; what is acknowledged is there."""
import ctypes
import errno
import fcntl
import mmap
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TESTS, "support"))
from engine_pair import PATIENCE_S, enter_own_namespaces, libc, pair, soon, stand_still  # noqa: E402
from tree import compare, snapshot  # noqa: E402

RENAME_NOREPLACE, RENAME_EXCHANGE, AT_FDCWD = 1, 2, -100
FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE, FALLOC_ZERO_RANGE = 1, 2, 16


def rename2(old, new, flags):
    if libc.renameat2(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), flags) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")


def fallocate(descriptor, mode, offset, length):
    if libc.fallocate(descriptor, mode, ctypes.c_long(offset), ctypes.c_long(length)) != 0:
        raise OSError(ctypes.get_errno(), "fallocate")


def write(path, content, flags=os.O_WRONLY | os.O_CREAT, offset=0, sync=False):
    descriptor = os.open(path, flags, 0o644)
    try:
        os.pwrite(descriptor, content, offset)
        if sync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def outcome(action):
    try:
        return action()
    except OSError as error:
        return error.errno


def play(root):
    """Every operation that databases use; returns what each of them said, to be the same with and without a mount."""
    said = []

    def path(name):
        return os.path.join(root, name)

    def say(action):
        said.append(outcome(action))

    for part in (play_contents, play_names, play_attributes, play_open_files):
        part(root, path, say)
    say(lambda: sorted(os.listdir(root)))
    folder = os.open(root, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
    return said


def play_contents(_, path, say):
    os.makedirs(path("dir/inner"))
    os.chmod(path("dir"), 0o2775)
    write(path("dir/in setgid"), b"group")
    os.mkdir(path("dir/sub"))
    write(path("plain"), b"0123456789" * 20000, sync=True)
    write(path("plain"), b"middle", flags=os.O_WRONLY, offset=70001)
    with open(path("append"), "ab") as one, open(path("append"), "ab") as two:
        for turn in range(20):
            (one if turn % 2 else two).write(b"line %d\n" % turn)
            one.flush()
            two.flush()
    os.truncate(path("plain"), 150_001)
    write(path("grown"), b"x")
    os.truncate(path("grown"), 300_000)
    descriptor = os.open(path("allocated"), os.O_RDWR | os.O_CREAT, 0o600)
    os.pwrite(descriptor, os.urandom(1) * 500_000, 0)
    os.pwrite(descriptor, b"a" * 500_000, 0)
    fallocate(descriptor, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, 65536, 131072)
    fallocate(descriptor, FALLOC_KEEP_SIZE, 600_000, 100_000)
    fallocate(descriptor, 0, 500_000, 200_000)
    fallocate(descriptor, FALLOC_ZERO_RANGE, 4096, 4096)
    os.fdatasync(descriptor)
    say(lambda: os.lseek(descriptor, 65536, os.SEEK_DATA))
    say(lambda: os.lseek(descriptor, 0, os.SEEK_HOLE))
    os.close(descriptor)


def play_names(root, path, say):
    write(path("name with spaces \n and more"), b"")
    write(os.path.join(os.fsencode(root), b"bytes \xff\xfe"), b"any")
    os.link(path("plain"), path("dir/hard"))
    os.symlink("../nowhere", path("dir/inner/soft"))
    os.mkfifo(path("fifo"), 0o640)
    os.mknod(path("device"), 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as server:
        directory = os.open(root, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{directory}/socket")
        os.close(directory)
    for name in "abcdef":
        write(path(name), name.encode() * 10)
    os.rename(path("a"), path("dir/a"))
    os.rename(path("b"), path("c"))
    rename2(path("d"), path("e"), RENAME_EXCHANGE)
    say(lambda: rename2(path("d"), path("e"), RENAME_NOREPLACE))
    rename2(path("f"), path("g"), RENAME_NOREPLACE)
    os.rename(path("dir/inner"), path("moved folder"))
    say(lambda: os.rmdir(path("dir")))
    os.rmdir(path("dir/sub"))
    say(lambda: os.unlink(path("dir")))
    say(lambda: os.open(path("absent"), os.O_RDONLY))
    say(lambda: os.open(path("d"), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    say(lambda: os.listdir(path("d")))


def play_attributes(_, path, say):
    os.chmod(path("d"), 0o4755)
    os.chown(path("d"), 12, 34)
    os.chmod(path("e"), 0o6711)
    write(path("e"), b"loses its bits" if os.geteuid() else b"kept for root")
    os.utime(path("g"), ns=(1_000_000_007, 2_000_000_009))
    os.utime(path("moved folder/soft"), ns=(5, 7), follow_symlinks=False)
    os.chown(path("moved folder/soft"), 5, 6, follow_symlinks=False)
    os.setxattr(path("d"), "user.one", b"1")
    os.setxattr(path("d"), "user.two", b"\0binary\xff" * 50)
    os.setxattr(path("d"), "user.gone", b"")
    os.removexattr(path("d"), "user.gone")
    os.setxattr(path("dir"), "trusted.folder", b"kept")
    say(lambda: os.getxattr(path("d"), "user.gone"))
    say(lambda: os.setxattr(path("d"), "user.one", b"2", os.XATTR_CREATE))
    say(lambda: sorted(os.listxattr(path("d"))))
    say(lambda: os.getxattr(path("d"), "user.two"))


def play_open_files(_, path, say):
    mapped(path("mapped"))
    unlinked_but_open(path("open"), say)
    with open(path("locked"), "w", encoding="ascii") as first, open(path("locked"), "w", encoding="ascii") as second:
        fcntl.flock(first, fcntl.LOCK_EX)
        say(lambda: fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB))
    for flags in (os.O_SYNC, os.O_DSYNC, os.O_DIRECT):
        write_aligned(path(f"opened with {flags}"), flags)
    with open(path("plain"), "rb") as source, open(path("copied"), "wb") as target:
        os.copy_file_range(source.fileno(), target.fileno(), 100_000)


def mapped(path):
    write(path, b"\0" * 100_000)
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[50_000:50_005] = b"mmaps"
        memory.flush()
        memory[10:15] = b"later"


def unlinked_but_open(path, say):
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    os.unlink(path)
    os.write(descriptor, b"nameless")
    say(lambda: os.pread(descriptor, 100, 0))
    say(lambda: os.fstat(descriptor).st_nlink)
    os.close(descriptor)


def write_aligned(path, flags):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | flags)
    with mmap.mmap(-1, 16384) as page:
        page[:] = b"\x5a" * 16384
        os.pwrite(descriptor, page, 16384)
    os.close(descriptor)


class Operations(unittest.TestCase):
    def test_say_and_leave_what_they_do_without_a_mount(self):
        with pair() as (one, _):
            plain = one.directory + "-plain"
            os.mkdir(plain)
            one.lead()
            self.assertEqual(play(one.directory), play(plain))
            self.assertEqual(compare(one.directory, plain, without=("mtime_ns", "data")), [])
            self.assertEqual(compare(one.directory, one.backing, without=("data",)), [])
            one.release()
            self.assertEqual(compare(one.backing, plain, without=("mtime_ns",)), [])

    def test_come_out_equal_on_the_replica(self):
        for on_disk in (False, True):
            with self.subTest(acknowledges_on_disk=on_disk), pair(acknowledges_on_disk=on_disk) as (one, two):
                two.follow()
                one.lead()
                one.wait_synced()
                play(one.directory)
                self.assertTrue(soon(lambda: not compare(one.backing, two.backing)),
                                compare(one.backing, two.backing))
                self.assertEqual(compare(one.backing, two.directory, without=("data",)), [])


class Copy(unittest.TestCase):
    def test_makes_any_tree_equal_while_the_application_writes(self):
        with pair() as (one, two):
            play(one.backing)
            # Space that was only reserved is a hole or not, as the page cache happens to have it.
            os.truncate(os.path.join(one.backing, "allocated"), 500_000)
            os.makedirs(os.path.join(two.backing, "plain/was a folder"))
            os.symlink("elsewhere", os.path.join(two.backing, "dir"))
            write(os.path.join(two.backing, "d"), b"other")
            os.link(os.path.join(two.backing, "d"), os.path.join(two.backing, "e"))
            write(os.path.join(one.backing, "large"), os.urandom(24 << 20))
            write(os.path.join(two.backing, "large"), b"z" * (25 << 20))
            write(os.path.join(one.backing, "hot"), b"h" * (16 << 20))
            one.lead()
            stop, failures = threading.Event(), []
            writers = [threading.Thread(target=self.write_until, args=(one.directory, stop, failures))]
            writers += [threading.Thread(target=self.hammer, args=(one.directory, stop, seed)) for seed in range(4)]
            for writer in writers:
                writer.start()
            try:
                two.follow()
                one.wait_synced()
                time.sleep(0.3)
            finally:
                stop.set()
                for writer in writers:
                    writer.join()
            self.assertEqual(failures, [])
            self.assertTrue(soon(lambda: not compare(one.backing, two.backing)),
                            compare(one.backing, two.backing))

    @staticmethod
    def hammer(directory, stop, seed):
        """Small writes all over a file that is being copied: one of them falls between reading a block and sending."""
        places = random.Random(seed)
        descriptor = os.open(os.path.join(directory, "hot"), os.O_WRONLY)
        while not stop.is_set():
            os.pwrite(descriptor, places.randbytes(8), places.randrange(16 << 20))
        os.close(descriptor)

    @staticmethod
    def write_until(directory, stop, failures):
        try:
            turn = 0
            while not stop.is_set():
                turn += 1
                write(os.path.join(directory, "large"), os.urandom(5000), os.O_WRONLY, turn * 77_777 % (24 << 20))
                name = os.path.join(directory, f"made {turn % 40}")
                write(name, b"%d" % turn, sync=turn % 7 == 0)
                if turn % 3 == 0:
                    os.rename(name, name + " moved")
                if turn % 50 == 0:
                    os.truncate(os.path.join(directory, "large"), (20 << 20) + turn)
        except OSError as error:
            failures.append(str(error))

    def test_keeps_room_that_is_reserved_and_holes_that_are_none(self):
        size = 8 << 20
        with pair() as (one, two):
            one.lead(solo=True)
            reserved, sparse = (os.path.join(one.directory, name) for name in ("reserved", "sparse"))
            with open(reserved, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, size)
                file.seek(size // 2)
                file.write(b"in the middle")
            with open(sparse, "wb") as file:
                file.truncate(size)
            two.follow()
            one.wait_synced()
            room = {name: os.stat(os.path.join(two.backing, name)).st_blocks * 512 for name in ("reserved", "sparse")}
            self.assertEqual(compare(one.backing, two.backing), [])
        self.assertGreaterEqual(room["reserved"], size)
        self.assertLess(room["sparse"], size // 8)


class Secondary(unittest.TestCase):
    def test_refuses_every_change(self):
        with pair() as (one, two):
            write(os.path.join(one.backing, "file"), b"content")
            two.follow()
            one.lead()
            one.wait_synced()
            path = os.path.join(two.directory, "file")
            for change in (lambda: write(path, b"x"), lambda: os.unlink(path), lambda: os.mkdir(path + "2"),
                           lambda: os.rename(path, path + "2"), lambda: os.chmod(path, 0o600),
                           lambda: os.truncate(path, 1), lambda: os.symlink("x", path + "2"),
                           lambda: os.setxattr(path, "user.x", b""), lambda: os.utime(path),
                           lambda: os.open(path + "2", os.O_CREAT | os.O_WRONLY)):
                self.assertEqual(outcome(change), 30)  # EROFS
            with open(path, "rb") as file:
                self.assertEqual(file.read(), b"content")
            write(os.path.join(one.directory, "file"), b"changed", sync=True)
            with open(path, "rb") as file:
                self.assertEqual(file.read(), b"changed")

    def test_with_half_a_copy_does_not_lead(self):
        with pair() as (one, two):
            write(os.path.join(one.backing, "large"), os.urandom(64 << 20))
            one.lead()
            two.follow()
            self.assertTrue(soon(lambda: os.path.exists(os.path.join(two.state_path, "incomplete"))))
            one.kill()
            two.wait(lambda said: said["is"] == "note" and "stream ends" in said["text"], "end of the stream")
            self.assertTrue(os.path.exists(os.path.join(two.state_path, "incomplete")), "the copy was faster")
            refused = two.lead(epoch=2, check=False)
            self.assertFalse(refused["ok"])
            self.assertIn("not complete", refused["detail"])


class Acknowledgement(unittest.TestCase):
    def synced_write(self, directory, done):
        def work():
            write(os.path.join(directory, "promise"), b"kept", sync=True)
            done.set()
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    def test_waits_for_a_replica_that_stands_still_and_then_for_the_record(self):
        with pair() as (one, two):
            two.follow()
            one.lead()
            one.wait_synced()
            stand_still(two.process)
            done = threading.Event()
            thread = self.synced_write(one.directory, done)
            self.assertFalse(done.wait(1.0))
            one.wait_behind()
            self.assertFalse(done.wait(0.5))
            one.send({"do": "allow_solo"})
            self.assertTrue(done.wait(PATIENCE_S))
            thread.join()
            os.kill(two.process.pid, signal.SIGCONT)
            one.wait_synced()
            with open(os.path.join(two.backing, "promise"), "rb") as file:
                self.assertEqual(file.read(), b"kept")

    def test_fails_when_the_role_is_lost(self):
        """A process that waits in fsync cannot be killed: what stops the application would wait for it."""
        with pair() as (one, two):
            two.follow()
            one.lead()
            one.wait_synced()
            stand_still(two.process)
            path = os.path.join(one.directory, "promise")
            program = f"import os; file = open({path!r}, 'wb'); file.write(b'lost'); os.fsync(file.fileno())"
            writer = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
            with self.assertRaises(subprocess.TimeoutExpired):
                writer.wait(1.0)
            writer.kill()
            with self.assertRaises(subprocess.TimeoutExpired):
                writer.wait(0.5)
            one.send({"do": "give_up"})
            self.assertEqual(writer.wait(PATIENCE_S), -signal.SIGKILL)
            writer.stderr.close()
            with self.assertRaises(OSError) as seen:
                write(path, b"again", sync=True)
            self.assertEqual(seen.exception.errno, errno.EIO)
            os.kill(two.process.pid, signal.SIGCONT)

    def test_is_on_the_replica_when_the_primary_dies(self):
        with pair() as (one, two):
            two.follow()
            one.lead()
            one.wait_synced()
            for turn in range(50):
                write(os.path.join(one.directory, "promise"), b"%03d" % turn, sync=True)
            one.kill()
            two.lead(epoch=2)
            with open(os.path.join(two.directory, "promise"), "rb") as file:
                self.assertEqual(file.read(), b"049")

    def test_of_a_primary_whose_epoch_is_over_is_refused(self):
        with pair() as (one, two):
            two.follow(epoch=5)
            one.lead(epoch=4)
            said = two.wait(lambda message: message["is"] == "note" and message["level"] == "C", "refusal")
            self.assertIn("its epoch 4 is over", said["text"])
            self.assertEqual(snapshot(two.backing).keys(), {b"."})

    def test_without_the_key_nothing_is_taken(self):
        with pair() as (one, two):
            one.options["keys"][0]["key"] = [9] * 32
            one.send(one.options)
            two.follow()
            one.lead()
            said = two.wait(lambda message: message["is"] == "note", "refusal")
            self.assertIn("turned away", said["text"])


if __name__ == "__main__":
    enter_own_namespaces()
    unittest.main()
