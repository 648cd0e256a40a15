"""The faults of a campaign. Drawing one decides what and where; nothing happens until it begins."""
import collections
import contextlib
import os
import signal

from harness import MODULE, NODES, SandboxError, is_alive, other

# `places` is what a second fault at the same time must keep away from. The switch is one place: a heal heals all of it.
Fault = collections.namedtuple("Fault", "name detail places begin end")
SWITCH = "switch"
STEPS_S = (-86400, -3600, -5, -0.3, 0.3, 5, 3600, 86400)
LOSSES = (10, 25, 50)
# Faults which, alone, leave nobody a reason to change roles while the rest is well.
HARMLESS = ("clock_step", "disk_full", "witness_disk_full", "witness_power", "witness_restart", "witness_cut")


class Faults:
    """Each method is a kind of fault and returns one. `used` counts those that began."""

    def __init__(self, lab, chance, witness, disks, clocks):
        self.lab, self.box, self.chance = lab, lab.sandbox, chance
        self.witness, self.disks, self.clocks = witness, disks, clocks
        self.kinds = [self.cut, self.cut_network, self.cut_one_way, self.loss, self.unplug, self.pause, self.pause_pair,
                      self.pause_machine, self.kill, self.kill_pair, self.kill_guard, self.kill_application, self.power,
                      self.disk_full, self.clock_step]
        if witness:
            self.kinds += [self.isolate, self.witness_cut, self.witness_power, self.witness_restart,
                           self.witness_disk_full]
        self.used = collections.Counter()

    def draw(self, taken=frozenset()):
        while True:
            fault = self.chance.choice(self.kinds)()
            if not taken & fault.places:
                return fault

    def begin(self, fault):
        self.used[fault.name] += 1
        fault.begin()

    def node(self):
        return self.chance.choice(NODES)

    # --- the network ------------------------------------------------------------------------------

    def in_switch(self, name, detail, begin):
        return Fault(name, detail, {SWITCH}, begin, self.box.heal)

    def cut(self):
        return self.in_switch("cut", "", lambda: self.box.cut(*NODES))

    def cut_network(self):
        network = self.chance.choice(("net1", "net2"))
        return self.in_switch("cut_network", network, lambda: self.box.cut(*NODES, network))

    def cut_one_way(self):
        node = self.node()
        return self.in_switch("cut_one_way", f"from {node}", lambda: self.box.cut_one_way(node, other(node)))

    def loss(self):
        percent = self.chance.choice(LOSSES)
        return self.in_switch("loss", f"{percent} %", lambda: self.box.loss(*NODES, percent))

    def unplug(self):
        node = self.node()
        return self.in_switch("unplug", node, lambda: self.box.unplug(node, "net1"))

    def isolate(self):
        node = self.node()

        def begin():
            self.box.cut(node, other(node))
            self.box.cut(node, self.witness.host)
        return self.in_switch("isolate", node, begin)

    def witness_cut(self):
        node = self.node()
        return self.in_switch("witness_cut", f"from {node}", lambda: self.box.cut(node, self.witness.host))

    # --- processes --------------------------------------------------------------------------------

    def agent_pids(self, node):
        with contextlib.suppress(SandboxError):  # it has ended by itself: there is nothing to hit
            return [process["pid"] for process in self.box.agents(node, MODULE).values()]
        return []

    def guard_pids(self, node):
        return self.box.processes(node, "clusteragent-guard")

    def pair_pids(self, node):
        return self.agent_pids(node) + self.guard_pids(node)

    @staticmethod
    def signal(pids, number):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stopped(self, name, find_pids):
        """A fault that stops processes, and lets those very ones go on."""
        node, pids = self.node(), []

        def begin():
            pids.extend(find_pids(node))
            self.signal(pids, signal.SIGSTOP)
        return Fault(name, node, {node}, begin, lambda: self.signal(pids, signal.SIGCONT))

    def pause(self):
        return self.stopped("pause", self.agent_pids)

    def pause_pair(self):
        return self.stopped("pause_pair", self.pair_pids)

    def pause_machine(self):
        return self.stopped("pause_machine", self.box.processes)

    def kill(self):
        node = self.node()
        return Fault("kill", node, {node}, lambda: self.signal(self.agent_pids(node), signal.SIGKILL),
                     lambda: self.supervise(node))

    def kill_pair(self):
        """Stopped first, so that neither sees the other one die: nobody is left who could stop the application."""
        node = self.node()

        def begin():
            pids = self.pair_pids(node)
            self.signal(pids, signal.SIGSTOP)
            self.signal(pids, signal.SIGKILL)
        return Fault("kill_pair", node, {node}, begin, lambda: self.supervise(node))

    def kill_guard(self):
        node = self.node()
        return Fault("kill_guard", node, {node}, lambda: self.signal(self.guard_pids(node), signal.SIGKILL),
                     lambda: None)

    def kill_application(self):
        return Fault("kill_application", "", set(NODES), lambda: [
            self.signal(self.box.processes(node, "counter"), signal.SIGKILL) for node in NODES], lambda: None)

    def supervise(self, node):
        """What a service manager does: starts the agent where there is none. True where there was something to do."""
        if not is_alive(self.box.host(node)["init"]) or self.agent_pids(node):
            return False
        self.box.start_agent(node, MODULE)
        return True

    # --- machines ---------------------------------------------------------------------------------

    def power(self):
        node = self.node()
        return Fault("power", node, {node}, lambda: self.box.power_off(node), lambda: self.box.power_on(node))

    def full(self, name, host):
        return Fault(name, host, {host}, lambda: self.disks.fill(host), lambda: self.disks.free(host))

    def disk_full(self):
        return self.full("disk_full", self.node())

    def clock_step(self):
        host = self.chance.choice(list(self.clocks.hosts))
        step = self.chance.choice(STEPS_S)
        return Fault("clock_step", f"{host} {step:+g} s", {f"clock of {host}"}, lambda: self.clocks.step(host, step),
                     lambda: self.clocks.step(host, 0))

    def witness_power(self):
        return Fault("witness_power", "", {self.witness.host}, self.witness.power_off, self.witness.power_on)

    def witness_restart(self):
        return Fault("witness_restart", "", {self.witness.host}, self.witness.kill, self.witness.restart)

    def witness_disk_full(self):
        return self.full("witness_disk_full", self.witness.host)
