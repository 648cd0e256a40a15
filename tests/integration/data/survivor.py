"""An application whose every call has one right outcome, in a process of its own: survivor.py KIND DIRECTORY SEED. It
works until a line comes, and says what went wrong, and how much it did."""
import ctypes
import json
import os
import random
import sqlite3
import sys
import threading

THREADS = 4
AT_FDCWD, AT_SYMLINK_FOLLOW = -100, 0x400
libc = ctypes.CDLL(None, use_errno=True)


def expect(is_right, what):
    if not is_right:
        raise AssertionError(what)


def link_open(descriptor, new):
    if libc.linkat(AT_FDCWD, b"/proc/self/fd/%d" % descriptor, AT_FDCWD, os.fsencode(new), AT_SYMLINK_FOLLOW) != 0:
        raise OSError(ctypes.get_errno(), f"cannot link {new}")


def names_round(folder, turn, dice):
    """Each of these, done twice, fails the second time, and not done, fails later."""
    one, two, three, inner = (os.path.join(folder, f"{word}{turn}") for word in ("one", "two", "three", "inner"))
    data = dice.randbytes(dice.randrange(1, 9000))
    descriptor = os.open(one, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640)
    try:
        expect(os.pwrite(descriptor, data, 0) == len(data), "short write")
        os.link(one, two)
        os.rename(two, three)
        os.mkdir(inner)
        os.rename(three, os.path.join(inner, "moved"))
        os.symlink("moved", os.path.join(inner, "pointer"))
        os.mkfifo(os.path.join(inner, "pipe"))
        expect(os.readlink(os.path.join(inner, "pointer")) == "moved", "pointer")
        os.setxattr(one, "user.mark", data[:20], os.XATTR_CREATE)
        os.setxattr(one, "user.mark", data[:10], os.XATTR_REPLACE)
        expect(os.getxattr(one, "user.mark") == data[:10], "extended attribute")
        os.removexattr(one, "user.mark")
        expect(os.fstat(descriptor).st_nlink == 2, "two names")
        os.unlink(one)
        os.unlink(os.path.join(inner, "moved"))
        expect(os.fstat(descriptor).st_nlink == 0, "no name")
        os.pwrite(descriptor, b"unnamed", len(data))
        expect(os.pread(descriptor, 10000, 0) == data + b"unnamed", "content of a file without a name")
        if dice.random() < 0.2:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    expect(sorted(os.listdir(inner)) == ["pipe", "pointer"], "listing")
    os.unlink(os.path.join(inner, "pipe"))
    os.unlink(os.path.join(inner, "pointer"))
    os.rmdir(inner)
    unnamed = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)
    try:
        os.write(unnamed, data)
        link_open(unnamed, two)
    finally:
        os.close(unnamed)
    with open(three, "xb") as file:
        file.write(data[:100])
    os.replace(two, three)
    with open(three, "rb") as file:
        expect(file.read() == data, "content after a rename over another file")
    if dice.random() < 0.9:
        os.unlink(three)


def work_on_names(root, dice, stop, said):
    os.mkdir(root)
    turn = 0
    try:
        while not stop.is_set():
            names_round(root, turn, dice)
            turn += 1
    except Exception as error:  # whatever it is, the test is told
        said["failures"].append(f"{root} in round {turn}: {error!r}")
    said["done"] += turn


def work_on_database(root, _, stop, said):
    path = os.path.join(root, "database")
    try:
        database = sqlite3.connect(path, isolation_level=None)
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE book (id INTEGER PRIMARY KEY, text TEXT)")
        acknowledged = 0
        while not stop.is_set():
            database.execute("BEGIN")
            for _ in range(3):
                database.execute("INSERT INTO book VALUES (?, ?)", (acknowledged + 1, "x" * (acknowledged % 3000)))
                acknowledged += 1
            database.execute("COMMIT")
        expect(database.execute("PRAGMA integrity_check").fetchone() == ("ok",), "integrity")
        rows = database.execute("SELECT count(*), max(id) FROM book").fetchone()
        expect(rows == (acknowledged, acknowledged), f"{rows}, and {acknowledged} were acknowledged")
        said["done"] += acknowledged
        database.close()
    except Exception as error:  # whatever it is, the test is told
        said["failures"].append(repr(error))


def main(kind, root, seed):
    stop, said = threading.Event(), {"failures": [], "done": 0}
    what, threads = (work_on_names, THREADS) if kind == "names" else (work_on_database, 1)
    places = [os.path.join(root, f"thread{number}") if kind == "names" else root for number in range(threads)]
    workers = [threading.Thread(target=what, args=(place, random.Random(seed * 100 + number), stop, said))
               for number, place in enumerate(places)]
    for worker in workers:
        worker.start()
    sys.stdin.readline()
    stop.set()
    for worker in workers:
        worker.join()
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
