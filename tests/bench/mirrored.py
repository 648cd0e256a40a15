"""What a mirrored directory costs the application: the same load in turns on a plain directory of the same disk, on the
mirrored one, on MariaDB's own semi-synchronous replication, and on a volume of GlusterFS."""
import json
import os
import statistics
import subprocess
import time

import gluster
import report
from database import Database, semi_synchronous
from harness import MODULE, NODES, Lab, LabError, wait_for

DIRECTORY = "/var/lib/mysql"  # each host of the sandbox has one of its own
RFS = '<rfs async="{asynchronous}"><replicated dir="' + DIRECTORY + '" mode="read_only"/></rfs>'
TESTS = (("oltp_write_only", "write only"), ("oltp_read_write", "read and write"))
COPY_PATIENCE_S = 120
FIO_S = 6
WARM_UP_S = 30
SHORT_LOAD_S = 5  # a run with a shorter one shows that it works, and nothing about figures
REST_IDLE, REST_LOOK_S, REST_LIMIT_S = 0.95, 0.5, 30
KIB = 1024
LINK_BITS_PER_S = 1e9
FIO = (("4 KiB at random, fdatasync after each", ["--rw=randwrite", "--bs=4k", "--fdatasync=1"], "iops"),
       ("1 MiB in order, fsync at the end", ["--rw=write", "--bs=1M", "--end_fsync=1"], "bw"))
HOW = """A cell is median (least..most) of the ratio to the plain directory in the turn just before. MariaDB 10.11 with
innodb_flush_log_at_trx_commit=1, sync_binlog=1, O_DIRECT; sysbench with 8 threads on 4 tables of 50,000 rows. Both
nodes, both databases and sysbench share the machine's processors, and the two nodes share its disk: on two machines
the mirror has more room than here. The stream is TLS. GlusterFS (Debian's, a volume with its own defaults) is in the
table where glusterfs-server is installed. Each has written once round its redo log before (not with loads of less than
5 s), and begins when what the one before has left to do is done: the processors are idle for 95 % of half a second."""


class Mirrored:
    """A cluster with the directory mirrored and nothing else in the module."""

    def __init__(self, asynchronous="second"):
        self.lab = Lab(on_disk=True)
        self.asynchronous = asynchronous

    def __enter__(self):
        self.lab.__enter__()
        try:
            self.lab.write_module(rfs=RFS.format(asynchronous=self.asynchronous), pulse=100, timeout=5000)
            self.lab.start_agents()
            self.lab.agent("node1", "prim", "-m", MODULE)
            self.lab.wait_states({"node1": "ALONE"})
            self.lab.agent("node2", "start", "-m", MODULE)
            self.wait_up_to_date()
        except BaseException as problem:
            self.lab.__exit__(type(problem), problem, None)
            raise
        return self

    def __exit__(self, kind, error, trace):
        self.lab.__exit__(kind, error, trace)

    def is_up_to_date(self):
        return self.lab.status("node1").get("replication", {}).get("state") == "up to date"

    def wait_up_to_date(self):
        self.lab.wait_states({"node1": "PRIM", "node2": "SECOND"})
        if not wait_for(self.is_up_to_date, COPY_PATIENCE_S):
            raise LabError(f"not up to date: {self.lab.status('node1').get('replication')}")

    def plain_directory(self, host):
        """Of the same file system as what lies under the mirrored one."""
        path = os.path.join(self.lab.sandbox.host_directory(host), "plain")
        os.makedirs(path, exist_ok=True)
        os.chmod(path, 0o755)
        return path


def idle_part(seconds):
    """Of all processors' time."""
    def read():
        with open("/proc/stat", encoding="ascii") as file:
            times = [int(word) for word in file.readline().split()[1:9]]
        return times[3] + times[4], sum(times)
    idle, everything = read()
    time.sleep(seconds)
    now_idle, now_everything = read()
    return (now_idle - idle) / max(1, now_everything - everything)


def rest(say):
    """What a load leaves behind, to purge here and to apply there, is not to be paid for by the next."""
    if not wait_for(lambda: idle_part(REST_LOOK_S) >= REST_IDLE, REST_LIMIT_S):
        say(f"the machine has not become quiet in {REST_LIMIT_S} s")


def turns(systems, repetitions, measure, say):
    """[{system: value}], each turn with all of them, one after the other."""
    results = []

    def rested(name):
        rest(say)
        return measure(name)
    for number in range(repetitions):
        results.append({name: rested(name) for name in systems})
        say(f"turn {number + 1} of {repetitions}: " +
            ", ".join(f"{name} {value[0] if isinstance(value, tuple) else value:.0f}"
                      for name, value in results[-1].items()))
    return results


def ratios(results, name, base="plain", part=0):
    pick = lambda value: value[part] if isinstance(value, tuple) else value
    return [pick(one[name]) / pick(one[base]) for one in results]


def start_semi_synchronous(mirrored):
    """Both servers of it; the first is the primary."""
    servers = [Database(mirrored.lab, node, os.path.join(mirrored.plain_directory(node), "semi"), 3308, number)
               for number, node in enumerate(NODES, 1)]
    for server in servers:
        server.start()
    semi_synchronous(*servers, mirrored.lab.sandbox.address("node1"))
    return servers


def database_table(asynchronous, repetitions, seconds, with_others, say):
    rows = []
    with Mirrored(asynchronous) as mirrored:
        lab = mirrored.lab
        databases = {"plain": Database(lab, "node1", os.path.join(mirrored.plain_directory("node1"), "data"), 3307),
                     "mirrored": Database(lab, "node1", DIRECTORY, 3306)}
        if with_others and gluster.is_installed():
            data = os.path.join(gluster.Volume(lab).mount(), "data")
            databases["GlusterFS, two copies"] = Database(lab, "node1", data, 3309)
        for database in databases.values():
            database.start()
        if with_others:
            databases["semi-sync"], _ = start_semi_synchronous(mirrored)
        for database in databases.values():
            database.fill()
            # Once round the redo log: to write where room is only reserved costs the file system more.
            database.transactions_per_s("oltp_write_only", WARM_UP_S if seconds >= SHORT_LOAD_S else seconds)
        for test, text in TESTS:
            results = turns(databases, repetitions,
                            lambda name, test=test: databases[name].transactions_per_s(test, seconds), say)
            for name in databases:
                if name != "plain":
                    rows.append([f"{text}, {name}", report.spread(ratios(results, name), 2),
                                 report.spread(ratios(results, name, part=1), 2),
                                 f"{statistics.median(one[name][0] for one in results):.0f}"])
        if not mirrored.is_up_to_date():
            raise LabError("the mirror was lost while it was measured")
        for database in databases.values():
            database.stop()
    return report.table([f'sysbench, async="{asynchronous}"', "transactions/s, ratio to plain", "95 %, ratio to plain",
                         "transactions/s"], rows)


def fio(lab, folder, words, what):
    path = os.path.join(folder, "fio")
    argv = ["fio", "--name=one", f"--filename={path}", "--ioengine=psync", "--output-format=json", f"--runtime={FIO_S}",
            *words]
    done = subprocess.run(["nsenter", "-t", str(lab.sandbox.running("node1")["pid"]), "-a", *argv],
                          capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise LabError(f"fio: {done.stderr[-500:]}")
    return json.loads(done.stdout[done.stdout.index("{"):])["jobs"][0]["write"][what]


def link_table(repetitions, size, say):
    """What fills a link that both nodes' disks could fill more than once."""
    rates = []
    with Mirrored() as mirrored:
        for node in NODES:
            mirrored.lab.sandbox.execute_quietly(node, ["tc", "qdisc", "add", "dev", "net1", "root", "tbf", "rate",
                                                        "1gbit", "burst", "256k", "latency", "50ms"])
        text, words, what = FIO[1]
        for number in range(repetitions):
            rates.append(fio(mirrored.lab, DIRECTORY, [*words, f"--size={size}"], what) * KIB * 8 / LINK_BITS_PER_S)
            say(f"link {number + 1} of {repetitions}: {rates[-1]:.2f}")
    return report.table(['fio, async="second", a link of 1 Gbit/s', "ratio to the link"],
                        [[text, report.spread(rates, 2)]])


def fio_table(asynchronous, repetitions, size, say):
    rows = []
    with Mirrored(asynchronous) as mirrored:
        folders = {"plain": mirrored.plain_directory("node1"), "mirrored": DIRECTORY}
        for text, words, what in FIO:
            words = [*words, f"--size={size}"]
            results = turns(folders, repetitions,
                            lambda name, words=words, what=what: fio(mirrored.lab, folders[name], words, what), say)
            rows.append([text, report.spread(ratios(results, "mirrored"), 2)])
    return report.table([f'fio, async="{asynchronous}"', "ratio to plain"], rows)
