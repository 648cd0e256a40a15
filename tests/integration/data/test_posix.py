"""Every file operation, on the mount and on a plain directory of the same file system: what each call says and what it
leaves is compared, and then the replica's tree with the primary's."""
import ctypes
import errno
import fcntl
import mmap
import os
import stat
import struct
import sys
import threading
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TESTS, "support"))
from engine_pair import enter_own_namespaces, libc, pair, soon  # noqa: E402
from tree import compare, snapshot  # noqa: E402

AT_FDCWD, AT_EMPTY_PATH, AT_SYMLINK_FOLLOW = -100, 0x1000, 0x400
NOREPLACE, EXCHANGE, WHITEOUT = 1, 2, 4
KEEP_SIZE, PUNCH_HOLE, COLLAPSE, ZERO_RANGE, INSERT = 1, 2, 8, 16, 32
STATX_BTIME, STATX_BYTES, STATX_BTIME_AT = 0x800, 256, 80
ACL_ACCESS, ACL_DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
USER_OBJ, USER, GROUP_OBJ, MASK, OTHER, NOBODY = 1, 2, 4, 16, 32, 0xffffffff
GIB = 1 << 30
NET_RAW = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)  # capabilities(7): version 2, cap_net_raw permitted
libc.renameat2.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]


def checked(code, what):
    if code < 0:
        raise OSError(ctypes.get_errno(), what)
    return code


def rename2(old, new, flags):
    return checked(libc.renameat2(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), flags), "renameat2")


def link_open(descriptor, new):
    return checked(libc.linkat(AT_FDCWD, b"/proc/self/fd/%d" % descriptor, AT_FDCWD, os.fsencode(new),
                               AT_SYMLINK_FOLLOW), "linkat")


def acl(*entries):
    """acl(5) as its extended attribute: version 2, then tag, permissions, id of each."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def list_for(user, rights, mask=7):
    return acl((USER_OBJ, 6, NOBODY), (USER, rights, user), (GROUP_OBJ, 0, NOBODY), (MASK, mask, NOBODY),
               (OTHER, 0, NOBODY))


def as_user(user, action):
    """What the action says to that user, in a process of its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        os.write(writer, repr(outcome(action)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        said = file.read().decode()
    os.waitpid(child, 0)
    return said


def outcome(action):
    try:
        return action()
    except OSError as error:
        return errno.errorcode[error.errno]


class Play:
    """A directory, and what was said there."""

    def __init__(self, root):
        self.root, self.said, self.open = root, [], []

    def path(self, name):
        return os.path.join(self.root, name)

    def say(self, what, action):
        self.said.append((what, outcome(action)))

    def file(self, name, flags=os.O_RDWR | os.O_CREAT, mode=0o644, content=b""):
        descriptor = os.open(self.path(name), flags, mode)
        self.open.append(descriptor)
        if content:
            os.write(descriptor, content)
        return descriptor

    def finish(self):
        while self.open:
            os.close(self.open.pop())


def contents(at):
    one = at.file("written", content=b"0123456789" * 3000)
    at.say("write in the middle", lambda: os.pwrite(one, b"middle", 12_345))
    at.say("write behind the end", lambda: os.pwrite(one, b"end", 100_000))
    at.say("write nothing", lambda: os.write(one, b""))
    at.say("read over the end", lambda: os.pread(one, 100, 99_990))
    two = at.file("written", os.O_WRONLY | os.O_APPEND)
    at.say("append", lambda: [os.write(two, b"appended"), os.fstat(two).st_size])
    at.say("read what is write-only", lambda: os.read(two, 1))
    at.say("shorter", lambda: os.truncate(at.path("written"), 50_001))
    at.say("longer", lambda: os.ftruncate(one, 90_000))
    at.say("truncate by opening", lambda: os.fstat(at.file("gone", os.O_RDWR | os.O_CREAT | os.O_TRUNC)).st_size)
    for flags in (os.O_SYNC, os.O_DSYNC, os.O_DIRECT, os.O_DIRECT | os.O_DSYNC):
        aligned(at, f"flags {flags:o}", flags)
    at.say("sync", lambda: [os.fsync(one), os.fdatasync(one)])
    folder = at.file(".", os.O_RDONLY | os.O_DIRECTORY)
    at.say("sync of a folder", lambda: os.fsync(folder))
    at.say("syncfs", lambda: checked(libc.syncfs(one), "syncfs"))
    source = at.file("source", content=bytes(range(256)) * 2000)
    target = at.file("copied")
    at.say("copy", lambda: os.copy_file_range(source, target, 300_000, 1000, 5000))
    at.say("copy within", lambda: os.copy_file_range(source, source, 1000, 0, 400_000))
    at.say("copy onto itself", lambda: os.copy_file_range(source, source, 1000, 0, 500))


def aligned(at, name, flags):
    descriptor = at.file(name, os.O_RDWR | os.O_CREAT | flags)
    with mmap.mmap(-1, 16384) as page:
        page[:] = b"\x5a" * 16384
        at.say(name, lambda: os.pwrite(descriptor, page, 16384))
        at.say(name + ", read", lambda: os.preadv(descriptor, [page], 16384))


def room(at):
    one = at.file("room", content=b"r" * 400_000)

    def allocate(mode, offset, length):
        at.say(f"fallocate {mode} {offset} {length}",
               lambda: [checked(libc.fallocate(one, mode, offset, length), "fallocate"), os.fstat(one).st_size])
    allocate(PUNCH_HOLE | KEEP_SIZE, 65_536, 131_072)
    allocate(KEEP_SIZE, 500_000, 100_000)
    allocate(0, 390_000, 50_000)
    allocate(ZERO_RANGE, 4096, 8192)
    allocate(ZERO_RANGE | KEEP_SIZE, 430_000, 100_000)
    allocate(PUNCH_HOLE, 0, 4096)
    allocate(0, -1, 10)
    for whence in (os.SEEK_DATA, os.SEEK_HOLE):
        at.say(f"seek {whence}", lambda whence=whence: os.lseek(one, 70_000, whence))
    at.say("seek behind the end", lambda: os.lseek(one, 10_000_000, os.SEEK_DATA))
    huge = at.file("sparse and huge")
    os.ftruncate(huge, 6 * GIB)
    at.say("write beyond 4 GiB", lambda: os.pwrite(huge, b"far", 5 * GIB + 3))
    at.say("read beyond 4 GiB", lambda: os.pread(huge, 5, 5 * GIB + 2))
    at.say("hole", lambda: os.lseek(huge, 0, os.SEEK_DATA) == 5 * GIB)
    at.say("room", lambda: os.fstat(huge).st_blocks < 100)


def names(at):
    root = os.fsencode(at.root)
    for name in (b"with spaces", b"new\nline", b"bytes \xff\xfe\x01", b"\"quoted\" \\ ", b"-rf *", b"x" * 255):
        at.say(name, lambda name=name: os.close(os.open(os.path.join(root, name), os.O_CREAT | os.O_WRONLY)))
    at.say("too long", lambda: os.close(os.open(at.path("x" * 256), os.O_CREAT | os.O_WRONLY)))
    for name in "abcdefgh":
        at.file(name, content=name.encode() * 10)
    at.say("exclusive", lambda: at.file("a", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    at.say("folder", lambda: [os.mkdir(at.path("dir"), 0o750), os.mkdir(at.path("dir/in"))])
    at.say("folder again", lambda: os.mkdir(at.path("dir")))
    at.say("hard link", lambda: [os.link(at.path("a"), at.path("dir/hard")), os.stat(at.path("a")).st_nlink])
    at.say("hard link again", lambda: os.link(at.path("a"), at.path("dir/hard")))
    at.say("hard link of a folder", lambda: os.link(at.path("dir"), at.path("dir2")))
    at.say("soft link", lambda: [os.symlink("../nowhere", at.path("dir/soft")), os.readlink(at.path("dir/soft"))])
    at.say("through a soft link", lambda: os.open(at.path("dir/soft"), os.O_RDONLY))
    at.say("hard link of a soft one", lambda: os.link(at.path("dir/soft"), at.path("soft2"), follow_symlinks=False))
    at.say("pipe and device", lambda: [os.mkfifo(at.path("pipe"), 0o640),
                                       os.mknod(at.path("null"), 0o600 | stat.S_IFCHR, os.makedev(1, 3))])
    at.say("rename", lambda: os.rename(at.path("b"), at.path("dir/b")))
    at.say("rename over", lambda: os.rename(at.path("c"), at.path("d")))
    at.say("rename over a folder", lambda: os.rename(at.path("d"), at.path("dir")))
    at.say("rename a folder over a file", lambda: os.rename(at.path("dir/in"), at.path("d")))
    at.say("rename into itself", lambda: os.rename(at.path("dir"), at.path("dir/in/dir")))
    at.say("rename over one that is full", lambda: [os.mkdir(at.path("empty")),
                                                    os.rename(at.path("empty"), at.path("dir"))])
    at.say("rename to another name of it", lambda: os.rename(at.path("a"), at.path("dir/hard")))
    at.say("exchange", lambda: rename2(at.path("e"), at.path("dir"), EXCHANGE))
    at.say("exchange back", lambda: rename2(at.path("e"), at.path("dir"), EXCHANGE))
    at.say("exchange with nothing", lambda: rename2(at.path("e"), at.path("absent"), EXCHANGE))
    at.say("no replace", lambda: rename2(at.path("e"), at.path("f"), NOREPLACE))
    at.say("no replace, free", lambda: rename2(at.path("e"), at.path("e2"), NOREPLACE))
    at.say("whiteout", lambda: [rename2(at.path("g"), at.path("g2"), WHITEOUT),
                                oct(os.lstat(at.path("g")).st_mode), os.lstat(at.path("g")).st_rdev])
    at.say("mode of the whiteout", lambda: os.chmod(at.path("g"), 0o604))
    at.say("rmdir", lambda: os.rmdir(at.path("dir")))
    at.say("rmdir of a file", lambda: os.rmdir(at.path("f")))
    at.say("unlink of a folder", lambda: os.unlink(at.path("dir")))
    at.say("unlink", lambda: [os.unlink(at.path("f")), os.rmdir(at.path("empty"))])
    at.say("unlink again", lambda: os.unlink(at.path("f")))
    at.say("list", lambda: sorted(os.listdir(os.fsencode(at.root))))


def attributes(at):
    one, folder = at.path("one"), at.path("folder")
    at.file("one", content=b"x")
    os.mkdir(folder)
    at.say("mode", lambda: [os.chmod(one, 0o4711), os.chmod(folder, 0o3775)])
    at.say("owner", lambda: [os.chown(one, 12, 34), oct(os.stat(one).st_mode), os.chown(folder, -1, 55)])
    at.say("in a folder that gives its group", lambda: [os.mkdir(at.path("folder/inner")),
                                                        oct(os.stat(at.path("folder/inner")).st_mode),
                                                        os.stat(at.path("folder/inner")).st_gid])
    at.say("owner again", lambda: [os.chmod(one, 0o6755), os.chown(one, 1, 2), oct(os.stat(one).st_mode)])
    at.say("times", lambda: [os.utime(one, ns=(1_000_000_007, -2_000_000_009)), os.stat(one).st_mtime_ns])
    at.say("xattr", lambda: [os.setxattr(one, "user.a", b"\0any\xff"), os.setxattr(folder, "trusted.b", b"")])
    at.say("xattr there", lambda: os.setxattr(one, "user.a", b"2", os.XATTR_CREATE))
    at.say("xattr not there", lambda: os.setxattr(one, "user.c", b"2", os.XATTR_REPLACE))
    at.say("xattr of unknown kind", lambda: os.setxattr(one, "unknown.c", b"2"))
    for size in (1000, 3000, 65_536, 65_537):
        at.say(f"xattr of {size}", lambda size=size: [os.setxattr(one, "user.large", b"l" * size),
                                                      len(os.getxattr(one, "user.large"))])
    at.say("xattr removed", lambda: os.removexattr(one, "user.a"))
    at.say("xattr removed again", lambda: os.removexattr(one, "user.a"))
    at.say("xattr names", lambda: sorted(os.listxattr(one)))
    birth = ctypes.create_string_buffer(STATX_BYTES)
    at.say("time of birth", lambda: [checked(libc.statx(AT_FDCWD, one.encode(), 0, STATX_BTIME, birth), "statx"),
                                     struct.unpack_from("I", birth)[0] & STATX_BTIME,
                                     struct.unpack_from("q", birth, STATX_BTIME_AT)[0] > 1_600_000_000])
    os.chmod(at.root, 0o755)
    at.say("another user", lambda: [as_user(77, lambda: os.open(one, os.O_WRONLY)),
                                    as_user(77, lambda: os.chmod(one, 0o777)),
                                    as_user(77, lambda: os.unlink(one))])
    at.say("their write takes the bits", lambda: [os.chmod(one, 0o6777), as_user(77, lambda: overwrite(one)),
                                                  oct(os.stat(one).st_mode)])
    at.say("and once more", lambda: [as_user(77, lambda: overwrite(one)), os.chmod(one, 0o6777),
                                     as_user(77, lambda: overwrite(one)), oct(os.stat(one).st_mode)])
    at.say("and the capabilities", lambda: [os.setxattr(one, "security.capability", NET_RAW), os.listxattr(one),
                                            as_user(77, lambda: overwrite(one)), os.listxattr(one)])


def overwrite(path):
    descriptor = os.open(path, os.O_WRONLY)
    written = os.write(descriptor, b"theirs")
    os.close(descriptor)
    return written


def open_files(at):
    one = at.file("mapped", content=b"\0" * 100_000)
    with mmap.mmap(one, 0) as memory:
        memory[50_000:50_005] = b"mmaps"
        memory.flush()
        memory[10:15] = b"later"
        at.say("mapped and read", lambda: [os.pread(one, 5, 10), os.pread(one, 5, 50_000)])
    gone = at.file("gone", content=b"before")
    other = at.file("gone", os.O_RDWR)
    os.unlink(at.path("gone"))
    at.say("without a name", lambda: [os.pwrite(gone, b"after", 3), os.pread(other, 10, 0), os.fstat(gone).st_nlink])
    at.say("without a name, more", lambda: [os.ftruncate(gone, 2), os.fchmod(gone, 0o600), os.fstat(other).st_size,
                                            os.setxattr(gone, "user.x", b"1"), os.getxattr(other, "user.x")])
    at.say("its name again", lambda: link_open(gone, at.path("back")))
    replaced = at.file("replaced", content=b"old")
    os.rename(at.path("back") if os.path.exists(at.path("back")) else at.path("mapped"), at.path("replaced"))
    at.say("replaced and open", lambda: [os.pwrite(replaced, b"still", 0), os.pread(replaced, 9, 0)])
    unnamed = os.open(at.root, os.O_TMPFILE | os.O_RDWR, 0o640)
    at.open.append(unnamed)
    at.say("O_TMPFILE", lambda: [os.write(unnamed, b"t" * 70_000), os.fstat(unnamed).st_nlink,
                                 os.fchown(unnamed, 3, 4), os.setxattr(unnamed, "user.t", b"t")])
    at.say("O_TMPFILE named", lambda: [link_open(unnamed, at.path("named")), os.fstat(unnamed).st_nlink,
                                       os.pwrite(unnamed, b"with a name", 10)])
    private = os.open(at.root, os.O_TMPFILE | os.O_EXCL | os.O_RDWR, 0o600)
    at.open.append(private)
    at.say("O_TMPFILE for itself", lambda: link_open(private, at.path("never")))
    locks(at)


def locks(at):
    first, second = at.file("locked"), at.file("locked")
    at.say("flock", lambda: fcntl.flock(first, fcntl.LOCK_EX))
    at.say("flock taken", lambda: fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB))
    at.say("lock of a range", lambda: fcntl.lockf(first, fcntl.LOCK_EX, 100, 50))

    def from_another():
        descriptor = os.open(at.path("locked"), os.O_RDWR)
        return [outcome(lambda: fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 100)),
                outcome(lambda: fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 200))]
    os.chmod(at.path("locked"), 0o666)
    at.say("lock of a range taken", lambda: as_user(77, from_another))


def access_lists(at):
    os.chmod(at.root, 0o755)
    one = at.path("listed")
    at.file("listed", mode=0o600, content=b"x")
    at.say("list", lambda: [os.setxattr(one, ACL_ACCESS, list_for(77, 6)), oct(os.stat(one).st_mode)])
    at.say("who is named", lambda: as_user(77, lambda: overwrite(one)))
    at.say("who is not", lambda: as_user(78, lambda: os.open(one, os.O_RDONLY)))
    at.say("mask", lambda: [os.chmod(one, 0o640), os.getxattr(one, ACL_ACCESS) == list_for(77, 6, mask=4),
                            as_user(77, lambda: os.open(one, os.O_WRONLY)),
                            as_user(77, lambda: os.close(os.open(one, os.O_RDONLY)))])
    at.say("malformed", lambda: os.setxattr(one, ACL_ACCESS, b"nonsense"))
    os.mkdir(at.path("plain"))
    os.mkdir(at.path("giving"))
    at.say("default list", lambda: os.setxattr(at.path("giving"), ACL_DEFAULT, list_for(77, 7)))
    before = os.umask(0o077)
    try:
        for folder in ("giving", "plain"):
            at.file(folder + "/file", mode=0o666)
            os.mkdir(at.path(folder + "/folder"))
            os.mkfifo(at.path(folder + "/pipe"), 0o666)
            unnamed = os.open(at.path(folder), os.O_TMPFILE | os.O_RDWR, 0o666)
            at.open.append(unnamed)
            link_open(unnamed, at.path(folder + "/tmpfile"))
    finally:
        os.umask(before)
    for name in ("file", "folder", "pipe", "tmpfile"):
        at.say("inherited by " + name, lambda name=name: [oct(os.stat(at.path("giving/" + name)).st_mode),
                                                          os.getxattr(at.path("giving/" + name), ACL_ACCESS)])
        at.say("umask of " + name, lambda name=name: oct(os.stat(at.path("plain/" + name)).st_mode))
    os.chmod(at.path("giving/file"), 0o2770)
    os.chown(at.path("giving/file"), 77, 9)
    os.chmod(at.path("giving/file"), 0o2770)
    at.say("who is not in the group sets a list", lambda: [
        as_user(77, lambda: os.setxattr(at.path("giving/file"), ACL_ACCESS, list_for(78, 4))),
        oct(os.stat(at.path("giving/file")).st_mode)])
    at.say("list removed", lambda: [os.removexattr(one, ACL_ACCESS), oct(os.stat(one).st_mode)])


PARTS = (contents, room, names, attributes, open_files)


class Posix(unittest.TestCase):
    maxDiff = None

    def compared(self, parts, **options):
        with pair(**options) as (one, two):
            os.chmod(os.path.dirname(one.folder), 0o755)
            plain = os.path.join(one.folder, "plain")
            os.mkdir(plain)
            two.follow()
            one.lead()
            one.wait_synced()
            for part in parts:
                with self.subTest(part.__name__):
                    plays = []
                    for root in (one.directory, plain):
                        folder = os.path.join(root, part.__name__)
                        os.mkdir(folder)
                        plays.append(Play(folder))
                        part(plays[-1])
                        self.assertGreater(len(plays[-1].said), 9)
                    self.assertEqual(plays[0].said, plays[1].said)
                    for play in plays:
                        play.finish()
                    for left, right in ((one.directory, plain), (one.backing, plain)):
                        self.assertEqual(compare(os.path.join(left, part.__name__), os.path.join(right, part.__name__),
                                                 without=("mtime_ns", "data")), [])
            self.assertTrue(soon(lambda: not compare(one.backing, two.backing)), compare(one.backing, two.backing))
            self.assertGreater(len(snapshot(two.backing)), 10)
            self.assertEqual([said for said in two.said if said["is"] == "note"], [])

    def test_each_call_says_and_leaves_what_it_does_without_a_mount_on_both_nodes(self):
        self.compared(PARTS)

    def test_with_access_control_lists_as_well(self):
        self.compared((access_lists, attributes, open_files, names), has_acl=True)

    def test_of_what_is_local_to_the_kernel_nothing_is_asked(self):
        """Collapsing and inserting are refused by the kernel's FUSE before they reach this program."""
        with pair() as (one, _):
            one.lead()
            descriptor = os.open(os.path.join(one.directory, "file"), os.O_RDWR | os.O_CREAT)
            os.write(descriptor, b"x" * 65_536)
            for mode in (COLLAPSE, INSERT):
                self.assertEqual(outcome(lambda mode=mode: checked(libc.fallocate(descriptor, mode, 0, 4096), "")),
                                 "ENOTSUP")
            os.close(descriptor)

    def test_a_file_without_a_name_that_gets_one_is_copied_whole(self):
        """Made before the copy began, so that the replica has never heard of it."""
        with pair() as (one, two):
            one.lead()
            unnamed = os.open(one.directory, os.O_TMPFILE | os.O_RDWR, 0o600)
            os.write(unnamed, b"early" * 1000)
            two.follow()
            one.wait_synced()
            done = threading.Thread(target=link_open, args=(unnamed, os.path.join(one.directory, "late")))
            done.start()
            one.wait_behind()
            one.send({"do": "allow_solo"})
            done.join()
            one.wait_synced()
            os.close(unnamed)
            self.assertTrue(soon(lambda: not compare(one.backing, two.backing)), compare(one.backing, two.backing))


if __name__ == "__main__":
    enter_own_namespaces()
    unittest.main()
