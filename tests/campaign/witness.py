"""The third voter of a campaign, behind the few verbs that the faults need; which one it is, its backend knows."""
from harness import is_alive

HOST = "witness"


class Witness:
    """On a host of its own: our daemon, or etcd."""
    name = "witness"
    host = HOST

    def __init__(self, lab, backend):
        self.lab, self.box, self.backend = lab, lab.sandbox, backend
        self.check_section = backend.check_section

    def start(self):
        self.lab.start_witness(self.backend)

    def kill(self):
        """The daemon dies on a machine that goes on: its promises in /run stay."""
        self.backend.kill(self.lab)

    def restart(self):
        self.backend.restart(self.lab)

    def power_off(self):
        self.box.power_off(HOST)

    def power_on(self):
        self.box.power_on(HOST)

    def supervise(self):
        """What a service manager does for a daemon that has ended by itself; true where there was something to do."""
        if not is_alive(self.box.host(HOST)["init"]) or self.box.processes(HOST, self.backend.program):
            return False
        self.restart()
        return True
