"""How long nobody can write to a replicated pair of MariaDB servers while the primary changes, and what it costs to
watch over the pair while nothing happens."""
import collections
import os
import re
import signal
import subprocess
import time

import cost
import report
from harness import VIRTUAL_ADDRESS, Lab, LabError, other, wait_for
from mariadb import PORT
from mysql_servers import MODULE, ROLE_PATIENCE_S, Servers, SqlLoad

# The rows have a key of their own, so that one which came twice would be there twice.
TABLE = ("CREATE DATABASE shop; CREATE TABLE shop.orders (id INT NOT NULL, "
         "n BIGINT AUTO_INCREMENT PRIMARY KEY INVISIBLE, KEY (id)) ENGINE=InnoDB")
FAST = {'pulse="50" timeout="300"': 'pulse="100" timeout="1000"'}
TIMEOUT_MS = 1000
SHIPPED = {'pulse="50" timeout="300"': 'pulse="700" timeout="30000"'}
CLIENTS, ARRIVAL_MS, SYSBENCH_THREADS = 8, 50, 8
IDS_OF_A_CLIENT = 10_000_000  # sql_load.py
SYSBENCH_TABLES, SYSBENCH_ROWS = 4, 10_000
BEFORE_S, AFTER_S = 1.0, 2.0
PATIENCE_S = 60.0
TAKEN = re.compile(r"primary after ([\d.]+) ms")
HOW = f"""MariaDB 10.11, semi-synchronous, on both nodes of the sandbox; sysbench oltp_write_only through the virtual
address with {SYSBENCH_THREADS} threads, and beside it {CLIENTS} clients that insert one row after the other and note
each that was acknowledged. A write gap is the longest time in which none of these clients had an acknowledgement; that
of a client is the same for one alone, the median of the {CLIENTS}. Clients try again after 2 ms and wait for an answer
for a second. In a failure the time runs from the fault to the first acknowledgement of the new primary, and a new
client comes every {ARRIVAL_MS} ms. Lost: acknowledged and not there. Twice: there more than once."""


class Sysbench:
    """The load. What it does not survive (a commit whose answer was lost) it does again on a new connection."""

    def __init__(self, lab):
        self.argv = ["nsenter", f"--net=/run/netns/{lab.sandbox.namespace('client')}", "sysbench", "oltp_write_only",
                     "--db-driver=mysql", f"--mysql-host={VIRTUAL_ADDRESS}", f"--mysql-port={PORT}",
                     "--mysql-user=app", "--mysql-db=bench", f"--tables={SYSBENCH_TABLES}",
                     f"--table-size={SYSBENCH_ROWS}", f"--threads={SYSBENCH_THREADS}", "--time=0",
                     "--mysql-ignore-errors=all", "run"]

    def __enter__(self):
        self.process = subprocess.Popen(self.argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Pair:
    """Two servers and their agents; node1 leads."""

    def __init__(self, replacements, with_sysbench=True):
        self.lab = Lab(on_disk=True)
        self.replacements, self.with_sysbench = replacements, with_sysbench

    def __enter__(self):
        self.lab.__enter__()
        try:
            self.servers = Servers(self.lab)
            self.servers.start(**self.replacements)
            self.servers.start_cluster()
            self.servers.sql("node1", TABLE)
            if self.with_sysbench:
                self.fill()
            self.wait_complete("node1")
        except BaseException as problem:
            self.lab.__exit__(type(problem), problem, None)
            raise
        return self

    def __exit__(self, kind, error, trace):
        self.lab.__exit__(kind, error, trace)

    def fill(self):
        self.servers.sql("node1", "CREATE DATABASE bench; CREATE USER filler@'%'; GRANT ALL ON bench.* TO filler@'%'")
        done = subprocess.run([*Sysbench(self.lab).argv[:-1], "--mysql-user=filler", "prepare"], capture_output=True,
                              text=True, timeout=PATIENCE_S * 5, check=False)
        if done.returncode != 0:
            raise LabError(f"sysbench: {done.stdout[-500:]}{done.stderr[-500:]}")

    def wait_complete(self, primary):
        """Both in their roles, and the standby knows that it has everything: a swap would begin at once."""
        self.servers.wait_pair(primary)
        standby = other(primary)
        if not wait_for(lambda: (self.servers.replication(standby).get("replica") or {}).get("is_complete"),
                        PATIENCE_S):
            raise LabError(f"{standby} does not get complete: {self.servers.replication(standby)}")

    def wait_writes(self, load, count=200):
        before = len(load.acknowledged())
        if not wait_for(lambda: len(load.acknowledged()) >= before + count, PATIENCE_S):
            raise LabError("nothing is acknowledged through the virtual address")

    def swap(self, primary):
        """Where the machine gives the standby no time, it is behind, and the swap is refused until it has caught up."""
        is_done = lambda: self.lab.agent_result(primary, "swap", "-m", MODULE).returncode == 0
        if not wait_for(is_done, PATIENCE_S):
            raise LabError(f"no swap: {self.servers.replication(other(primary))}")

    def judge(self, load, primary):
        """(acknowledged, lost, twice)"""
        acknowledged = {number for _, number in load.acknowledged()}
        rows = collections.Counter(self.servers.rows(primary))
        return len(acknowledged), len(acknowledged - set(rows)), sum(1 for count in rows.values() if count > 1)

    def taken_ms(self, node):
        """What the newest change to primary took on this node, the draining included."""
        times = TAKEN.findall(self.lab.agent_log(node))
        if not times:
            raise LabError(f"{node} has not become primary")
        return float(times[-1])


def now_ms():
    return time.monotonic() * 1000


def longest_gap(moments, since, until):
    """Of those who wait from `since` on, up to `until` where nothing comes any more."""
    points = [since, *sorted(moment for moment in moments if since < moment < until), until]
    return max(later - earlier for earlier, later in zip(points, points[1:]))


def gaps(acknowledged, since):
    """(of all clients, median of the single clients' longest, the longest of a single client)"""
    until = max(moment for moment, _ in acknowledged)
    of_clients = collections.defaultdict(list)
    for moment, number in acknowledged:
        of_clients[number // IDS_OF_A_CLIENT].append(moment)
    single = sorted(longest_gap(moments, since, until) for moments in of_clients.values())
    return longest_gap([moment for moment, _ in acknowledged], since, until), single[len(single) // 2], single[-1]


def swaps(repetitions, say):
    """(gaps of each swap with the time to take the role, (acknowledged, lost, twice))"""
    measured, primary = [], "node1"
    with Pair(FAST) as pair, Sysbench(pair.lab), SqlLoad(pair.lab, CLIENTS) as load:
        for number in range(repetitions):
            pair.wait_complete(primary)
            pair.wait_writes(load)
            time.sleep(BEFORE_S)
            since = now_ms()
            pair.swap(primary)
            primary = other(primary)
            pair.servers.wait_pair(primary)
            pair.wait_writes(load)
            time.sleep(AFTER_S)
            measured.append((*gaps(load.acknowledged(), since), pair.taken_ms(primary)))
            total, single, longest, taken = measured[-1]
            say(f"mysql swap {number + 1}/{repetitions}: gap {total:.0f} ms, of a client {single:.0f} ms, longest "
                f"{longest:.0f} ms, role taken in {taken:.0f} ms")
        load.process.kill()
        load.process.wait()
        return measured, pair.judge(load, primary)


def kill_server(pair):
    (pid,) = pair.lab.sandbox.processes("node1", "mariadbd")
    os.kill(pid, signal.SIGKILL)


def power_off(pair):
    pair.lab.sandbox.power_off("node1")


def failure(inject):
    """(fault to the first write on the new primary, of that for taking the role, (acknowledged, lost, twice))"""
    with Pair(FAST) as pair, Sysbench(pair.lab), SqlLoad(pair.lab, CLIENTS, ARRIVAL_MS) as load:
        pair.wait_complete("node1")
        pair.wait_writes(load)
        time.sleep(BEFORE_S)
        since = now_ms()
        inject(pair)
        if not wait_for(lambda: pair.lab.state("node2") in ("ALONE", "PRIM"), ROLE_PATIENCE_S):
            raise LabError("node2 does not take over")
        pair.wait_writes(load)
        # Before the outage the dying server may have answered some more.
        moments = sorted(moment for moment, _ in load.acknowledged() if moment > since)
        points = [since, *moments]
        _, first = max((later - earlier, later) for earlier, later in zip(points, points[1:]))
        load.process.kill()
        load.process.wait()
        return first - since, pair.taken_ms("node2"), pair.judge(load, "node2")


def questions(pair, node):
    return int(pair.servers.sql(node, "SHOW GLOBAL STATUS LIKE 'Questions'").split()[1])


def processes(pair, node, names):
    return sorted(pid for name in names for pid in pair.lab.sandbox.processes(node, name))


def idle(seconds, say):
    """Rows of the table: statements a second, processor of agent, guard and engine, processor of the server."""
    ours, servers = ("clusteragent", "clusteragent-guard", "clusteragent-mysql"), ("mariadbd",)
    with Pair(SHIPPED, with_sysbench=False) as pair:
        time.sleep(min(seconds, 5))
        nodes = ("node1", "node2")
        before = {}
        for node in nodes:
            before[node] = {"questions": questions(pair, node),
                            **{pid: cost.processor_ns(pid) for pid in processes(pair, node, (*ours, *servers))}}
        started = time.monotonic()
        time.sleep(seconds)
        rows = []
        for node in nodes:
            elapsed = time.monotonic() - started
            used = [sum(cost.processor_ns(pid) - before[node].get(pid, 0) for pid in processes(pair, node, names))
                    for names in (ours, servers)]
            # The one that asks now is not theirs.
            asked = questions(pair, node) - before[node]["questions"] - 1
            rows.append([f"idle, {'primary' if node == 'node1' else 'standby'}", f"{asked / elapsed:.1f}",
                         *(f"{each / elapsed / 1e7:.2f}" for each in used)])
            say(f"mysql idle, {node}: {rows[-1][1]} statements/s, agent {rows[-1][2]} %, server {rows[-1][3]} %")
        return rows


def sums(judged):
    acknowledged, lost, twice = map(sum, zip(*judged))
    return [f"{acknowledged}", f"{lost}", f"{twice}"]


def text(repetitions, idle_seconds, say):
    measured, judged = swaps(repetitions, say)
    total, single, longest, taken = zip(*measured)
    rows = [["swap: write gap, ms", report.spread(total, 0), report.spread(taken, 0), *sums([judged])],
            ["swap: write gap of a client, ms", report.spread(single, 0), "", "", "", ""],
            ["swap: longest of a client, ms", report.spread(longest, 0), "", "", "", ""]]
    for name, inject in (("mariadbd killed", kill_server), ("power off", power_off)):
        results = []
        for number in range(max(1, repetitions // 4)):
            results.append(failure(inject))
            say(f"mysql {name} {number + 1}: first write after {results[-1][0]:.0f} ms, "
                f"role taken in {results[-1][1]:.0f} ms")
        first, taken, judgements = zip(*results)
        rows.append([f"{name}, timeout {TIMEOUT_MS} ms: fault to first write, ms", report.spread(first, 0),
                     report.spread(taken, 0), *sums(judgements)])
    changes = report.table(["change of the primary", "ms", "of it to take the role, ms", "acknowledged", "lost",
                            "twice"], rows)
    watching = report.table(["watching over the servers", "statements/s", "agent, guard and engine, % of a core",
                             "mariadbd, % of a core"], idle(idle_seconds, say))
    return "\n\n".join([HOW, changes, watching])
