"""What `scripts/demo mysql-replication` shows: two MariaDB servers that replicate to each other, under load: a swap, a
loss of power, the node's return with what it may have alone, a row that somebody writes to the standby by hand, and
the new copy that this node gets. In the end every acknowledged row is there once, and both servers are equal by
checksum."""
import datetime
import os
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), folder) for folder in ("e2e", "campaign", "support")]

import acknowledged  # noqa: E402
from demo import timeline  # noqa: E402
from harness import MODULE, NODES, Lab, LabError, SandboxError, wait_for  # noqa: E402
from rounds import CONVERGE_S  # noqa: E402
from server_rounds import SAME, ServerRounds  # noqa: E402

PULSE_MS, TIMEOUT_MS = 20, 400
LOADED_S = 3
BY_HAND = "INSERT INTO rounds.entries (number, id, payload) VALUES (1000000000, 1000000000, 'by hand')"


class Story:
    def __init__(self, lab):
        self.lab = lab
        self.rounds = ServerRounds(lab, random.Random(), pulse=PULSE_MS, timeout=TIMEOUT_MS)
        self.events = []  # (moment, text)

    def note(self, text):
        moment = datetime.datetime.now()
        self.events.append((moment, text))
        print(f"  {moment:%H:%M:%S.%f}  {text}", flush=True)

    def acknowledged(self):
        return len(self.rounds.ledger.read().acknowledged)

    def settle(self, primary):
        if not wait_for(lambda: self.rounds.is_settled() and self.rounds.primary() == primary, CONVERGE_S):
            raise LabError(f"{primary} does not lead an up to date pair after {CONVERGE_S} s: {self.rounds.roles()}")

    def tell(self):
        rounds, box = self.rounds, self.lab.sandbox
        print("two nodes, a client and a switch in network namespaces; a MariaDB on each, replicating")
        rounds.prepare()
        self.note("node1 serves; node2 replicates from it, and each commit waits for both")
        rounds.start_load()
        rounds.wait_acknowledged("at the beginning")
        time.sleep(LOADED_S)
        self.note(f"under load: {self.acknowledged()} rows acknowledged. A swap")
        self.lab.agent("node1", "swap", "-m", MODULE)
        self.settle("node2")
        rounds.wait_acknowledged("after the swap")
        time.sleep(LOADED_S)
        self.note(f"node2 serves: {self.acknowledged()} rows acknowledged. It loses its power")
        box.power_off("node2")
        rounds.wait_acknowledged("after the loss of power")
        self.note("the client is served by node1. node2 gets its power back")
        box.power_on("node2")
        self.settle("node1")
        rounds.wait_acknowledged("after the return")
        self.note(f"both are up to date; {self.return_of('node2')}. Now somebody writes to the standby by hand")
        before = rounds.provisioned()
        rounds.servers.sql("node2", BY_HAND)
        if not wait_for(lambda: rounds.provisioned() > before, CONVERGE_S):
            raise LabError("node2 did not get the data of node1")
        self.settle("node1")
        rounds.wait_acknowledged("after the copy")
        self.note("that row is saved in a file, node2 has got the data of node1, and both are up to date")
        longest_ms = rounds.finish_load()
        verdict, found, rows = rounds.judge()
        self.show_timeline()
        print(self.lab.agent("node1", "status", "-m", MODULE))
        print(f"longest time without an acknowledged row: {longest_ms / 1000:.2f} s")
        print(f"rows: {acknowledged.describe(verdict)}")
        print(f"differences between the servers, by checksum: {found}, of {rows} rows")
        return acknowledged.is_kept(verdict) and found == SAME

    def return_of(self, node):
        if "what only this server has was written to" in self.lab.agent_log(node):
            return f"{node} came back with transactions of its own, which are saved, and with the other one's data"
        return f"{node} came back without transactions of its own"

    def show_timeline(self):
        since = self.events[1][0]
        events = [(moment, text) for moment, text in self.events if moment >= since]
        for node in NODES:
            events += [(moment, f"{node}: {text}") for moment, text in timeline(self.lab, node, since)]
        print("\ntimeline, in seconds from the swap:")
        for moment, text in sorted(events):
            print(f"  {(moment - since).total_seconds():8.3f}  {text}")
        print()


def main():
    if len(sys.argv) > 1:
        sys.exit(f"demo mysql-replication: what is {sys.argv[1]}? It takes nothing")
    with Lab(on_disk=True) as lab:
        is_kept = Story(lab).tell()
    print("everything that the demo made is removed again")
    return 0 if is_kept else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (LabError, SandboxError) as problem:
        sys.exit(f"demo: {problem}")
