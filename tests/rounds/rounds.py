"""Rounds of load, fault, heal and judgement on a two-node cluster whose application keeps its data in one directory."""
import collections
import datetime
import json
import os
import subprocess
import sys
import time

import acknowledged
import tree
from data_disks import DataDisks
from harness import MODULE, NODES, VIRTUAL_ADDRESS, LabError, other, wait_for
from round_faults import RoundFaults

LOAD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "load.py")
RFS = """<rfs mountover="off" async="second" acl="off" nbrei="3">
      <replicated dir="{directory}" mode="read_only"/>
    </rfs>"""
HEARTBEATS = '<heartbeat name="default" ident="flow"/><heartbeat name="net2"/>'
FAULT_S = (0.5, 6.0)
BEFORE_FAULT_S = (0.3, 2.0)
SECOND_FAULT = 0.35  # so often another fault strikes while the node that comes back is brought up to date
REINTEGRATION_PATIENCE_S = 5
CONVERGE_S = 120
SERVED_PATIENCE_S = 120  # MariaDB looks only once a minute whether a disk that was full has room again
ACKNOWLEDGED_MIN = 20  # before a fault, and once it has been healed
IDENTICAL_PATIENCE_S = 10  # what was on its way when the application was stopped still arrives
RESTARTS_MAX = 1000  # what the rounds kill is no reason to give up a module

# Of one round. settled_s, verdict, differences, files: None where it did not come so far. differences: a line of text.
Round = collections.namedtuple("Round", "number text settled_s longest_ms verdict differences files")


class NotConverged(LabError):
    """The cluster did not become what it should be long after the last fault had ended."""


class Rounds:
    """is_shared: the nodes share one directory in place of a replicated one. That proves nothing about replication: it
    tries the rounds themselves."""

    def __init__(self, lab, application, chance, witness=None, is_shared=False, pulse=50, timeout=1000):
        self.lab, self.box, self.application, self.chance = lab, lab.sandbox, application, chance
        self.witness, self.is_shared = witness, is_shared
        self.options = {"pulse": pulse, "timeout": timeout, "maxloop": RESTARTS_MAX, "heartbeats": HEARTBEATS,
                        "errd": application.errd(), "check_section": witness.check_section if witness else "",
                        "rfs": "" if is_shared else RFS.format(directory=application.directory)}
        self.ledger = acknowledged.Ledger(os.path.join(lab.directory, "acknowledged"))
        self.next_id, self.rounds, self.restarted = 1, [], collections.Counter()
        self.load = None
        self.identical_patience_s = IDENTICAL_PATIENCE_S
        self.begun = time.monotonic()

    def tell(self, text):
        print(f"  {datetime.datetime.now():%H:%M:%S.%f} {time.monotonic() - self.begun:+8.2f} s  {text}",
              file=sys.stderr, flush=True)

    # --- the cluster ------------------------------------------------------------------------------

    def prepare(self):
        """The data are on node1 alone, as after an installation; the first start brings them to the other node."""
        self.application.require()
        self.disks = DataDisks(self.box, self.application.directory, self.is_shared)
        self.faults = RoundFaults(self.lab, self.chance, self.witness, self.disks, self.application, self.is_shared)
        self.application.prepare(self.disks.data(NODES[0]))
        if self.witness:
            self.witness.start()
        self.lab.write_module(scripts=self.scripts(), **self.options)
        if self.is_shared:
            self.lab.start_cluster()
        else:
            self.lab.start_agents()
            self.lab.agent(NODES[0], "prim", "-m", MODULE)
            self.lab.wait_states({NODES[0]: "ALONE"}, patience_s=SERVED_PATIENCE_S)
            self.lab.agent(NODES[1], "start", "-m", MODULE)
        self.settle()

    def scripts(self):
        application = self.application
        scripts = application.scripts(self.lab.directory, application.directory, application.run, application.port)
        if self.is_shared:  # two servers on one directory destroy it: the second one waits until the first has ended
            lock = os.path.join(self.lab.directory, "shared.lock")
            scripts["start_prim"] = f"exec 9>>{lock}; flock -w 30 9 || exit 1\n" + scripts["start_prim"]
        return scripts

    def roles(self):
        return {node: self.lab.state(node, MODULE) for node in NODES}

    def is_up_to_date(self, node):
        """By the word of a node: both copies hold every acknowledged write, and that is on record."""
        if self.is_shared:
            return True
        try:
            return sorted(self.lab.status(node)["local"]["sync_set"]) == sorted(NODES)
        except (LabError, ValueError):
            return False

    def is_settled(self):
        for node in NODES:
            self.restarted[f"agent on {node}"] += self.faults.supervise(node)
        if self.witness:
            self.restarted[self.witness.name] += self.witness.supervise()
        roles = self.roles()
        return sorted(map(str, roles.values())) == ["PRIM", "SECOND"] and all(map(self.is_up_to_date, NODES))

    def settle(self):
        """Waits, doing nothing but a service manager's work, for a primary, a secondary and two good copies."""
        if not wait_for(self.is_settled, CONVERGE_S):
            raise NotConverged(f"{self.roles()}, up to date: "
                               f"{ {node: self.is_up_to_date(node) for node in NODES} }, {CONVERGE_S} s after the last "
                               "fault ended")

    def primary(self):
        roles = self.roles()
        for node, role in roles.items():
            if role == "PRIM":
                return node
        raise NotConverged(f"nobody is primary any more, without a fault: {roles}")

    # --- the client -------------------------------------------------------------------------------

    def client(self, *words):
        return [sys.executable, "-B", LOAD, words[0], self.application.name, VIRTUAL_ADDRESS,
                str(self.application.port), *words[1:]]

    def start_load(self):
        self.load = self.lab.measure(self.client("load", self.ledger.path, str(self.next_id)))

    def wait_acknowledged(self, when):
        aim = len(self.ledger.read().acknowledged) + ACKNOWLEDGED_MIN
        if not wait_for(lambda: len(self.ledger.read().acknowledged) >= aim, SERVED_PATIENCE_S):
            raise NotConverged(f"the client is not served within {SERVED_PATIENCE_S} s {when}")

    def finish_load(self):
        """The longest time without an acknowledgement, in ms."""
        result = self.load.finish()
        self.lab.measurements.remove(self.load)
        self.next_id = result["next"]
        return result["longest_ms"]

    def ids(self):
        """Those that the application has, asked through the virtual address."""
        argv = ["nsenter", f"--net=/run/netns/{self.box.namespace('client')}", *self.client("ids")]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise NotConverged(f"the application does not tell its ids: {done.stderr.strip()}")
        return json.loads(done.stdout)

    # --- one round --------------------------------------------------------------------------------

    def strike(self, fault):
        lasts = self.chance.uniform(*FAULT_S)
        text = f"{fault.name} {fault.detail}".strip()
        self.tell(f"{text}, for {lasts:.1f} s")
        self.faults.begin(fault)
        time.sleep(lasts)
        fault.end()
        return text

    def strikes(self):
        """One fault, and where the dice say so another one while the node that comes back is brought up to date."""
        first, again = self.faults.draw(), self.chance.random() < SECOND_FAULT
        text = self.strike(first)
        if again:
            second = self.faults.draw()
            is_back = lambda: not self.is_settled() and "SECOND" in self.roles().values()
            wait_for(is_back, REINTEGRATION_PATIENCE_S)  # it may be over before anybody saw it
            text += ", then " + self.strike(second)
        return text

    def round(self, number):
        """A round that broke off says in its text why, and is the last one."""
        text, settled_s, longest_ms = "before any fault", None, None
        self.start_load()
        try:
            self.wait_acknowledged("before the fault")
            time.sleep(self.chance.uniform(*BEFORE_FAULT_S))
            text = self.strikes()
            ended = time.monotonic()
            self.settle()
            settled_s = time.monotonic() - ended
            self.wait_acknowledged("after the fault")
            longest_ms = self.finish_load()
            verdict, found, files = self.judge()
        except NotConverged as problem:
            self.tell(f"round {number}: {problem}")
            self.rounds.append(Round(number, f"{text}: {problem}", settled_s, longest_ms, None, None, None))
            return False
        self.rounds.append(Round(number, text, settled_s, longest_ms, verdict, found, files))
        self.tell(f"round {number}: settled after {settled_s:.2f} s; ids: {acknowledged.describe(verdict)}"
                  + ("" if found is None else f"; differences: {found}"))
        return True

    def judge(self):
        verdict = acknowledged.judge(self.ledger.read(), self.ids())
        if self.is_shared:
            return verdict, None, None
        primary = self.primary()
        self.require_mount(primary)
        still = self.faults.frozen(primary)
        still.begin()
        try:
            return verdict, *self.compare()
        finally:
            still.end()

    def require_mount(self, node):
        """Two directories that the application never wrote to through the engine would be the same as well."""
        init = self.box.running(node)["pid"]
        with open(f"/proc/{init}/mountinfo", encoding="utf-8") as file:
            kinds = [line.split(" - ")[1].split()[0] for line in file
                     if line.split()[4] == self.application.directory]
        if not kinds or not kinds[-1].startswith("fuse"):
            raise NotConverged(f"{self.application.directory} is no mount of the engine on {node}")

    def compare(self):
        """What differs between the nodes' directories, beneath whatever is mounted over them; 0 as soon as nothing
        does."""
        end = time.monotonic() + self.identical_patience_s
        while True:
            one, two = (tree.snapshot(self.disks.data(node)) for node in NODES)
            found = tree.differences(one, two)
            if not found or time.monotonic() > end:
                return tree.describe(found, NODES), len(one)

    # --- all of them ------------------------------------------------------------------------------

    def run(self, count):
        """What rounds_report makes lines of."""
        self.prepare()
        is_well = all(self.round(number) for number in range(1, count + 1))
        return {"rounds": self.rounds, "wanted": count, "restarted": self.restarted, "faults": self.faults.used,
                "swapped": self.swapped() if is_well else None, "is_shared": self.is_shared}

    def swapped(self):
        """In the end the other copy serves: (verdict, differences), or why it does not."""
        first = self.primary()
        try:
            self.lab.agent(first, "swap", "-m", MODULE)
            self.settle()
            if self.primary() != other(first):
                raise NotConverged(f"{first} is primary still")
            verdict, found, _ = self.judge()
            return verdict, found
        except (NotConverged, LabError) as problem:
            return str(problem)
