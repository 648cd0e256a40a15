"""Rounds over two database servers that replicate to each other: the same load, faults and promises as over a
replicated directory; what is compared in the end is the servers' own checksum of the table."""
import time

import acknowledged
import mariadb
from applications import APPLICATIONS
from harness import NODES
from mysql_servers import Servers
from round_faults import RoundFaults, pids_by_comm
from rounds import HEARTBEATS, IDENTICAL_PATIENCE_S, RESTARTS_MAX, Rounds

ENGINE = "clusteragent-mysql"
TABLE = "rounds.entries"
SAME = "0"


class ServerFaults(RoundFaults):
    """A directory and its disk are none of these servers' business; an engine they have."""

    def __init__(self, lab, chance, witness, application):
        super().__init__(lab, chance, witness, None, application, is_shared=True)
        self.kinds += [self.kill_engine, self.pause_engine]

    def kill_application(self):
        """One server: a standby that dies together with the primary has thrown away what it had not applied."""
        node = self.node()
        return self.killed("kill_server", {node}, lambda one: pids_by_comm(self.box, one, self.application.process),
                           detail=node)

    def kill_engine(self):
        node = self.node()
        return self.killed("kill_engine", {node}, lambda one: self.box.processes(one, ENGINE), detail=node)

    def pause_engine(self):
        return self.stopped("pause_engine", lambda node: self.box.processes(node, ENGINE))


class ServerRounds(Rounds):
    def __init__(self, lab, chance, witness=None, pulse=50, timeout=1000):
        super().__init__(lab, APPLICATIONS["mariadb"], chance, witness, pulse=pulse, timeout=timeout)
        self.servers = Servers(lab, is_managed=True)

    def prepare(self):
        self.application.require()
        self.faults = ServerFaults(self.lab, self.chance, self.witness, self.application)
        if self.witness:
            self.witness.start()
        times = f'pulse="{self.options["pulse"]}" timeout="{self.options["timeout"]}"'
        self.servers.start(**{'pulse="700" timeout="30000"': times, 'maxloop="3"': f'maxloop="{RESTARTS_MAX}"',
                              '<heartbeat name="default" ident="flow"/>': HEARTBEATS,
                              "<errd ": f"{self.options['check_section']}\n    <errd "})
        self.servers.start_cluster()
        self.servers.sql(NODES[0], mariadb.USERS + self.application.setup)
        self.settle()

    def judge(self):
        return acknowledged.judge(self.ledger.read(), self.ids()), *self.compare()

    def compare(self):
        """What is on its way to the standby still arrives."""
        end = time.monotonic() + IDENTICAL_PATIENCE_S
        while True:
            one, two = (self.servers.checksum(node, TABLE).split()[-1:] for node in NODES)
            if one == two and one not in ([], ["NULL"]):
                return SAME, int(self.servers.sql(self.primary(), f"SELECT COUNT(*) FROM {TABLE}"))
            if time.monotonic() > end:
                return f"checksums {one} and {two}", 0
            time.sleep(0.2)

    def run(self, count):
        return {**super().run(count), "compared": ("servers", "rows")}

    def provisioned(self):
        """How often a node got the other one's data."""
        return sum(self.lab.agent_log(node).count("the server has its new data") for node in NODES)
