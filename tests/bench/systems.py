"""The systems that are compared, behind one set of verbs: clusteragent without and with a witness, keepalived and
Pacemaker (Debian's packages), each as its documentation sets it up for fast failover, in the same sandbox, with the
same client."""
import os
import signal
import time

import harness
from harness import MODULE, NODES, WITNESS, Lab, LabError, other, wait_for
from pacemaker import Pacemaker
from system import System

SETTLE_PATIENCE_S = 30.0

# The fast plug-in settings. VRRP version 3 allows centiseconds; 0.01 is its least. Real-time priority needs the larger
# rlimit, else the kernel kills the VRRP process in mid-takeover (seen with the 10 ms default). node1 is the configured
# master and preempts, as by default.
KEEPALIVED = """global_defs {{
  router_id {node}
  vrrp_version 3
  vrrp_rt_priority 50
  vrrp_rlimit_rttime 1000000
  checker_rt_priority 0
}}
vrrp_instance bench {{
  state {state}
  interface net1
  virtual_router_id 77
  priority {priority}
  advert_int {interval}
  virtual_ipaddress {{
    {address}/32 dev net1
  }}
}}
"""


class Keepalived(System):
    name = "keepalived"

    def __init__(self, lab, interval="0.01"):
        super().__init__(lab)
        self.interval = interval

    def start(self):
        for node, state, priority in (("node1", "MASTER", 254), ("node2", "BACKUP", 253)):
            path = os.path.join(self.lab.sandbox.host_directory(node), "keepalived.conf")
            with open(path, "w", encoding="utf-8") as file:
                file.write(KEEPALIVED.format(node=node, state=state, priority=priority, interval=self.interval,
                                             address=harness.VIRTUAL_ADDRESS))
            self.lab.sandbox.boot(node, ["/usr/sbin/keepalived", "-n", "-l", "-P", "-f", path])

    def settle(self, active="node1"):
        self.lab.wait_served_by(active, SETTLE_PATIENCE_S)
        if not wait_for(lambda: len(self.processes(other(active))) >= 2, SETTLE_PATIENCE_S):
            raise LabError(f"keepalived does not run on {other(active)}")
        time.sleep(0.2)  # the standby says nothing that could be waited for: twenty advertisements

    def processes(self, node):
        return self.lab.sandbox.processes(node, "keepalived")

    def restart(self, node):
        host = self.lab.sandbox.host(node)
        for command in [one for one in host["boot"] if one["argv"][0].endswith("keepalived")]:
            self.lab.sandbox.start_registered(node, command)

    def graceful_stop(self, node):
        os.kill(self.processes(node)[0], signal.SIGTERM)


class ClusterAgent(System):
    name = "clusteragent"

    def __init__(self, lab, pulse=10, timeout=30, **module):
        super().__init__(lab)
        self.module = {"pulse": pulse, "timeout": timeout, **module}

    def start(self):
        self.lab.write_module(**self.module)
        self.lab.start_cluster()

    def settle(self, active="node1"):
        self.lab.wait_states({active: "PRIM", other(active): "SECOND"}, patience_s=SETTLE_PATIENCE_S)
        self.lab.wait_served_by(active, SETTLE_PATIENCE_S)

    def processes(self, node):
        programs = ("clusteragent", "clusteragent-guard")
        return sorted(pid for program in programs for pid in self.lab.sandbox.processes(node, program))

    def victims(self, node):
        """The agent alone: its guard is what the blow is meant to show."""
        return [process["pid"] for process in self.lab.sandbox.agents(node, MODULE).values()]

    def restart(self, node):
        self.lab.sandbox.start_agent(node, MODULE)

    def graceful_stop(self, node):
        self.lab.agent(node, "stop", "-m", MODULE)

    def swap(self):
        self.lab.agent("node1", "swap", "-m", MODULE)
        return True


class WithWitness(ClusterAgent):
    name = "clusteragent-witness"
    label = "clusteragent with witness"

    def start(self):
        self.lab.start_witness()
        self.module["check_section"] = WITNESS
        super().start()

    def settle(self, active="node1"):
        super().settle(active)
        promised = lambda: "witness promises this role" in self.lab.agent(active, "status", "-m", MODULE)
        if not wait_for(promised, SETTLE_PATIENCE_S):
            raise LabError(f"the witness does not promise {active} its role")


SYSTEMS = {system.name: system for system in (ClusterAgent, WithWitness, Keepalived, Pacemaker)}


def label(name):
    return SYSTEMS[name].label or name


def fresh(name, **options):
    """A lab with the named system, not started yet; use it in a `with` statement, then call start()."""
    lab = Lab(on_disk=True)
    return lab, SYSTEMS[name](lab, **options)


__all__ = ["NODES", "SYSTEMS", "ClusterAgent", "Keepalived", "Pacemaker", "System", "WithWitness", "fresh", "label"]
