#!/usr/bin/env python3
"""The tree comparison: each kind of difference is made by hand, is found, and is the only thing found."""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))

import tree  # noqa: E402

SPARSE_BYTES = 1 << 20


class Trees(unittest.TestCase):
    def setUp(self):
        folder = tempfile.mkdtemp(prefix="ca-tree-")
        self.addCleanup(shutil.rmtree, folder)
        self.one, self.other = os.path.join(folder, "one"), os.path.join(folder, "other")
        os.makedirs(os.path.join(self.one, "a folder/with one more"))
        self.write("a folder/plain", b"p" * 200_000)
        os.link(self.path("a folder/plain"), self.path("second name"))
        self.write("alone", b"alone")
        os.symlink("a folder/plain", self.path("link"))
        os.mkfifo(self.path("pipe"))
        os.mknod(self.path("device"), 0o020600, os.makedev(1, 3))
        with open(os.fsencode(self.one) + b"/\xff\nname", "wb") as file:
            file.write(b"any byte")
        with open(self.path("sparse"), "wb") as file:
            file.truncate(SPARSE_BYTES)
            file.seek(SPARSE_BYTES // 2)
            file.write(b"s" * 4096)
        os.setxattr(self.path("alone"), "trusted.note", b"one")
        subprocess.run(["cp", "-a", "--sparse=auto", self.one, self.other], check=True, timeout=60)

    def path(self, name, root=None):
        return os.path.join(root or self.one, name)

    def write(self, name, content, root=None):
        with open(self.path(name, root), "wb") as file:
            file.write(content)

    def keeping_time(self, name, change):
        """Does that to the other tree and puts the time back, so that one difference stays."""
        path = self.path(name, self.other)
        before = [(one, os.lstat(one).st_mtime_ns) for one in (path, self.other) if os.path.lexists(one)]
        change(path)
        for one, moment in before:
            if os.path.lexists(one):
                os.utime(one, ns=(moment, moment), follow_symlinks=False)

    def found(self):
        return [(os.fsdecode(one.path), one.what)
                for one in tree.differences(tree.snapshot(self.one), tree.snapshot(self.other))]

    def test_a_copy_is_the_same(self):
        self.assertEqual(self.found(), [])
        self.assertEqual(tree.compare(self.one, self.other), [])
        self.assertEqual(len(tree.snapshot(self.one)), 11)

    def test_one_byte_with_size_and_time_unchanged(self):
        def change(path):
            with open(path, "r+b") as file:
                file.seek(150_000)
                file.write(b"q")
        self.keeping_time("a folder/plain", change)
        self.assertEqual(self.found(), [("a folder/plain", "blocks"), ("second name", "blocks")])
        text = tree.describe(tree.differences(tree.snapshot(self.one), tree.snapshot(self.other)), ("node1", "node2"))
        self.assertIn("1 of 4 blocks of 64 KiB, the first at byte 131072", text)

    def test_mode_owner_and_time(self):
        os.chmod(self.path("alone", self.other), 0o4755)
        os.chown(self.path("link", self.other), 7, 8, follow_symlinks=False)
        os.utime(self.path("pipe", self.other), ns=(1, os.lstat(self.path("pipe")).st_mtime_ns + 1))
        self.assertEqual(self.found(), [("alone", "mode"), ("link", "owner"), ("pipe", "mtime_ns")])

    def test_mode_of_the_root(self):
        os.chmod(self.other, 0o700)
        self.assertEqual(self.found(), [(".", "mode")])
        self.assertEqual(tree.compare(self.one, self.other), ["b'.': mode 0755 and 0700"])
        self.assertEqual(tree.compare(self.one, self.other, without=("mode",)), [])

    def test_extended_attribute(self):
        os.setxattr(self.path("alone", self.other), "trusted.note", b"two")
        self.assertEqual(self.found(), [("alone", "xattrs")])

    def test_hole_filled_with_zeros(self):
        def change(path):
            with open(path, "r+b") as file:
                file.write(b"\0" * 4096)
        self.keeping_time("sparse", change)
        self.assertEqual(self.found(), [("sparse", "data")])

    def test_allocated_and_read_is_a_hole_still(self):
        """On ext4, where what was only allocated counts as data as soon as it is in the cache."""
        for root in (self.one, self.other):
            descriptor = os.open(self.path("sparse", root), os.O_RDWR)
            os.posix_fallocate(descriptor, 0, 65536)
            os.close(descriptor)
            os.utime(self.path("sparse", root), ns=(1, 1))
        with open(self.path("sparse"), "rb") as file:
            file.read()
        self.assertEqual(self.found(), [])

    def test_longer(self):
        self.keeping_time("sparse", lambda path: os.truncate(path, SPARSE_BYTES + 4096))
        self.assertEqual(self.found(), [("sparse", "size"), ("sparse", "blocks")])

    def test_two_files_instead_of_one_with_two_names(self):
        def change(path):
            os.unlink(path)
            shutil.copy2(self.path("a folder/plain", self.other), path)
        self.keeping_time("second name", change)
        self.assertEqual(self.found(), [("a folder/plain", "names"), ("second name", "names")])

    def test_missing_and_more(self):
        def change(path):
            os.rename(path, path + " renamed")
        self.keeping_time("alone", change)
        self.assertEqual(self.found(), [("alone", "presence"), ("alone renamed", "presence")])

    def test_type_target_and_device(self):
        def other_type(path):
            os.unlink(path)
            with socket.socket(socket.AF_UNIX) as end:
                end.bind(path)
            os.chmod(path, os.lstat(self.path("pipe")).st_mode & 0o7777)
        self.keeping_time("pipe", other_type)

        def other_target(path):
            os.unlink(path)
            os.symlink("a folder/plane", path)
        self.keeping_time("link", other_target)

        def other_device(path):
            os.unlink(path)
            os.mknod(path, 0o020600, os.makedev(1, 5))
        self.keeping_time("device", other_device)
        self.assertEqual(sorted(self.found()), [("device", "device"), ("link", "target"), ("pipe", "type")])

    def test_nothing_to_compare_is_an_error(self):
        with self.assertRaises(NotADirectoryError):
            tree.snapshot(self.path("alone"))


if __name__ == "__main__":
    unittest.main()
