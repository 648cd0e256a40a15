"""How soon each layer that keeps a node from being primary too long acts: agent, guard and kernel of the active node
are hit, one way after the other, and the kernels, the application and the client are watched."""
import collections
import os
import signal
import time

from counter import Counter
from harness import MODULE, NODES, Lab, monotonic_ns
from machine import WallClocks

ACTIVE = "node1"
BEFORE_S = 0.5
STEP_S = 86400
# The guard waits max(timeout, 5 s) after the permit's end, then it stops the application of an agent that stands still.
FAULT_S = 8.0
AFTER_S = 2.0
ALIVE_MS = 100.0  # an application that was seen so shortly before the end of a window was running at the end

# Times from the fault; None: it did not come about while the fault lasted. resumed_ms: from the end of the fault to
# the end of an application that was there still.
Reaction = collections.namedtuple("Reaction", "address_ms application_ms served_ms resumed_ms dual_ms")


def agent(lab):
    return [process["pid"] for process in lab.sandbox.agents(ACTIVE, MODULE).values()]


def guard(lab):
    return lab.sandbox.processes(ACTIVE, "clusteragent-guard")


def pair(lab):
    return agent(lab) + guard(lab)


def everything(lab):
    return lab.sandbox.processes(ACTIVE)


def send(pids, number):
    for pid in pids:
        os.kill(pid, number)


def killed(find):
    def fault(lab, _):
        pids = find(lab)

        def begin():
            if len(pids) > 1:
                send(pids, signal.SIGSTOP)  # so that neither acts on the other's death
            send(pids, signal.SIGKILL)
        return begin, lambda: None
    return fault


def frozen(find):
    def fault(lab, _):
        pids = find(lab)
        return lambda: send(pids, signal.SIGSTOP), lambda: send(pids, signal.SIGCONT)
    return fault


def stepped(_, clocks):
    return lambda: clocks.step(ACTIVE, STEP_S), lambda: clocks.step(ACTIVE, 0)


# Each looks first for what it hits, which takes its time, and returns what begins it and what ends it.
FAULTS = {
    "agent killed": killed(agent),
    "agent stopped": frozen(agent),
    "agent and guard killed": killed(pair),
    "agent and guard stopped": frozen(pair),
    "guard killed": killed(guard),
    "every process of the machine stopped": frozen(everything),
    "wall clock stepped by a day": stepped,
}


def once(fault, timeout_ms):
    with Lab(on_disk=True) as lab:
        counter, clocks = Counter(lab), WallClocks(lab.sandbox, NODES)
        lab.write_module(pulse=timeout_ms // 10, timeout=timeout_ms, scripts=counter.scripts())
        lab.start_responders()
        lab.start_cluster()
        lab.wait_served_by(ACTIVE)
        probe, observer = lab.start_probe(), lab.start_observer()
        time.sleep(BEFORE_S)
        begin_fault, end_fault = FAULTS[fault](lab, clocks)
        moment = monotonic_ns()
        begin_fault()
        time.sleep(FAULT_S)
        ended = monotonic_ns()
        end_fault()
        time.sleep(AFTER_S)
        finished = monotonic_ns()
        client, kernels, lives = probe.finish(), observer.finish(), counter.lives()
    answered = max(min(one["to_ns"], ended) for one in kernels["intervals"]
                   if ACTIVE in one["hosts"] and one["from_ns"] < ended)
    served = next((owner["at_ns"] for owner in client["owners"] if owner["host"] != ACTIVE), None)
    spans = next(some for host, some in lives if host == ACTIVE and some[0][0] < moment)
    during = max(to for begin, to in spans if begin < ended)
    later = spans[-1][1]
    since = lambda at, start=moment: max(0.0, (at - start) / 1e6)
    near = lambda at, limit: since(limit, at) < ALIVE_MS
    return Reaction(None if near(answered, ended) else since(answered),
                    None if near(min(during, ended), ended) else since(during),
                    None if served is None else since(served),
                    None if later < ended or near(later, finished) else since(later, ended), kernels["dual_ms"])
