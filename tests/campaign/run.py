"""One campaign: a cluster with its clients, struck by faults until its time is over, and a record of what was seen."""
import collections
import datetime
import sys
import time

import counter
from faults import Faults
from harness import MODULE, NODES, monotonic_ns, wait_for
from machine import Disks, WallClocks

FAULT_S = (0.1, 4.0)
CALM_S = (0.2, 2.0)
TWO_AT_ONCE = 0.35
NOT_SETTLED_FIRST = 0.25  # the next fault strikes while the cluster is still busy with the last one
CONVERGE_S = 60
RESTARTS_MAX = 1000  # what the campaign kills is no reason to give up a module

# Of one strike: settled_s is None where the next one did not wait for it; was_settled: nothing was on when it began.
Strike = collections.namedtuple("Strike", "names text from_ns to_ns settled_ns was_settled")
Calm = collections.namedtuple("Calm", "from_ns to_ns roles_before roles_after")


class NotConverged(Exception):
    """Roles were not what they should be long after the last fault had ended."""


def say(text):
    print(text, file=sys.stderr, flush=True)


class Campaign:
    def __init__(self, lab, chance, witness, pulse, timeout):
        self.lab, self.chance, self.witness = lab, chance, witness
        self.module = {"pulse": pulse, "timeout": timeout, "maxloop": RESTARTS_MAX, "errd": counter.ERRD,
                       "check_section": witness.check_section if witness else ""}
        self.counter = counter.Counter(lab)
        self.strikes, self.calms, self.restarted = [], [], collections.Counter()
        self.not_converged = None
        self.begun_ns = None

    def prepare(self):
        hosts = [*NODES, self.witness.host] if self.witness else list(NODES)
        disks = Disks(self.lab.sandbox, hosts)
        clocks = WallClocks(self.lab.sandbox, hosts)
        self.faults = Faults(self.lab, self.chance, self.witness, disks, clocks)
        if self.witness:
            self.witness.start()
        self.lab.write_module(scripts=self.counter.scripts(), **self.module)
        self.lab.start_responders()
        self.lab.start_cluster()
        self.lab.wait_served_by("node1")

    def run(self, seconds):
        """The record: what the kernels and the clients saw, with the strikes and the calm between them."""
        self.prepare()
        probe, observer, client = self.lab.start_probe(), self.lab.start_observer(), self.counter.start_client()
        self.begun_ns = monotonic_ns()
        end = time.monotonic() + seconds
        try:
            was_settled = True
            while time.monotonic() < end:
                was_settled = self.strike(was_settled)
            self.settle()
        except NotConverged as problem:
            self.not_converged = str(problem)
        served = self.not_converged is None and wait_for(lambda: self.lab.served_by() is not None, CONVERGE_S)
        return {"kernels": observer.finish(), "probe": probe.finish(), "client": client.finish(),
                "ledger": self.counter.ledger(), "presence": self.counter.presence(), "strikes": self.strikes,
                "calms": self.calms, "faults": self.faults.used, "restarted": self.restarted, "served": served,
                "not_converged": self.not_converged, "begun_ns": self.begun_ns}

    def tell(self, text):
        """With the wall clock, as in the agents' logs, and the time since the campaign began."""
        since = (monotonic_ns() - self.begun_ns) / 1e9
        say(f"  {datetime.datetime.now():%H:%M:%S.%f} {since:+8.3f} s  {text}")

    def strike(self, was_settled):
        """One fault or two at once, and where the dice say so the way back to calm. True when it is calm."""
        chosen = [self.faults.draw()]
        if self.chance.random() < TWO_AT_ONCE:
            chosen.append(self.faults.draw(chosen[0].places))
        lasts = self.chance.uniform(*FAULT_S)
        text = " and ".join(f"{fault.name} {fault.detail}".strip() for fault in chosen)
        self.tell(f"{text}, for {lasts:.1f} s")
        from_ns = monotonic_ns()
        for fault in chosen:
            self.faults.begin(fault)
        time.sleep(lasts)
        for fault in chosen:
            fault.end()
        to_ns = monotonic_ns()
        waits = self.chance.random() >= NOT_SETTLED_FIRST
        calm = self.chance.uniform(*CALM_S)
        names = [fault.name for fault in chosen]
        if not waits:
            self.strikes.append(Strike(names, text, from_ns, to_ns, None, was_settled))
            time.sleep(calm / 4)
            return False
        try:
            roles = self.settle()
        finally:
            settled_ns = monotonic_ns()
            self.strikes.append(Strike(names, text, from_ns, to_ns, settled_ns, was_settled))
        self.tell(f"  settled after {(settled_ns - to_ns) / 1e9:.2f} s: {roles}")
        time.sleep(calm)
        self.calms.append(Calm(settled_ns, monotonic_ns(), roles, self.roles()))
        return True

    def roles(self):
        return {node: self.lab.state(node, MODULE) for node in NODES}

    def settle(self):
        """Waits for exactly one primary and one secondary; meanwhile a service manager's work is done."""
        roles = {}

        def is_settled():
            for node in NODES:
                self.restarted[f"agent on {node}"] += self.faults.supervise(node)
            if self.witness:
                self.restarted[self.witness.name] += self.witness.supervise()
            roles.update(self.roles())
            return sorted(str(role) for role in roles.values()) == ["PRIM", "SECOND"]
        if not wait_for(is_settled, CONVERGE_S):
            raise NotConverged(f"{roles} {CONVERGE_S} s after the last fault ended")
        return dict(roles)
