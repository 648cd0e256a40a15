"""What a copy overwrites on a node that has data of its own is kept aside, and comes out again byte for byte; and the
directory of a secondary that nobody runs is closed, and a change of it noticed."""
import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TESTS, "support"))
from engine_pair import CLONE_NEWNS, MS_BIND, MS_REC, enter_own_namespaces, libc, mount, pair, soon  # noqa: E402
from test_engine import write  # noqa: E402
from tree import compare, snapshot  # noqa: E402

LARGE = 300 << 20  # larger than what is kept whole
MODULE = "demo"


def backing(engine, name):
    return os.path.join(engine.backing, name)


class Kept:
    """The command line on what an engine kept; it looks for it where the agent's paths are, and sees the directories
    where the engine does."""

    def __init__(self, engine):
        self.engine = engine
        self.root = os.path.join(os.path.dirname(engine.directory), "root")
        os.makedirs(os.path.join(self.root, "var/lib/clusteragent", MODULE), exist_ok=True)
        link = os.path.join(self.root, "var/lib/clusteragent", MODULE, "filesync")
        if not os.path.islink(link):
            os.symlink(engine.state_path, link)

    def say(self, *words, code=0):
        done = subprocess.run([os.environ["CLUSTERAGENT_BINARY"], "--root", self.root, "salvage", *words, "-m", MODULE],
                              capture_output=True, text=True, timeout=60, check=False, preexec_fn=self.enter)
        assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def enter(self):
        libc.unshare(CLONE_NEWNS)
        mount(self.engine.folder, self.engine.common, MS_BIND | MS_REC)

    def sets(self):
        return [line.split()[0] for line in self.say("list").splitlines() if line[0].isdigit()]


def inner_differences(one, other):
    """Of what is in them; the directory to which was extracted is its maker's own."""
    return [line for line in compare(one, other, without=("data", "mtime_ns")) if not line.startswith("b'.'")]


def copy(one, two, **how):
    two.follow(**how)
    one.lead(epoch=2)
    one.wait_synced()


def closed_ns(engine):
    with open(os.path.join(engine.state_path, "history"), encoding="ascii") as file:
        return int(file.read().split()[6], 16)


class Salvage(unittest.TestCase):
    def setUp(self):
        enter_own_namespaces()

    @staticmethod
    def fill(two):
        """What only the loser has."""
        content = {"changed": os.urandom(200_000), "cut off": os.urandom(150_000), "removed": os.urandom(70_000),
                   "folder/inner/deep": b"deep", "other kind": b"was a file"}
        os.makedirs(backing(two, "folder/inner"))
        for name, data in content.items():
            write(backing(two, name), data)
        os.chown(backing(two, "removed"), 12, 34)
        os.chmod(backing(two, "removed"), 0o4640)
        os.setxattr(backing(two, "removed"), "user.kept", b"\0value")
        os.utime(backing(two, "changed"), ns=(5, 1_000_000_000_007))
        os.symlink("nowhere", backing(two, "link"))
        os.mkfifo(backing(two, "fifo"))
        write(os.path.join(os.fsencode(two.backing), b"bytes \xff\n"), b"any name")
        write(backing(two, "equal"), b"the same")

    @staticmethod
    def fill_primary(one, two):
        shutil.copy(backing(two, "changed"), backing(one, "changed"))
        write(backing(one, "changed"), b"!", os.O_WRONLY, 130_000)
        shutil.copy(backing(two, "cut off"), backing(one, "cut off"))
        os.truncate(backing(one, "cut off"), 10)
        os.mkdir(backing(one, "other kind"))
        write(backing(one, "equal"), b"the same")

    def test_files_come_out_as_they_were(self):
        with pair() as (one, two):
            self.fill(two)
            self.fill_primary(one, two)
            plain = two.directory + "-plain"
            subprocess.run(["cp", "-a", two.backing, plain], check=True)
            copy(one, two, diverged=1)
            self.assertTrue(soon(lambda: not compare(one.backing, two.backing)))
            kept = Kept(two)
            self.assertEqual(len(kept.sets()), 1)
            name = kept.sets()[0]
            self.assertIn("beside a newer primary", kept.say("list"))
            self.assertNotIn("equal", kept.say("show", name))
            self.assertIn("bytes%20%FF%0A", kept.say("show", name))
            out = two.directory + "-out"
            kept.say("extract", name, out)
            os.unlink(os.path.join(plain, "equal"))
            self.assertEqual(inner_differences(plain, out), [])
            self.assertEqual(os.stat(os.path.join(out, "changed")).st_mtime_ns, 1_000_000_000_007)

            self.assertIn("is not empty", kept.say("extract", name, out, code=3))
            kept.say("extract", name, out, "folder", "--replace")
            inside = two.seen(two.directory) + "/x"
            self.assertIn("inside the replicated directory", kept.say("extract", name, inside, code=3))
            self.assertIn("no set", kept.say("drop", "../state", code=2))
            kept.say("drop", name)
            self.assertEqual(kept.sets(), [])

    def test_files_of_two_directories_come_out_apart(self):
        with pair(names=("one", "two")) as (one, two):
            for engine in (one, two):
                for path in engine.backings:
                    with open(os.path.join(path, "large"), "wb") as file:
                        file.truncate(LARGE)
            for number, path in enumerate(two.backings):
                for engine in (one, two):
                    write(os.path.join(engine.backings[number], "large"), b"equal %d" % number, os.O_WRONLY, 4 << 20)
                write(os.path.join(path, "file"), b"own of %d" % number)
                write(os.path.join(path, "large"), b"own of %d" % number, os.O_WRONLY, 1 << 20)
                write(os.path.join(one.backings[number], "large"), b"primary %d" % number, os.O_WRONLY, 2 << 20)
            copy(one, two, diverged=1)
            kept, out = Kept(two), os.path.join(two.folder, "out")
            kept.say("extract", kept.sets()[0], out)
            for number, path in enumerate(two.directories):
                with open(os.path.join(out, two.seen(path)[1:], "file"), "rb") as file:
                    self.assertEqual(file.read(), b"own of %d" % number)
                with open(os.path.join(out, two.seen(path)[1:], "large"), "rb") as file:
                    self.assertEqual(os.pread(file.fileno(), 8, 1 << 20), b"own of %d" % number)
                    # Laid over the present one of the same directory.
                    self.assertEqual(os.pread(file.fileno(), 7, 4 << 20), b"equal %d" % number)
            self.assertEqual(os.listdir(out), [two.seen(two.directories[0]).split("/")[1]])

    def test_once_for_a_split_and_never_without_one(self):
        with pair() as (one, two):
            write(backing(two, "file"), b"own")
            copy(one, two, diverged=1)
            self.assertEqual(len(Kept(two).sets()), 1)
            for diverged in (1, 0):
                two.kill()
                one.wait_behind()
                one.send({"do": "allow_solo"})
                write(os.path.join(one.directory, "file"), b"newer %d" % diverged)
                two.start()
                two.follow(diverged=diverged)
                one.wait_synced()
                self.assertEqual(len(Kept(two).sets()), 1)

    def test_what_the_application_removes_during_the_copy_is_kept(self):
        with pair() as (one, two):
            for engine in (one, two):
                write(backing(engine, "zz"), b"z" * 100_000)
                write(backing(engine, "large"), os.urandom(96 << 20))
            write(backing(two, "zz"), b"own", os.O_WRONLY, 50_000)
            with open(backing(two, "zz"), "rb") as file:
                before = file.read()
            one.lead(epoch=2)
            two.follow(diverged=1)
            self.assertTrue(soon(lambda: os.path.exists(os.path.join(two.state_path, "incomplete"))))
            os.unlink(os.path.join(one.directory, "zz"))
            one.wait_synced(), soon(lambda: not os.path.exists(backing(two, "zz")))
            kept, out = Kept(two), two.directory + "-out"
            kept.say("extract", kept.sets()[0], out, "zz")
            with open(os.path.join(out, "zz"), "rb") as file:
                self.assertEqual(file.read(), before)

    def test_of_a_large_file_the_blocks(self):
        with pair() as (one, two):
            for engine in (one, two):
                with open(backing(engine, "large"), "wb") as file:
                    file.truncate(LARGE)
                write(backing(engine, "large"), b"base" * 50_000, os.O_WRONLY, 70 << 20)
            write(backing(two, "large"), b"own" * 50_000, os.O_WRONLY, 100 << 20)
            write(backing(two, "large"), b"tail", os.O_WRONLY, LARGE - 4)
            write(backing(one, "large"), b"primary's", os.O_WRONLY, 200 << 20)
            os.truncate(backing(one, "large"), LARGE - 1000)
            plain = two.directory + "-plain"
            os.mkdir(plain)
            shutil.copy(backing(two, "large"), plain)
            copy(one, two, diverged=1)
            kept, out = Kept(two), two.directory + "-out"
            said = kept.say("extract", kept.sets()[0], out)
            self.assertIn("laid over the present file", said)
            data = os.path.join(two.state_path, "salvage", kept.sets()[0], "data", "1")
            self.assertLess(os.stat(data).st_blocks * 512, 2 << 20)
            self.assertEqual(inner_differences(plain, out), [])

    def test_the_oldest_set_gives_way_and_the_rest_is_told(self):
        with pair(salvage_bytes_max=1_000_000) as (one, two):
            for turn in (1, 2):
                write(backing(two, "own"), os.urandom(700_000))
                two.follow(epoch=turn + 1, diverged=turn)
                one.lead(epoch=turn + 1, solo=True)
                one.wait_synced()
                one.release()
                two.kill()
                libc.umount2(two.directory.encode(), 2)
                two.start()
            kept = Kept(two)
            self.assertEqual(len(kept.sets()), 1)
            self.assertIn("epoch 2", kept.say("list"))
            write(backing(two, "own"), os.urandom(1_700_000))
            two.follow(epoch=9, diverged=8)
            one.lead(epoch=9, solo=True)
            one.wait_synced()
            alarm = two.wait(lambda said: said["is"] == "note" and "not everything" in said["text"], "alarm")
            self.assertEqual(alarm["level"], "C")
            self.assertIn("incomplete", kept.say("list"))


class Protection(unittest.TestCase):
    def setUp(self):
        enter_own_namespaces()

    def refusal(self, path):
        try:
            write(path, b"by hand")
        except OSError as problem:
            return errno.errorcode[problem.errno]
        return None

    def test_a_secondary_that_stopped_is_read_only_until_its_next_role(self):
        with pair() as (one, two):
            write(backing(one, "file"), b"content")
            copy(one, two)
            path = os.path.join(two.directory, "file")
            two.release()
            self.assertEqual(self.refusal(path), "EROFS")
            with open(path, "rb") as file:
                self.assertEqual(file.read(), b"content")
            two.end()
            self.assertEqual(self.refusal(path), "EROFS")
            one.wait_behind()
            two.start()
            two.lead(epoch=3)
            self.assertIsNone(self.refusal(path))
            two.release()
            self.assertIsNone(self.refusal(path))

    def test_ended_without_a_word_it_is_closed_as_well(self):
        with pair() as (one, two):
            copy(one, two)
            two.end()
            self.assertEqual(self.refusal(os.path.join(two.directory, "file")), "EROFS")
            two.start()
            two.follow(epoch=2)
            one.wait_behind()
            one.send({"do": "allow_solo"})
            one.wait_synced()
            two.end()
            libc.umount2(two.directory.encode(), 0)
            self.assertIsNone(self.refusal(os.path.join(two.directory, "file")))

    def test_a_killed_one_refuses_everything(self):
        with pair() as (one, two):
            write(backing(one, "file"), b"content")
            copy(one, two)
            two.kill()
            self.assertEqual(self.refusal(os.path.join(two.directory, "file")), "ENOTCONN")
            one.wait_behind()
            two.start()
            two.follow(epoch=2)
            one.send({"do": "allow_solo"})
            one.wait_synced()
            with open(os.path.join(two.directory, "file"), "rb") as file:
                self.assertEqual(file.read(), b"content")

    def test_what_was_changed_meanwhile_is_told_and_kept(self):
        with pair() as (one, two):
            for name in ("file", "other"):
                write(backing(one, name), b"content of " + name.encode())
            copy(one, two)
            two.end()
            one.wait_behind()
            one.send({"do": "allow_solo"})
            write(backing(two, "file"), b"by hand", os.O_WRONLY)
            two.said.clear()
            two.start()
            two.follow(epoch=2)
            told = two.wait(lambda said: said["is"] == "note" and said["level"] == "C", "alarm")["text"]
            self.assertIn('was changed while the module was stopped on this node: "file"', told)
            one.wait_synced()
            kept, out = Kept(two), two.directory + "-out"
            kept.say("extract", kept.sets()[0], out)
            self.assertEqual(list(snapshot(out)), [b".", b"file"])
            with open(os.path.join(out, "file"), "rb") as file:
                self.assertEqual(file.read(), b"by hand of file")
            two.wait(lambda said: said["is"] == "progress" and "tampered" not in said["status"] and
                     said["status"].get("salvaged", {}).get("sets") == 1, "status")

    def test_what_was_changed_on_either_node_of_two_directories_is_told(self):
        with pair(names=("one", "two"), excluded=[{"path": "own"}]) as (one, two):
            for engine in (one, two):
                for path in engine.backings:
                    write(os.path.join(path, "own"), b"own")
                    os.utime(os.path.join(path, "own"), (0, 0))  # nobody makes them equal
            for path in one.backings:
                write(os.path.join(path, "file"), b"content")
            copy(one, two)
            two.end()
            for path in two.directories:
                self.assertEqual(self.refusal(os.path.join(path, "file")), "EROFS")
            one.release()
            for engine in (one, two):
                write(os.path.join(engine.backings[0], "own"), b"own again", os.O_WRONLY)
            write(os.path.join(one.backings[1], "file"), b"by hand", os.O_WRONLY)
            two.said.clear()
            two.start()
            two.follow(epoch=3)
            self.assertEqual([said for said in two.said if said["is"] == "note" and said["level"] == "C"], [])
            two.release()
            write(os.path.join(two.backings[1], "file"), b"BY HAND", os.O_WRONLY)
            two.lead(epoch=4)
            path = two.seen(two.directories[1]) + "/file"
            for level, engine in (("C", two), ("C", one)):
                if engine is one:
                    one.follow(epoch=4)
                told = engine.wait(lambda said: said["is"] == "note" and said["level"] == level, "word")["text"]
                self.assertIn(f'was changed while the module was stopped on this node: "{path}"', told)
            two.wait_synced()
            self.assertTrue(soon(lambda: not compare(one.backings[1], two.backings[1])),
                            compare(one.backings[1], two.backings[1]))
            self.assertEqual(len(Kept(one).sets()), 1)

    def test_a_new_engine_waits_for_the_end_of_the_former_one(self):
        with pair() as (_, two):
            two.end()
            os.makedirs(two.state_path, exist_ok=True)
            with open(os.path.join(two.state_path, "lock"), "wb") as file:
                fcntl.lockf(file, fcntl.LOCK_EX)
                two.start()
                two.send({"do": "follow", "token": 7, "epoch": 1, "diverged": 0})
                with self.assertRaises(AssertionError):
                    two.wait(lambda said: said["is"] == "finished", "answer", 1)
            two.wait(lambda said: said["is"] == "finished" and said["ok"], "answer")

    def test_left_alone_nothing_is_told(self):
        with pair() as (one, two):
            write(backing(one, "file"), b"content")
            copy(one, two)
            two.end()
            self.assertNotEqual(closed_ns(two), 0)
            one.wait_behind()
            one.send({"do": "allow_solo"})
            two.said.clear()
            two.start()
            two.follow(epoch=2)
            one.wait_synced()
            self.assertEqual([said for said in two.said if said["is"] == "note" and said["level"] == "C"], [])
            self.assertEqual(closed_ns(two), 0)
            self.assertEqual(Kept(two).sets(), [])
            self.assertNotIn("tampered", json.dumps(two.said))


if __name__ == "__main__":
    unittest.main()
