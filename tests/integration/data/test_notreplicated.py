"""What each node keeps for itself in a replicated directory: it passes the mount and nothing else."""
import contextlib
import ctypes
import errno
import os
import signal
import stat
import sys
import threading
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TESTS, "support"))
from engine_pair import enter_own_namespaces, libc, pair, soon, stand_still  # noqa: E402

CROWD = 6000
EXCLUDED = [{"path": "auto.cnf"}, {"path": "private"}, {"regex": r"\.(pid|err)$"}, {"regex": r"^dated/[0-9]"}]
AT_FDCWD, RENAME_EXCHANGE = -100, 2


def write(path, content=b"x"):
    with open(path, "wb") as file:
        file.write(content)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode) if os.path.exists(path) else None


def names(root):
    return sorted(os.path.relpath(os.path.join(folder, name), root)
                  for folder, folders, files in os.walk(root) for name in folders + files)


def has_open(pid, path):
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            if os.readlink(f"/proc/{pid}/fd/{number}").endswith(path):
                return True
    return False


class NotReplicated(unittest.TestCase):
    def joined(self, one, two):
        for engine, own in ((one, b"one"), (two, b"two")):
            os.makedirs(os.path.join(engine.backing, "private/deep"))
            os.makedirs(os.path.join(engine.backing, "folder"))
            for name in ("auto.cnf", "private/deep/file", f"{engine.node}.pid", "folder/own.err"):
                write(os.path.join(engine.backing, name), own)
        write(os.path.join(one.backing, "shared"), b"shared")
        write(os.path.join(two.backing, "not there any more"))
        two.follow()
        one.lead()
        one.wait_synced()

    def test_what_comes_to_be_one_node_s_own_while_a_copy_looks_around_is_not_copied(self):
        with pair(excluded=[{"regex": r"^new/[ab]/own$"}]) as (one, two):
            for name in ("a", "b"):
                os.makedirs(os.path.join(one.backing, "old", name))
            before, after = os.listdir(os.path.join(one.backing, "old"))
            for number in range(CROWD):  # so long it looks at the first one before it comes to the second one
                write(os.path.join(one.backing, "old", before, str(number)))
            one.lead()
            two.follow()
            self.assertTrue(soon(lambda: has_open(one.process.pid, "/old/" + before), pause=0))
            os.rename(os.path.join(one.directory, "old"), os.path.join(one.directory, "new"))
            write(os.path.join(one.directory, "new", after, "own"))
            one.wait_synced()
            self.assertEqual(len(os.listdir(os.path.join(two.backing, "new", before))), CROWD)
            self.assertEqual(os.listdir(os.path.join(two.backing, "new", after)), [])

    def assert_errno(self, code, action, *arguments):
        with self.assertRaises(OSError, msg=arguments) as seen:
            action(*arguments)
        self.assertEqual(errno.errorcode[seen.exception.errno], errno.errorcode[code], arguments)

    def test_is_neither_copied_nor_removed_nor_followed(self):
        with pair(excluded=EXCLUDED) as (one, two):
            self.joined(one, two)
            own = ["auto.cnf", "folder", "folder/own.err", "node2.pid", "private", "private/deep", "private/deep/file"]
            self.assertEqual(names(two.backing), sorted([*own, "shared"]))

            def path(name):
                return os.path.join(one.directory, name)
            write(path("auto.cnf"), b"changed")
            os.chmod(path("auto.cnf"), 0o600)
            os.setxattr(path("auto.cnf"), "user.x", b"1")
            os.truncate(path("auto.cnf"), 3)
            write(path("new.err"))
            os.makedirs(path("private/more/still"))
            os.rename(path("private/deep"), path("private/moved"))
            os.symlink("x", path("private/link"))
            os.link(path("private/moved/file"), path("private/second"))
            os.rename(path("new.err"), path("newer.err"))
            os.unlink(path("node1.pid"))
            os.unlink(path("folder/own.err"))
            write(path("shared"), b"followed")
            self.assertTrue(soon(lambda: read(os.path.join(two.backing, "shared")) == b"followed"))
            self.assertEqual(names(two.backing), sorted([*own, "shared"]))
            self.assertEqual(read(os.path.join(two.backing, "auto.cnf")), b"two")
            self.assertEqual(read(path("private/second")), b"one")
            self.assert_errno(errno.EROFS, write, os.path.join(two.directory, "auto.cnf"))
            one.release()
            two.lead(epoch=2)
            self.assertEqual(read(os.path.join(two.directory, "auto.cnf")), b"two")
            write(os.path.join(two.directory, "auto.cnf"), b"two again")

    def test_goes_with_its_folder(self):
        with pair(excluded=EXCLUDED) as (one, two):
            self.joined(one, two)
            os.unlink(os.path.join(one.directory, "folder/own.err"))
            os.rmdir(os.path.join(one.directory, "folder"))
            os.mkdir(os.path.join(one.directory, "folder"), 0o711)
            self.assertTrue(soon(lambda: mode(os.path.join(two.backing, "folder")) == 0o711))
            self.assertEqual(os.listdir(os.path.join(two.backing, "folder")), [])
            write(os.path.join(two.backing, "folder", "again.err"))
            os.mkdir(os.path.join(one.directory, "empty"))
            os.rename(os.path.join(one.directory, "empty"), os.path.join(one.directory, "folder"))
            write(os.path.join(one.directory, "folder/shared"), b"goes on")
            self.assertTrue(soon(lambda: os.path.exists(os.path.join(two.backing, "folder/shared"))))

    def test_a_file_stays_on_its_side_of_the_border(self):
        with pair(excluded=EXCLUDED) as (one, two):
            self.joined(one, two)

            def path(name):
                return os.path.join(one.directory, name)
            for folder in ("numbers", "letters", "dated", "dated/x"):
                os.mkdir(path(folder))
            write(path("numbers/1"))
            write(path("letters/a"))
            write(path("dated/2"))
            for old, new in (("shared", "shared.pid"), ("auto.cnf", "shared2"), ("shared", "private/shared"),
                             ("private", "public"), ("dated", "undated"), ("numbers/1", "dated/1")):
                self.assert_errno(errno.EXDEV, os.rename, path(old), path(new))
            for old, new in (("shared", "shared.pid"), ("auto.cnf", "plain"), ("shared", "private/x")):
                self.assert_errno(errno.EXDEV, os.link, path(old), path(new))
            exchanged = libc.renameat2(AT_FDCWD, path("auto.cnf").encode(), AT_FDCWD, path("shared").encode(),
                                       RENAME_EXCHANGE)
            self.assertEqual((exchanged, ctypes.get_errno()), (-1, errno.EXDEV))
            os.unlink(path("dated/2"))
            os.rename(path("letters"), path("dated/letters"))
            os.rename(path("dated"), path("undated"))
            self.assertTrue(soon(lambda: os.path.exists(os.path.join(two.backing, "undated/letters/a"))))
            self.assertFalse(os.path.exists(os.path.join(two.backing, "shared.pid")))

    def test_its_promises_do_not_wait_for_the_other_node(self):
        with pair(excluded=EXCLUDED) as (one, two):
            self.joined(one, two)
            stand_still(two.process)
            done = threading.Event()

            def sync(name, event=None):
                descriptor = os.open(os.path.join(one.directory, name), os.O_WRONLY | os.O_SYNC)
                os.write(descriptor, b"kept")
                os.fsync(descriptor)
                os.close(descriptor)
                if event:
                    event.set()
            sync("auto.cnf")
            thread = threading.Thread(target=sync, args=("shared", done))
            thread.start()
            self.assertFalse(done.wait(0.5), "this one waits")
            os.kill(two.process.pid, signal.SIGCONT)
            thread.join()

    def test_inverted_only_what_matches_is_replicated(self):
        with pair(excluded=[{"regex": r"\.ibd$", "is_inverted": True}]) as (one, two):
            os.makedirs(os.path.join(one.backing, "db/inner"))
            for name in ("db/t.ibd", "db/t.frm", "log"):
                write(os.path.join(one.backing, name))
            two.follow()
            one.lead()
            one.wait_synced()
            write(os.path.join(one.directory, "db/inner/late.frm"))
            write(os.path.join(one.directory, "db/inner/late.ibd"))
            late = os.path.join(two.backing, "db/inner/late.ibd")
            self.assertTrue(soon(lambda: os.path.exists(late)))
            self.assertEqual(names(two.backing), ["db", "db/inner", "db/inner/late.ibd", "db/t.ibd"])

    def test_of_one_node_only_is_refused(self):
        with pair(excluded=EXCLUDED) as (one, two):
            two.options["directories"][0]["excluded"].pop()
            two.send(two.options)
            two.follow()
            one.lead()
            said = two.wait(lambda message: message["is"] == "note" and message["level"] == "C", "refusal")
            self.assertIn("without auto.cnf and private and", said["text"])


if __name__ == "__main__":
    enter_own_namespaces()
    unittest.main()
