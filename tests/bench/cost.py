"""What a system costs while nothing happens: processor time, resident memory and packets a node."""
import os
import time



def processor_ns(pid):
    """Time on a processor of all threads, from the scheduler: ticks of 10 ms are too coarse for 0.3 %."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total


def memory_kib(pid, field="VmRSS"):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(field + ":"))


def shared_aware_kib(pid):
    """PSS: pages shared with other processes are divided among them."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


def packets(sandbox, node):
    """Frames sent and received on the node's networks so far."""
    total = 0
    for network in sandbox.networks(node):
        pid = sandbox.running(node)["pid"]
        with open(f"/proc/{pid}/net/dev", encoding="ascii") as file:
            for line in file:
                name, _, counters = line.partition(":")
                if name.strip() == network:
                    total += int(counters.split()[1]) + int(counters.split()[9])
    return total


def measure(system, seconds):
    """{node: {cpu_percent, rss_mib, pss_mib, packets_per_s}} over so many idle seconds."""
    sandbox, nodes, before = system.lab.sandbox, ("node1", "node2"), {}
    for node in nodes:
        before[node] = ({pid: processor_ns(pid) for pid in system.processes(node)}, packets(sandbox, node))
    started = time.monotonic()
    time.sleep(seconds)
    result = {}
    for node in nodes:
        pids, elapsed = system.processes(node), time.monotonic() - started
        used = sum(processor_ns(pid) - before[node][0].get(pid, 0) for pid in pids)
        result[node] = {"cpu_percent": used / elapsed / 1e7, "rss_mib": sum(map(memory_kib, pids)) / 1024,
                        "pss_mib": sum(map(shared_aware_kib, pids)) / 1024, "processes": len(pids),
                        "packets_per_s": (packets(sandbox, node) - before[node][1]) / elapsed}
    return result
