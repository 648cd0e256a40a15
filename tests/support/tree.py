"""Two directory trees side by side: everything that a program can see of a file and that a mirror must bring along.

Compared are type, size, content, mode, owner, time of modification, extended attributes (access control lists are some
of them), symbolic links' targets, device numbers, which names are one file, and what of it
has room on the disk. Not compared: inode numbers, times of access and change, and the size of a directory, which are
the file system's own affair.
"""
import collections
import contextlib
import fcntl
import hashlib
import os
import stat
import struct

BLOCK_BYTES = 64 * 1024
SHOWN_MAX = 8
# linux/fiemap.h: start, length, flags, mapped, count, reserved; and of an extent logical, physical, length, (reserved),
# flags, (reserved).
FS_IOC_FIEMAP, FIEMAP_EXTENT_LAST = 0xC020660B, 1
MAP, EXTENT, EXTENTS_A_CALL = "=QQLLLL", "=QQQ16xL12x", 128
KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symbolic link", stat.S_IFIFO: "pipe",
         stat.S_IFSOCK: "socket", stat.S_IFCHR: "character device", stat.S_IFBLK: "block device"}
# blocks: a hash for each BLOCK_BYTES of content; data: [(from, to)] that has room on the disk; names: every name of a
# file with several.
Entry = collections.namedtuple("Entry", "type size mode owner mtime_ns xattrs target device names data blocks")
Difference = collections.namedtuple("Difference", "path what one other")


def snapshot(root):
    """{path as bytes, relative to root: Entry}; the root itself is b"."."""
    root = os.fsencode(root)
    if not os.path.isdir(root):
        raise NotADirectoryError(f"{os.fsdecode(root)}: there is no directory to compare")
    facts, names = {}, collections.defaultdict(list)
    for path in paths_of(root):
        with contextlib.suppress(FileNotFoundError):  # gone meanwhile; the next look will find it nowhere
            found = os.lstat(path)
            relative = os.path.relpath(path, root)
            facts[relative] = (path, found)
            if not stat.S_ISDIR(found.st_mode) and found.st_nlink > 1:
                names[found.st_dev, found.st_ino].append(relative)
    entries = {}
    for relative, (path, found) in facts.items():
        with contextlib.suppress(FileNotFoundError):
            entries[relative] = entry(path, found, tuple(sorted(names.get((found.st_dev, found.st_ino), ()))))
    return entries


def paths_of(root):
    yield root
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            yield os.path.join(folder, name)


def entry(path, found, names):
    kind = stat.S_IFMT(found.st_mode)
    is_device = stat.S_ISCHR(found.st_mode) or stat.S_ISBLK(found.st_mode)
    data, blocks = content(path) if stat.S_ISREG(found.st_mode) else ((), ())
    return Entry(type=KINDS[kind], size=0 if stat.S_ISDIR(found.st_mode) else found.st_size,
                 mode=f"{stat.S_IMODE(found.st_mode):04o}", owner=f"{found.st_uid}:{found.st_gid}",
                 mtime_ns=found.st_mtime_ns, xattrs=attributes(path),
                 target=os.readlink(path) if stat.S_ISLNK(found.st_mode) else b"",
                 device=found.st_rdev if is_device else 0, names=names, data=data, blocks=blocks)


def attributes(path):
    return tuple(sorted((name, os.getxattr(path, name, follow_symlinks=False))
                        for name in os.listxattr(path, follow_symlinks=False)))


def content(path):
    """Where there is room for data, and its hashes. What was allocated and never written is a hole to one who seeks
    data on the disk, and data to one who asks a cache that somebody has read it into; whether the zeros were written is
    nobody's business, that there is room for them is: so the file system is asked for what it has allocated."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        os.fsync(descriptor)
        try:
            data = tuple(allocated_ranges(descriptor))
        except OSError:  # a file system in memory knows no such question
            data = tuple(data_ranges(descriptor))
        return data, tuple(hashes(file, data, os.fstat(descriptor).st_size))


def hashes(file, data, size):
    """A hash for each block; where there is no room for anything but zeros, none are read: holes can be very large."""
    empty, ranges = hash_of(bytes(BLOCK_BYTES)), collections.deque(data)
    for begin in range(0, size, BLOCK_BYTES):
        end = min(begin + BLOCK_BYTES, size)
        while ranges and ranges[0][1] <= begin:
            ranges.popleft()
        if not ranges or ranges[0][0] >= end:
            yield empty if end - begin == BLOCK_BYTES else hash_of(bytes(end - begin))
            continue
        file.seek(begin)
        yield hash_of(file.read(BLOCK_BYTES))


def hash_of(block):
    return hashlib.blake2b(block, digest_size=16).digest()


def data_ranges(descriptor):
    position, end = 0, os.fstat(descriptor).st_size
    while position < end:
        try:
            begin = os.lseek(descriptor, position, os.SEEK_DATA)
        except OSError:  # ENXIO: nothing but a hole is left
            return
        position = os.lseek(descriptor, begin, os.SEEK_HOLE)
        yield begin, position


def allocated_ranges(descriptor):
    """[(from, to)] up to the end of the file, neighbours as one; ioctl_fiemap(2)."""
    size, position, ranges = os.fstat(descriptor).st_size, 0, []
    while position < size:
        request = bytearray(struct.pack(MAP, position, size - position, 0, 0, EXTENTS_A_CALL, 0))
        request += bytes(EXTENTS_A_CALL * struct.calcsize(EXTENT))
        fcntl.ioctl(descriptor, FS_IOC_FIEMAP, request)
        count = struct.unpack_from(MAP, request)[3]
        for index in range(count):
            begin, _, length, flags = struct.unpack_from(EXTENT, request, struct.calcsize(MAP) +
                                                         index * struct.calcsize(EXTENT))
            end = min(begin + length, size)
            if ranges and ranges[-1][1] >= begin:
                ranges[-1] = (ranges[-1][0], end)
            elif begin < size:
                ranges.append((begin, end))
            position = begin + length
            if flags & FIEMAP_EXTENT_LAST:
                return ranges
        if count == 0:
            return ranges
    return ranges


def differences(one, other):
    """Every difference between two snapshots, in order of the paths."""
    found = []
    for path in sorted(one.keys() | other.keys()):
        if path not in one or path not in other:
            found.append(Difference(path, "presence", "there" if path in one else "missing",
                                    "there" if path in other else "missing"))
            continue
        for what, left, right in zip(Entry._fields, one[path], other[path]):
            if left != right:
                found.append(Difference(path, what, *told(what, left, right)))
    return found


def compare(one, other, without=()):
    """The same of two roots, a line for each difference; `without` names fields of Entry that may differ."""
    return [f"{one_of.path!r}: {one_of.what} {one_of.one} and {one_of.other}"
            for one_of in differences(snapshot(one), snapshot(other)) if one_of.what not in without]


def told(what, left, right):
    """Both values as short as they still tell them apart."""
    if what == "blocks":
        first = next((index for index, pair in enumerate(zip(left, right)) if pair[0] != pair[1]),
                     min(len(left), len(right)))
        count = sum(a != b for a, b in zip(left, right)) + abs(len(left) - len(right))
        where = f"{count} of {max(len(left), len(right))} blocks of 64 KiB, the first at byte {first * BLOCK_BYTES}"
        return where, "other content"
    if what in ("data", "names", "xattrs"):
        return (str(sorted(set(values) - set(others))) for values, others in ((left, right), (right, left)))
    return str(left), str(right)


def describe(found, names):
    """One line: the first few differences, and how many there are of which sort."""
    counts = collections.Counter(one.what for one in found)
    shown = "; ".join(f"{os.fsdecode(one.path)!r} {one.what}: {names[0]} {one.one}, {names[1]} {one.other}"
                      for one in found[:SHOWN_MAX])
    kinds = ", ".join(f"{what} {count}" for what, count in sorted(counts.items()))
    return f"{len(found)} ({kinds}): {shown}{'; ...' if len(found) > SHOWN_MAX else ''}" if found else "0"
