"""Calls to the kernel and to tools, with errors that a user can read."""
import ctypes
import os
import subprocess
import time

POLL_S = 0.05
CLONE_FLAGS = {"mnt": 0x00020000, "uts": 0x04000000, "ipc": 0x08000000, "pid": 0x20000000, "net": 0x40000000}
MS_REC, MS_PRIVATE, MS_BIND = 0x4000, 0x40000, 0x1000
PR_SET_NAME = 15
libc = ctypes.CDLL(None, use_errno=True)


class SandboxError(Exception):
    """What the user has to know; ends the program with exit code 1."""


def check(result, what):
    if result != 0:
        code = ctypes.get_errno()
        raise SandboxError(f"{what}: {os.strerror(code)}")


def mount(source, target, kind=None, flags=0):
    encode = lambda text: None if text is None else text.encode()
    check(libc.mount(encode(source), encode(target), encode(kind), flags, None), f"mount on {target}")


def run(argv, text=None):
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SandboxError(f"{' '.join(argv)}: {done.stderr.strip() or f'exit code {done.returncode}'}")
    return done.stdout


def start_time(pid):
    """Clock ticks since boot at which the process began: tells it from a later one with the same number."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        return None if fields[0] == "Z" else int(fields[19])
    except (OSError, IndexError):
        return None


def is_alive(process):
    return process is not None and start_time(process["pid"]) == process["since"]


def wait_for(condition, patience_s):
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def join_namespace(path, kind):
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        check(libc.setns(descriptor, CLONE_FLAGS[kind]), f"setns {path}")
    finally:
        os.close(descriptor)
