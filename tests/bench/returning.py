"""What the return of a node costs: the time of a copy of what it lacks, while the application writes, and how much
travels after a crash when little has changed."""
import os
import re
import statistics
import subprocess
import time

import agent_log
import report
from harness import MODULE, LabError, wait_for
from mirrored import DIRECTORY, Mirrored, fio

MIB = 1024 * 1024
JOINED = re.compile("has joined as secondary")
EQUAL = re.compile("is up to date and can take over")
RETURN_PATIENCE_S = 600
PLAIN_PORT = 9797
LOAD = ["--rw=randwrite", "--bs=4k", "--fdatasync=1", "--rate_iops=300", "--size=64M", "--time_based"]
# One connection, one file, on disk at the end.
PLAIN_SENDER = """import socket, sys, time
while True:
    try:
        peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
        break
    except ConnectionRefusedError:
        time.sleep(0.01)
with open(sys.argv[3], "rb") as file:
    peer.sendfile(file)
"""
PLAIN_RECEIVER = """import os, socket, sys
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
listener.settimeout(60)
peer = listener.accept()[0]
buffer = bytearray(1 << 20)
with open(sys.argv[3], "wb", buffering=0) as file:
    while got := peer.recv_into(buffer):
        file.write(memoryview(buffer)[:got])
    os.fsync(file.fileno())
"""
HOW = """Each turn first copies as many bytes as plainly as can be: one TCP connection, one file, no encryption, fsync
at the end. Then a node that was away is started again; its time is that from its joining until both copies are equal
and on disk. In both, 300 synchronous writes a second go on in the mirrored directory."""


def inside(lab, host, argv):
    return ["nsenter", "-t", str(lab.sandbox.running(host)["pid"]), "-a", *argv]


def run_inside(lab, host, argv):
    return subprocess.run(inside(lab, host, argv), capture_output=True, text=True, timeout=RETURN_PATIENCE_S,
                          check=True)


def write_file(lab, host, name, mebibytes, *words):
    run_inside(lab, host, ["fio", "--name=one", f"--filename={DIRECTORY}/{name}", "--ioengine=psync", "--bs=1M",
                           "--end_fsync=1", f"--size={mebibytes}M", *(words or ["--rw=write"])])


def plain_copy_s(mirrored, name):
    lab = mirrored.lab
    address = lab.sandbox.address("node2")
    target = os.path.join(mirrored.plain_directory("node2"), "copy")
    receive = ["python3", "-c", PLAIN_RECEIVER, address, str(PLAIN_PORT), target]
    with subprocess.Popen(inside(lab, "node2", receive)) as receiver:
        started = time.monotonic()
        run_inside(lab, "node1", ["python3", "-c", PLAIN_SENDER, address, str(PLAIN_PORT), f"{DIRECTORY}/{name}"])
        if receiver.wait(RETURN_PATIENCE_S) != 0:
            raise LabError("the plain copy failed")
        took = time.monotonic() - started
    os.unlink(target)
    return took


def wait_equal(lab, primary, since_ns):
    found = lambda: agent_log.first_after(lab.agent_log(primary), since_ns, EQUAL)
    if not wait_for(found, RETURN_PATIENCE_S):
        raise LabError(f"not up to date: {lab.status(primary).get('replication')}")
    joined = agent_log.first_after(lab.agent_log(primary), since_ns, JOINED)
    return (found() - joined) / 1e9


def under_load(lab, action):
    load = subprocess.Popen(inside(lab, "node1", ["fio", "--name=load", f"--filename={DIRECTORY}/load",
                                                  "--ioengine=psync", f"--runtime={RETURN_PATIENCE_S}", *LOAD]),
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return action()
    finally:
        load.terminate()
        load.wait(RETURN_PATIENCE_S)


def return_s(lab):
    since = time.time_ns()
    lab.agent("node2", "start", "-m", MODULE)
    return wait_equal(lab, "node1", since)


def reintegration_table(repetitions, mebibytes, say):
    ratios, speeds = [], []
    with Mirrored() as mirrored:
        lab = mirrored.lab
        write_file(lab, "node1", "large", mebibytes)
        for number in range(repetitions):
            lab.agent("node2", "stop", "-m", MODULE)
            lab.wait_states({"node1": "ALONE", "node2": "STOP"})
            write_file(lab, "node1", "large", mebibytes)
            plain = under_load(lab, lambda: plain_copy_s(mirrored, "large"))
            ours = under_load(lab, lambda: return_s(lab))
            say(f"reintegration {number + 1} of {repetitions}: {ours:.2f} s, plain copy {plain:.2f} s")
            ratios.append(ours / plain)
            speeds.append(mebibytes / ours)
    return report.table([f"return of a node that lacks {mebibytes} MiB", "time, ratio to the plain copy", "MiB/s"],
                        [["under load", report.spread(ratios, 2), f"{statistics.median(speeds):.0f}"]])


def traffic_bytes(lab, host):
    text = run_inside(lab, host, ["sh", "-c", "cat /sys/class/net/net*/statistics/[rt]x_bytes"]).stdout
    return sum(int(word) for word in text.split())


def crash_table(mebibytes, percent, say):
    """The primary loses power, the other changes a little and the first returns."""
    files = 16
    with Mirrored() as mirrored:
        lab = mirrored.lab
        for number in range(files):
            write_file(lab, "node1", f"part{number}", mebibytes // files)
            say(f"{(number + 1) * mebibytes // files} MiB of {mebibytes} written")
        mirrored.wait_up_to_date()
        lab.sandbox.power_off("node1")
        lab.wait_states({"node2": "ALONE"})
        changed_kib = mebibytes * 1024 * percent // 100
        for number in range(files):
            write_file(lab, "node2", f"part{number}", mebibytes // files, "--rw=randwrite", "--bs=64k",
                       f"--io_size={changed_kib // files}K")
        before, since = traffic_bytes(lab, "node2"), time.time_ns()
        lab.sandbox.power_on("node1")
        took = wait_equal(lab, "node2", since)
        moved = traffic_bytes(lab, "node2") - before
    return report.table([f"return after a power failure, {mebibytes} MiB, {percent} % changed meanwhile",
                         "bytes on the network, % of the directory", "time, s"],
                        [["former primary", f"{moved / MIB / mebibytes * 100:.2f}", f"{took:.1f}"]])


def text(repetitions, is_full, say):
    return "\n\n".join([HOW, reintegration_table(repetitions, 1024 if is_full else 64, say),
                        crash_table(20 * 1024 if is_full else 512, 1, say)])
