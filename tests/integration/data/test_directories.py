"""Several replicated directories: one engine, one stream, so that a cut is a state of all of them at one moment."""
import os
import sys
import threading
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TESTS, "support"))
from engine_pair import PATIENCE_S, enter_own_namespaces, pair, soon, unmount  # noqa: E402
from tree import compare  # noqa: E402

NAMES = ("data", "logs", "third")


def write(path, content, sync=False):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    try:
        os.write(descriptor, content)
        if sync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def all_differences(one, two):
    return [line for pair_of in zip(one.backings, two.backings) for line in compare(*pair_of)]


def fill(directories):
    """The same inode numbers in each, as far as the file system lets it: they must not be taken for each other."""
    for number, directory in enumerate(directories):
        os.makedirs(os.path.join(directory, "folder"), exist_ok=True)
        for name in "abc":
            write(os.path.join(directory, "folder", name), f"{name} of {number}".encode() * 5000)
        os.setxattr(os.path.join(directory, "folder/a"), "user.of", b"%d" % number)
        os.link(os.path.join(directory, "folder/a"), os.path.join(directory, f"a {number}"))


class Directories(unittest.TestCase):
    def test_are_copied_and_followed_each_by_itself(self):
        with pair(names=NAMES) as (one, two):
            fill(one.backings)
            write(os.path.join(two.backings[1], "too many"), b"x")
            two.follow()
            one.lead()
            one.wait_synced()
            self.assertEqual(all_differences(one, two), [])
            for number, directory in enumerate(one.directories):
                write(os.path.join(directory, "folder/b"), b"changed %d" % number, sync=True)
                os.rename(os.path.join(directory, "folder"), os.path.join(directory, f"moved {number}"))
            self.assertTrue(soon(lambda: not all_differences(one, two)), all_differences(one, two))
            one.release()
            two.lead(epoch=2)
            self.assertEqual([read(os.path.join(directory, f"moved {number}/b"))
                              for number, directory in enumerate(two.directories)],
                             [b"changed 0", b"changed 1", b"changed 2"])

    def test_a_file_does_not_move_or_link_from_one_into_another(self):
        with pair(names=NAMES[:2]) as (one, _):
            one.lead()
            write(os.path.join(one.directories[0], "file"), b"x")
            for change in (os.rename, os.link):
                with self.assertRaises(OSError) as seen:
                    change(os.path.join(one.directories[0], "file"), os.path.join(one.directories[1], "file"))
                self.assertEqual(seen.exception.errno, 18)  # EXDEV

    def test_stop_in_the_middle_is_one_moment_of_all(self):
        """A counter goes to one directory and then to the other: the second never has what the first does not."""
        with pair(names=NAMES[:2]) as (one, two):
            for directory in one.backings:
                write(os.path.join(directory, "counter"), b"0")
            two.follow()
            one.lead()
            one.wait_synced()
            stop = threading.Event()
            writer = threading.Thread(target=self.count, args=(one, stop))
            writer.start()
            try:
                seen, until = [], time.monotonic() + PATIENCE_S
                while len(seen) < 60 or (seen[-1][1] < 200 and time.monotonic() < until):
                    # The later one first: what it shows, the former must have.
                    later = int(read(os.path.join(two.backings[1], "counter")).rstrip(b"\0") or b"0")
                    first = int(read(os.path.join(two.backings[0], "counter")).rstrip(b"\0") or b"0")
                    seen.append((first, later))
                two.kill()
            finally:
                one.send({"do": "allow_solo"})
                stop.set()
                writer.join()
            first, later = (int(read(os.path.join(backing, "counter"))) for backing in two.backings)
            self.assertGreater(later, 0)
            self.assertIn(first - later, (0, 1), seen[-3:])
            self.assertEqual([one for one in seen if one[0] < one[1]], [])

    @staticmethod
    def count(one, stop):
        files = [os.open(os.path.join(directory, "counter"), os.O_WRONLY) for directory in one.directories]
        value = 0
        while not stop.is_set():
            value += 1
            for file in files:
                os.pwrite(file, b"%09d" % value, 0)
        for file in files:
            os.close(file)

    def test_a_sync_of_one_holds_what_was_written_to_the_other_before(self):
        with pair(names=NAMES[:2]) as (one, two):
            two.follow()
            one.lead()
            one.wait_synced()
            for turn in range(30):
                write(os.path.join(one.directories[0], "log"), b"%d" % turn)
                write(os.path.join(one.directories[1], "page"), b"%d" % turn, sync=True)
                self.assertEqual(read(os.path.join(two.backings[0], "log")), b"%d" % turn)

    def test_one_that_is_missing_is_named_with_its_node(self):
        with pair(names=NAMES[:2]) as (one, two):
            unmount(two.backings[1])
            os.rmdir(two.directories[1])
            refused = two.ask("follow", check=False, epoch=1, diverged=0)
            self.assertFalse(refused["ok"])
            self.assertIn(f"cannot open the replicated directory {two.seen(two.directories[1])} on node2",
                          refused["detail"])
            os.mkdir(two.directories[1])

    def test_one_inside_another_by_another_name_is_refused(self):
        with pair(names=NAMES[:2]) as (one, _):
            os.mkdir(os.path.join(one.backings[0], "inner"))
            unmount(one.backings[1])
            os.rmdir(one.directories[1])
            os.symlink("data/inner", one.directories[1])
            refused = one.lead(check=False)
            self.assertFalse(refused["ok"])
            self.assertIn(f"{one.seen(one.directories[1])} lies in {one.seen(one.directories[0])} on node1",
                          refused["detail"])

    def test_other_directories_on_the_other_node_are_refused(self):
        with pair(names=NAMES[:2]) as (one, two):
            two.options["directories"] = two.options["directories"][:1]
            two.send(two.options)
            two.follow()
            one.lead()
            said = two.wait(lambda message: message["is"] == "note" and message["level"] == "C", "refusal")
            self.assertIn("make <rfs> of the module the same on both nodes", said["text"])

    def test_each_stands_in_the_status(self):
        with pair(names=NAMES) as (one, _):
            one.lead()
            said = one.wait(lambda message: message["is"] == "progress", "status")
            self.assertEqual(said["status"]["directories"], list(map(one.seen, one.directories)))


if __name__ == "__main__":
    enter_own_namespaces()
    unittest.main()
