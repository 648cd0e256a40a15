"""Faults, and what the client and the nodes' kernels saw of them. One call is one repetition in its own sandbox."""
import contextlib
import os
import signal
import time

from harness import monotonic_ns, other, owner_changes
from systems import NODES, fresh

BEFORE_S = 0.3      # undisturbed measuring before the fault
FAULT_S = 5.0
HANG_S = 10.0
LOSS_S = 60.0
LOSS_PERCENT = 25
# The client's kernel doubts a stale ARP entry after 5 s and gives it up after 3 s more: what a heal leaves behind shows
# within that time.
HEAL_S = 9.0
UNSETTLED_MAX = 3


def power_off(system, active):
    system.lab.sandbox.power_off(active)
    time.sleep(system.after_s)


def graceful_stop(system, active):
    system.graceful_stop(active)
    time.sleep(system.after_s)


def swap(system, active):
    system.swap()
    time.sleep(system.after_s)


def cable(system, active):
    system.lab.sandbox.unplug(active)
    time.sleep(FAULT_S)
    system.lab.sandbox.plug(active)
    time.sleep(HEAL_S)


def signal_all(pids, number):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def kill(system, active):
    signal_all(system.victims(active), signal.SIGKILL)
    time.sleep(FAULT_S)


def hang(system, active):
    pids = system.victims(active)
    signal_all(pids, signal.SIGSTOP)
    time.sleep(HANG_S)
    signal_all(pids, signal.SIGCONT)
    time.sleep(HEAL_S)


def partition(system, active):
    system.lab.sandbox.cut(active, other(active))
    time.sleep(FAULT_S)
    system.lab.sandbox.heal()
    time.sleep(HEAL_S)


def standby_deaf(system, active):
    system.lab.sandbox.cut_one_way(active, other(active))
    time.sleep(FAULT_S)
    system.lab.sandbox.heal()
    time.sleep(HEAL_S)


def active_deaf(system, active):
    system.lab.sandbox.cut_one_way(other(active), active)
    time.sleep(FAULT_S)
    system.lab.sandbox.heal()
    time.sleep(HEAL_S)


def loss(system, active):
    system.lab.sandbox.loss(active, other(active), LOSS_PERCENT)
    time.sleep(LOSS_S)
    system.lab.sandbox.heal()
    time.sleep(system.after_s)


# Each fault with the number of moves of the address that it justifies: away, and back where the old owner is preferred
# once the fault has ended. A standby that hears nothing must move it, whoever else is heard; lost frames and an active
# node that hears nothing are no reason.
FAULTS = {
    "power off": (power_off, 1),
    "graceful stop": (graceful_stop, 1),
    "swap": (swap, 1),
    "cable pulled 5 s": (cable, 2),
    "SIGKILL": (kill, 1),
    "SIGSTOP 10 s": (hang, 2),
    "partition 5 s": (partition, 2),
    "standby deaf 5 s": (standby_deaf, 2),
    "active deaf 5 s": (active_deaf, 0),
    "25 % loss 60 s": (loss, 0),
}


class Unsettled(Exception):
    """The client was not served quietly before the fault: what follows would not be the fault's doing."""


def outages_after(client, moment_ns):
    if any(outage["from_ns"] < moment_ns for outage in client["outages"]):
        raise Unsettled(f"outages before the fault: {client['outages'][:3]}")
    return client["outages"]


def repeat(system_name, fault, repetitions, **options):
    """Repetitions that began quietly; on a busy machine one in a few does not, and is made again."""
    results, unsettled = [], 0
    while len(results) < repetitions:
        try:
            results.append(once(system_name, fault, **options))
        except Unsettled:
            unsettled += 1
            if unsettled > UNSETTLED_MAX + repetitions:
                raise
    return results


def once(system_name, fault, **options):
    """One repetition: what happened after the fault, in milliseconds."""
    lab, system = fresh(system_name, **options)
    with lab:
        lab.start_responders()
        system.start()
        system.settle("node1")
        probe, observer = lab.start_probe(), lab.start_observer()
        time.sleep(BEFORE_S)
        inject, justified = FAULTS[fault]
        moment_ns, wall_ns = monotonic_ns(), time.time_ns()
        inject(system, "node1")
        client, kernels = probe.finish(), observer.finish()
        logs = {node: lab.agent_log(node) for node in NODES}
    outages = outages_after(client, moment_ns)
    moves = [at for at, _ in owner_changes(kernels) if at > moment_ns]
    return {
        "system": system_name, "fault": fault,
        "outage_ms": sum(outage["ms"] for outage in outages),
        "longest_ms": max((outage["ms"] for outage in outages), default=0.0),
        "dual_ms": kernels["dual_ms"], "moves": len(moves), "needless_moves": max(0, len(moves) - justified),
        "takeover_ms": (moves[0] - moment_ns) / 1e6 if moves else None,
        "served_after_ms": (outages[0]["to_ns"] - moment_ns) / 1e6 if outages else None,
        "moment_ns": moment_ns, "wall_minus_monotonic_ns": wall_ns - moment_ns,
        "logs": logs, "first_outage": outages[0] if outages else None,
    }
