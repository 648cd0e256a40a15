"""Directories with more files than a process may have descriptors (RLIMIT_NOFILE)."""
import ctypes
import filecmp
import os
import resource
import sys
import threading
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TESTS, "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from engine_pair import enter_own_namespaces, libc, pair, soon  # noqa: E402

DESCRIPTORS_MAX = 400
FILES = 900
FOLDERS = 30
PR_CAPBSET_DROP, CAP_SYS_RESOURCE = 24, 24
AT_FDCWD, AT_SYMLINK_FOLLOW = -100, 0x400


def limit_descriptors():
    """In the engine's process, which would raise the limit if it might."""
    libc.prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS_MAX, DESCRIPTORS_MAX))


def link_open(descriptor, new):
    if libc.linkat(AT_FDCWD, b"/proc/self/fd/%d" % descriptor, AT_FDCWD, os.fsencode(new), AT_SYMLINK_FOLLOW) != 0:
        raise OSError(ctypes.get_errno(), f"cannot link {new}")


def place(at):
    return os.path.join(f"folder{at % FOLDERS}", f"file{at}")


def content(at, word):
    return f"{word} of {at}\n".encode() * 40


def fill(directory):
    for folder in range(FOLDERS):
        os.mkdir(os.path.join(directory, f"folder{folder}"))
    for at in range(FILES):
        with open(os.path.join(directory, place(at)), "wb") as file:
            file.write(content(at, "first"))


def tree_of(directory):
    """Everything of it that the two nodes must have alike; a name is the file that it shares with the others of its."""
    found, files = {}, {}
    for folder, folders, names in os.walk(directory):
        folders.sort()
        for name in sorted(folders + names):
            path = os.path.join(folder, name)
            of = os.lstat(path)
            place_of = os.path.relpath(path, directory)
            first = files.setdefault(of.st_ino, place_of)
            found[place_of] = (of.st_mode, of.st_nlink, of.st_mtime_ns, first, name in names and of.st_size)
    return found


class ManyFiles(unittest.TestCase):
    def pair(self):
        return pair(before_start=limit_descriptors)

    def begin(self, one, two):
        two.follow()
        one.lead()
        one.wait_synced()

    def assert_equal(self, one, two):
        """The times of change come a moment later, and so does what the replica has only received."""
        def is_equal():
            try:
                return tree_of(one.backing) == tree_of(two.backing)
            except FileNotFoundError:  # removed between being listed and being looked at
                return False
        self.assertTrue(soon(is_equal),
                        sorted(set(tree_of(one.backing).items()) ^ set(tree_of(two.backing).items()))[:4])
        names = [name for name in tree_of(one.backing) if os.path.isfile(os.path.join(one.backing, name))]
        self.assertEqual(filecmp.cmpfiles(one.backing, two.backing, names, shallow=False)[1:], ([], []))

    def assert_few_descriptors(self, *engines):
        for engine in engines:
            with open(f"/proc/{engine.process.pid}/limits", encoding="ascii") as limits:
                line = next(line for line in limits if line.startswith("Max open files"))
            self.assertEqual(line.split()[3:5], [str(DESCRIPTORS_MAX)] * 2)
            self.assertLess(len(os.listdir(f"/proc/{engine.process.pid}/fd")), DESCRIPTORS_MAX // 2)

    def test_are_copied(self):
        with self.pair() as (one, two):
            fill(one.backing)
            self.begin(one, two)
            self.assert_equal(one, two)
            self.assert_few_descriptors(one, two)

    def test_are_made_written_renamed_and_removed(self):
        with self.pair() as (one, two):
            self.begin(one, two)
            fill(one.directory)
            for at in range(0, FILES, 2):
                with open(os.path.join(one.directory, place(at)), "r+b") as file:
                    file.write(content(at, "second"))
            for at in range(0, FILES, 3):
                os.rename(os.path.join(one.directory, place(at)), os.path.join(one.directory, place(at) + "-renamed"))
            for at in range(1, FILES, 3):
                os.unlink(os.path.join(one.directory, place(at)))
            for at in range(2, FILES, 3):
                os.link(os.path.join(one.directory, place(at)), os.path.join(one.directory, place(at) + "-linked"))
                os.chmod(os.path.join(one.directory, place(at)), 0o600)
            os.rename(os.path.join(one.directory, "folder1"), os.path.join(one.directory, "folder2", "inside"))
            # One over the other: the last name of a file that the kernel knows.
            os.rename(os.path.join(one.directory, place(0) + "-renamed"),
                      os.path.join(one.directory, place(30) + "-renamed"))
            self.assertEqual(tree_of(one.directory).keys(), tree_of(one.backing).keys())
            self.assert_equal(one, two)
            self.assert_few_descriptors(one, two)

    def churn(self, one, but=frozenset()):
        """So many others that none of the descriptors that were used before is still kept."""
        for at in set(range(FILES)) - but:
            with open(os.path.join(one.directory, place(at)), "r+b") as file:
                file.write(content(at, "churn"))

    def test_without_a_name_go_on_as_long_as_they_are_open(self):
        with self.pair() as (one, two):
            fill(one.backing)
            self.begin(one, two)
            paths = [os.path.join(one.directory, f"unlinked{at}") for at in range(20)]
            files = [os.open(path, os.O_RDWR | os.O_CREAT) for path in paths]
            numbers = [os.fstat(file).st_ino for file in files]
            for path, file in zip(paths, files):
                os.write(file, b"before")
                os.unlink(path)
            self.churn(one)
            # The file system gives numbers again at once where it may.
            made = []
            for at in range(50):
                made.append(os.path.join(one.directory, f"made{at}"))
                with open(made[-1], "wb") as file:
                    file.write(b"another file")
            self.assertEqual(set(numbers) & {os.stat(path).st_ino for path in made}, set())
            for file in files:
                os.pwrite(file, b" and after", 6)
                os.fchmod(file, 0o600)
                os.utime(file, (5, 5))
                self.assertEqual(os.pread(file, 100, 0), b"before and after")
                self.assertEqual((os.fstat(file).st_nlink, os.fstat(file).st_mode & 0o777), (0, 0o600))
                os.fsync(file)
                os.close(file)
            self.assert_equal(one, two)
            self.assert_few_descriptors(one, two)

    def test_without_a_name_keep_their_number_while_somebody_knows_them(self):
        with self.pair() as (one, two):
            fill(one.backing)
            self.begin(one, two)
            # O_PATH opens nothing on the file system: only the kernel's knowing the file keeps it.
            paths = [os.path.join(one.directory, place(at)) for at in range(20)]
            known = [os.open(path, os.O_PATH) for path in paths]
            for path in paths:
                os.unlink(path)
            self.churn(one, but=set(range(20)))
            for at, each in enumerate(known):
                with open(f"/proc/self/fd/{each}", "rb") as file:
                    self.assertEqual(file.read(), content(at, "first"))
                os.close(each)
            self.assert_equal(one, two)

    def test_made_and_removed_at_once_leave_no_descriptors(self):
        """The stream tells their times of change a moment later, and must not keep them for that."""
        with self.pair() as (one, two):
            self.begin(one, two)
            most = 0
            for at in range(4 * DESCRIPTORS_MAX):
                path = os.path.join(one.directory, f"short{at}")
                with open(path, "wb") as file:
                    file.write(b"gone soon")
                os.unlink(path)
                if at % 50 == 0:
                    most = max(most, len(os.listdir(f"/proc/{one.process.pid}/fd")))
            self.assertLess(most, DESCRIPTORS_MAX // 2)
            self.assert_equal(one, two)

    def test_replaced_by_another_go_on_as_long_as_they_are_open(self):
        with self.pair() as (one, two):
            fill(one.backing)
            self.begin(one, two)
            file = os.open(os.path.join(one.directory, place(0)), os.O_RDWR)
            os.rename(os.path.join(one.directory, place(1)), os.path.join(one.directory, place(0)))
            self.churn(one, but={1})
            os.pwrite(file, b"after", 0)
            self.assertEqual(os.pread(file, 5, 0), b"after")
            self.assertEqual(os.fstat(file).st_nlink, 0)
            os.close(file)
            self.assert_equal(one, two)

    def test_made_without_a_name_get_one_later(self):
        with self.pair() as (one, two):
            fill(one.backing)
            self.begin(one, two)
            files = [os.open(one.directory, os.O_TMPFILE | os.O_RDWR, 0o644) for _ in range(20)]
            for at, file in enumerate(files):
                os.write(file, content(at, "unnamed"))
            self.churn(one)
            for at, file in enumerate(files[:10]):
                link_open(file, os.path.join(one.directory, f"named{at}"))
            self.churn(one)
            for file in files:
                os.write(file, b"and more")
                os.fsync(file)
                os.close(file)
            self.assert_equal(one, two)
            self.assertEqual(len([name for name in os.listdir(two.backing) if name.startswith("named")]), 10)

    def test_room_of_removed_ones_is_free_again(self):
        def room_taken(engine):
            gone = 0
            for each in os.listdir(f"/proc/{engine.process.pid}/fd"):
                try:
                    gone += os.stat(f"/proc/{engine.process.pid}/fd/{each}").st_nlink == 0
                except FileNotFoundError:
                    pass
            return gone

        with self.pair() as (one, two):
            fill(one.backing)
            self.begin(one, two)
            before = [room_taken(engine) for engine in (one, two)]
            for at in range(FILES - 50, FILES):
                with open(os.path.join(one.directory, place(at)), "r+b") as file:
                    file.write(b"last")
            for at in range(FILES - 50, FILES):
                os.unlink(os.path.join(one.directory, place(at)))
            self.assertTrue(soon(lambda: [room_taken(engine) for engine in (one, two)] == before),
                            [room_taken(engine) for engine in (one, two)])

    def test_on_a_secondary_are_read_while_they_come_and_go(self):
        with self.pair() as (one, two):
            fill(one.backing)
            self.begin(one, two)
            over, wrong = threading.Event(), []

            def read():
                while not over.is_set():
                    for at in range(FILES):
                        try:
                            with open(os.path.join(two.directory, place(at)), "rb") as file:
                                file.read()
                        except FileNotFoundError:
                            pass
                        except OSError as error:
                            wrong.append(error)
            reader = threading.Thread(target=read)
            reader.start()
            try:
                for _ in range(2):
                    for at in range(FILES):
                        path = os.path.join(one.directory, place(at))
                        os.unlink(path)
                        with open(path, "wb") as file:
                            file.write(content(at, "made again"))
            finally:
                over.set()
                reader.join()
            self.assertEqual(wrong, [])
            self.assert_equal(one, two)
            self.assertEqual(tree_of(two.directory).keys(), tree_of(two.backing).keys())

    def test_opened_at_a_time_are_limited_and_the_operator_is_told(self):
        with self.pair() as (one, two):
            fill(one.backing)
            self.begin(one, two)
            files = []
            try:
                with self.assertRaises(OSError):
                    for at in range(FILES):
                        files.append(os.open(os.path.join(one.directory, place(at)), os.O_RDWR))
                note = one.wait(lambda said: said["is"] == "note" and "LimitNOFILE" in said["text"], "note")
                self.assertIn(f"may have {DESCRIPTORS_MAX} descriptors", note["text"])
                self.assertGreater(len(files), DESCRIPTORS_MAX // 2)
            finally:
                for file in files:
                    os.close(file)
            self.churn(one)
            self.assert_equal(one, two)


if __name__ == "__main__":
    enter_own_namespaces()
    unittest.main()
