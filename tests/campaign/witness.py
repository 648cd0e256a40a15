"""The third voter of a campaign, behind the few verbs that the faults need. Another kind of witness is another class
with the same ones."""
import os
import signal

from harness import WITNESS, is_alive, wait_for

PROGRAM = "clusteragent"
HOST = "witness"
PATIENCE_S = 10.0


class Witness:
    """clusteragent's own daemon, on a host of its own."""
    name = "witness"
    host = HOST
    check_section = WITNESS

    def __init__(self, lab):
        self.lab, self.box = lab, lab.sandbox

    def start(self):
        self.lab.start_witness()

    def kill(self):
        """The daemon dies on a machine that goes on: its promises in /run stay."""
        for pid in self.box.processes(HOST, PROGRAM):
            os.kill(pid, signal.SIGKILL)
        if not wait_for(lambda: not self.box.processes(HOST, PROGRAM), PATIENCE_S):
            raise RuntimeError("the witness's daemon does not die")

    def restart(self):
        for command in self.box.host(HOST)["boot"]:
            self.box.start_registered(HOST, command)

    def power_off(self):
        self.box.power_off(HOST)

    def power_on(self):
        self.box.power_on(HOST)

    def supervise(self):
        """What a service manager does for a daemon that has ended by itself; true where there was something to do."""
        if not is_alive(self.box.host(HOST)["init"]) or self.box.processes(HOST, PROGRAM):
            return False
        self.restart()
        return True
