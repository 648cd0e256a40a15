"""The faults of the rounds: those of the campaign that concern data, and those that only data make."""
import signal

from faults import Fault, Faults
from harness import NODES

ENGINE = "clusteragent-filesync"  # the first word of its command line


def pids_by_comm(box, node, name):
    """By the kernel's name of the process: a server may write what it likes over its arguments."""
    return [pid for pid in box.processes(node) if read_proc(pid, "comm").strip() == name]


def engine_pids(box, node):
    return box.processes(node, ENGINE)


def read_proc(pid, name):
    try:
        with open(f"/proc/{pid}/{name}", encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


class RoundFaults(Faults):
    """Kinds come in an order drawn anew whenever each has been: fifty rounds leave none out."""

    def __init__(self, lab, chance, witness, disks, application, is_shared):
        super().__init__(lab, chance, witness, disks, clocks=None)
        self.application = application
        self.kinds = [self.kill_application, self.kill, self.kill_guard, self.kill_pair, self.power, self.cut_network,
                      self.cut_one_way, self.pause, self.pause_machine]
        if witness:  # without one a cut leads to two primaries, as it must, and what the loser acknowledged is saved
            self.kinds += [self.cut, self.isolate]
        if not is_shared:  # with one directory there is no engine, and a full disk is full for both
            self.kinds += [self.kill_engine, self.pause_engine, self.kill_beside_paused_engine, self.disk_full]
        self.bag = []

    def draw(self, taken=frozenset()):
        """taken is empty here: one fault at a time, or one after the other."""
        if not self.bag:
            self.bag = self.chance.sample(self.kinds, len(self.kinds))
        return self.bag.pop()()

    def kill_application(self):
        return self.killed("kill_application", set(NODES), lambda node: pids_by_comm(self.box, node,
                                                                                     self.application.process))

    def kill_engine(self):
        node = self.node()
        return self.killed("kill_engine", {node}, lambda one: engine_pids(self.box, one), detail=node)

    def pause_engine(self):
        """The agent goes on; what it says of itself is well, while its data stand still."""
        return self.stopped("pause_engine", lambda node: engine_pids(self.box, node))

    def kill_beside_paused_engine(self):
        """The agent dies while its engine stands still. The next engine finds it there; it wakes up then, or never."""
        node, wakes, engines = self.node(), self.chance.choice((False, True)), []

        def begin():
            engines.extend(engine_pids(self.box, node))
            self.signal(engines, signal.SIGSTOP)
            self.signal(self.agent_pids(node), signal.SIGKILL)

        def end():
            self.supervise(node)
            if wakes:
                self.signal(engines, signal.SIGCONT)
        return Fault("kill_beside_paused_engine", f"{node}, {'which wakes up' if wakes else 'for good'}", {node}, begin,
                     end)

    def killed(self, name, nodes, find_pids, detail=""):
        return Fault(name, detail, nodes,
                     lambda: [self.signal(find_pids(node), signal.SIGKILL) for node in sorted(nodes)], lambda: None)

    def frozen(self, node):
        """A fault without a name: the application stands still while its files are looked at."""
        pids = pids_by_comm(self.box, node, self.application.process)
        return Fault("", "", {node}, lambda: self.signal(pids, signal.SIGSTOP),
                     lambda: self.signal(pids, signal.SIGCONT))
