"""Corosync with Pacemaker (Debian's packages) in the sandbox: two nodes and one virtual address (IPaddr2). There is no
fencing device: the sandbox has none, and the comparison is among systems without one. Everything that the packages
keep below /etc, /var and /dev/shm is a memory disk of each host's own."""
import os
import time

import harness
from harness import NODES, LabError, wait_for
from system import System

START_PATIENCE_S = 90.0
# Fast, and quiet: with 300 ms it split about every eight seconds without a fault, on the machine where this was tried.
TOKEN_MS = 1000
QUIET_S = 5.0
PROGRAMS = ("corosync", "pacemakerd", "pacemaker-attrd", "pacemaker-based", "pacemaker-controld", "pacemaker-execd",
            "pacemaker-fenced", "pacemaker-schedulerd")

COROSYNC = """totem {{
  version: 2
  cluster_name: bench
  transport: knet
  crypto_cipher: none
  crypto_hash: none
  token: {token}
}}
quorum {{
  provider: corosync_votequorum
  two_node: 1
  wait_for_all: 0
}}
logging {{
  to_stderr: yes
  to_syslog: no
}}
nodelist {{
{nodes}}}
"""
COROSYNC_NODE = """  node {{
    name: {node}
    nodeid: {number}
    ring0_addr: {first}
    ring1_addr: {second}
  }}
"""
# The address begins on node1 and stays where it is after a failover.
VIRTUAL_IP = """<primitive id="vip" class="ocf" provider="heartbeat" type="IPaddr2">
  <instance_attributes id="vip-attributes">
    <nvpair id="vip-ip" name="ip" value="{address}"/>
    <nvpair id="vip-mask" name="cidr_netmask" value="32"/>
    <nvpair id="vip-nic" name="nic" value="net1"/>
  </instance_attributes>
  <operations><op id="vip-monitor" name="monitor" interval="1s"/></operations>
</primitive>"""
CONFIGURATION = (
    ("crm_attribute", "-n", "stonith-enabled", "-v", "false"),
    ("crm_attribute", "-t", "rsc_defaults", "-n", "resource-stickiness", "-v", "100"),
    ("cibadmin", "-C", "-o", "resources", "-X", VIRTUAL_IP.format(address=harness.VIRTUAL_ADDRESS)),
    ("cibadmin", "-C", "-o", "constraints", "-X", '<rsc_location id="vip-first" rsc="vip" node="node1" score="50"/>'),
)
PREPARE = """set -e
for folder in /etc/corosync /var/lib/corosync /var/lib/pacemaker /var/log; do
  mount -t tmpfs -o mode=755 private $folder
done
mkdir -p /var/log/corosync /var/log/pacemaker /run/resource-agents /run/crm
cd /var/lib/pacemaker && mkdir cib pengine cores blackbox
cp {folder}/corosync.conf /etc/corosync/
chown -R hacluster:haclient /var/lib/pacemaker /var/log/pacemaker /run/crm
"""


class Pacemaker(System):
    name = "pacemaker"
    label = "Pacemaker"
    token_ms = TOKEN_MS
    after_s = 8.0  # token, 1.2 tokens of consensus, and a transition

    def start(self):
        box = self.lab.sandbox
        nodes = "".join(COROSYNC_NODE.format(node=node, number=number, first=box.address(node),
                                             second=box.address(node, "net2")) for number, node in enumerate(NODES, 1))
        for node in NODES:
            folder = box.host_directory(node)
            with open(os.path.join(folder, "corosync.conf"), "w", encoding="utf-8") as file:
                file.write(COROSYNC.format(token=TOKEN_MS, nodes=nodes))
            box.execute_quietly(node, ["sh", "-c", PREPARE.format(folder=folder)])
            box.boot(node, ["/usr/sbin/corosync", "-f"])
        for node in NODES:
            self.wait(lambda node=node: self.ring(node) is not None, f"corosync does not answer on {node}")
            box.boot(node, ["/usr/sbin/pacemakerd", "-f"])
        self.wait(lambda: all("Online: [ node1 node2 ]" in self.ask(node, "crm_mon", "-1") for node in NODES),
                  "Pacemaker's nodes do not find each other")
        for command in CONFIGURATION:
            box.execute_quietly("node1", list(command))

    @staticmethod
    def wait(condition, otherwise):
        if not wait_for(condition, START_PATIENCE_S):
            raise LabError(otherwise)

    def ask(self, node, *argv):
        """A tool's output on the node, or nothing while it cannot answer."""
        try:
            return self.lab.sandbox.execute_quietly(node, list(argv))
        except harness.SandboxError:
            return ""

    def ring(self, node):
        """The id of the membership; a new one means that somebody was thought to be gone or has come."""
        lines = self.ask(node, "corosync-quorumtool", "-s").split("\n")
        return next((line.split()[-1] for line in lines if line.startswith("Ring ID:")), None)

    def settle(self, active="node1"):
        self.lab.wait_served_by(active, START_PATIENCE_S)
        seen = {"ring": None, "since": 0.0}

        def is_quiet():
            ring = self.ring(active)
            if ring is None or ring != seen["ring"]:
                seen.update(ring=ring, since=time.monotonic())
            return ring is not None and time.monotonic() - seen["since"] > QUIET_S
        self.wait(is_quiet, "Corosync's membership does not come to rest")

    def processes(self, node):
        return sorted(pid for program in PROGRAMS for pid in self.lab.sandbox.processes(node, program))

    def restart(self, node):
        for command in self.lab.sandbox.host(node)["boot"]:
            if os.path.basename(command["argv"][0]) in PROGRAMS:
                self.lab.sandbox.start_registered(node, command)

    def graceful_stop(self, node):
        self.lab.sandbox.execute_quietly(node, ["crm_attribute", "-N", node, "-n", "standby", "-v", "on"])
