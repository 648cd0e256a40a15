"""The verbs that every system in a comparison has."""


class System:
    """One set of verbs. `lab` is up, responders run on both nodes."""
    name = ""
    label = ""  # as a table has it; empty: the name
    after_s = 1.5  # measured on after a fault that does not heal: long enough for the system to have dealt with it

    def __init__(self, lab):
        self.lab = lab

    def start(self):
        raise NotImplementedError

    def settle(self, active="node1"):
        """Waits until the named node serves the client and the other one stands by."""
        raise NotImplementedError

    def processes(self, node):
        """Pids of the system on the node."""
        raise NotImplementedError

    def victims(self, node):
        """Pids that a SIGSTOP or SIGKILL of "the active one" hits."""
        return self.processes(node)

    def restart(self, node):
        """After victims() were killed: what a service manager would do."""
        raise NotImplementedError

    def graceful_stop(self, node):
        raise NotImplementedError

    def swap(self):
        """Planned change of the active node, where the system has one."""
        return False
