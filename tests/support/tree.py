"""Trees of files, compared as a replica has to be equal: names, kinds, owners, modes, times of change, links, extended
attributes, contents, and where the holes are."""
import errno
import hashlib
import os
import stat


def holes(path, size):
    """Offsets at which data and holes begin, as the file system tells them."""
    found = []
    descriptor = os.open(path, os.O_RDONLY)
    try:
        at, whence = 0, os.SEEK_HOLE
        while at < size:
            try:
                at = os.lseek(descriptor, at, whence)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                break
            found.append(at)
            whence = os.SEEK_DATA if whence == os.SEEK_HOLE else os.SEEK_HOLE
        return [each for each in found if each < size]
    finally:
        os.close(descriptor)


def describe(path, root, with_holes, with_times, inodes):
    info = os.lstat(path)
    facts = {"mode": oct(info.st_mode), "owner": (info.st_uid, info.st_gid)}
    if not stat.S_ISDIR(info.st_mode):
        facts["links"] = info.st_nlink
        facts["first_name"] = inodes.setdefault(info.st_ino, os.path.relpath(path, root))
    if with_times:
        facts["modified"] = info.st_mtime_ns
    if stat.S_ISLNK(info.st_mode):
        facts["target"] = os.readlink(path)
        return facts
    if stat.S_ISCHR(info.st_mode) or stat.S_ISBLK(info.st_mode):
        facts["device"] = info.st_rdev
    if stat.S_ISREG(info.st_mode):
        facts["size"] = info.st_size
        with open(path, "rb") as file:
            facts["content"] = hashlib.sha256(file.read()).hexdigest()
        if with_holes:
            facts["holes"] = holes(path, info.st_size)
    if stat.S_ISREG(info.st_mode) or stat.S_ISDIR(info.st_mode):
        facts["xattrs"] = {name: os.getxattr(path, name) for name in sorted(os.listxattr(path))}
    return facts


def tree(root, with_holes=True, with_times=True):
    """{path relative to root: facts}; the root itself is "."."""
    found, inodes = {}, {}
    for folder, names, files in os.walk(os.fsencode(root)):
        names.sort()
        for name in [b"."] * (folder == os.fsencode(root)) + sorted(names + files):
            path = os.path.normpath(os.path.join(folder, name))
            relative = os.path.relpath(path, os.fsencode(root))
            found[relative] = describe(path, os.fsencode(root), with_holes, with_times, inodes)
    return found


def differences(one, other, **how):
    """Lines that say what is not the same; none: the trees are equal."""
    left, right = tree(one, **how), tree(other, **how)
    lines = [f"{path!r}: only in {one}" for path in left if path not in right]
    lines += [f"{path!r}: only in {other}" for path in right if path not in left]
    for path in left:
        for fact in left[path]:
            if path in right and left[path][fact] != right[path].get(fact):
                lines.append(f"{path!r}: {fact} {left[path][fact]!r} and {right[path].get(fact)!r}")
    return lines
