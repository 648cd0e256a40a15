"""What `scripts/demo mysql` shows: MariaDB under load on a replicated directory; the power of its node goes and comes
back; the node is brought up to date while the load goes on; a swap back. In the end every acknowledged row is there and
both directories are the same. With --shared-directory it tries itself, see scripts/rounds."""
import argparse
import datetime
import os
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), folder) for folder in ("e2e", "campaign", "support")]

import acknowledged  # noqa: E402
import mariadb  # noqa: E402
from applications import APPLICATIONS  # noqa: E402
from demo import timeline  # noqa: E402
from harness import MODULE, NODES, Lab, LabError, SandboxError, wait_for  # noqa: E402
from rounds import CONVERGE_S, Rounds  # noqa: E402
from rounds_report import SAME  # noqa: E402

PULSE_MS, TIMEOUT_MS = 20, 400
LOADED_S = 3
BALLAST = "INSERT INTO rounds.ballast SELECT REPEAT(MD5(RAND()), 30000) FROM rounds.seq_1_to_100"
BALLAST_TEXT = "96 MB more"
SERVED_PATIENCE_S = 60
POLL_S = 0.01
PROGRESS_EVERY_S = 0.1


def told(progress):
    """What the agent says of the copy, whatever it is; bytes as MB."""
    return ", ".join(f"{key.removeprefix('bytes_')} {value / 1e6:.0f} MB" if key.startswith("bytes_") else str(value)
                     for key, value in sorted(progress.items(), reverse=True))


class Story:
    def __init__(self, lab, is_shared):
        self.lab = lab
        self.rounds = Rounds(lab, APPLICATIONS["mariadb"], random.Random(), is_shared=is_shared, pulse=PULSE_MS,
                             timeout=TIMEOUT_MS)
        self.events = []  # (moment, text)

    def note(self, text):
        moment = datetime.datetime.now()
        self.events.append((moment, text))
        print(f"  {moment:%H:%M:%S.%f}  {text}", flush=True)

    def wait_next_acknowledged(self):
        """The moment of the next row that is acknowledged from now on."""
        before, end = len(self.rounds.ledger.read().acknowledged), time.monotonic() + SERVED_PATIENCE_S
        while len(self.rounds.ledger.read().acknowledged) == before:
            if time.monotonic() > end:
                raise LabError(f"no row was acknowledged within {SERVED_PATIENCE_S} s")
            time.sleep(POLL_S)

    def wait_up_to_date(self, primary):
        """Notes what the primary says of the copy, whenever it says something else."""
        end, said = time.monotonic() + CONVERGE_S, None
        while not self.rounds.is_settled():
            progress = self.lab.status(primary).get("replication")
            if progress and progress != said:
                self.note(f"replication: {told(progress)}")
                said = progress
            if time.monotonic() > end:
                raise LabError(f"not up to date after {CONVERGE_S} s: {self.rounds.roles()}")
            time.sleep(PROGRESS_EVERY_S)

    def tell(self):
        rounds, box = self.rounds, self.lab.sandbox
        print("two nodes, a client and a switch in network namespaces; the data of MariaDB are on node1 alone")
        rounds.prepare()
        self.note("node1 serves; node2 has the data")
        rounds.start_load()
        rounds.wait_acknowledged("at the beginning")
        time.sleep(LOADED_S)
        self.note(f"under load: {len(rounds.ledger.read().acknowledged)} rows acknowledged. node1 loses its power")
        box.power_off("node1")
        self.wait_next_acknowledged()
        self.note("the client's next row is acknowledged, by node2")
        if mariadb.ask(self.lab, BALLAST) is None:
            raise LabError(f"the client could not write {BALLAST_TEXT}")
        self.note(f"{len(rounds.ledger.read().acknowledged)} rows acknowledged, and {BALLAST_TEXT} written alone. "
                  "node1 gets its power back")
        box.power_on("node1")
        self.wait_up_to_date("node2")
        self.note("both copies are up to date again")
        self.lab.agent("node2", "swap", "-m", MODULE)
        if not wait_for(lambda: rounds.is_settled() and rounds.primary() == "node1", CONVERGE_S):
            raise LabError(f"the swap did not come about: {rounds.roles()}")
        self.wait_next_acknowledged()
        self.note("swapped: node1 serves again")
        longest_ms = rounds.finish_load()
        verdict, found, files = rounds.judge()
        self.show_timeline()
        print(self.lab.agent("node1", "status", "-m", MODULE))
        print(f"longest time without an acknowledged row: {longest_ms / 1000:.2f} s")
        print(f"rows: {acknowledged.describe(verdict)}")
        if found is not None:
            print(f"differences between the directories: {found}, of {files} files and folders")
        return acknowledged.is_kept(verdict) and found in (SAME, None)

    def show_timeline(self):
        """Ours and the agents' words, from the fault on."""
        since = next(moment for moment, text in self.events if "loses its power" in text)
        events = [(moment, text) for moment, text in self.events if moment >= since]
        for node in NODES:
            events += [(moment, f"{node}: {text}") for moment, text in timeline(self.lab, node, since)]
        print("\ntimeline, in seconds from the fault:")
        for moment, text in sorted(events):
            print(f"  {(moment - since).total_seconds():8.3f}  {text}")
        print()


def main():
    parser = argparse.ArgumentParser(prog="demo mysql")
    parser.add_argument("--shared-directory", action="store_true", help="tries the demo itself, not the replication")
    args = parser.parse_args()
    with Lab(on_disk=True) as lab:
        is_kept = Story(lab, args.shared_directory).tell()
    print("everything that the demo made is removed again")
    return 0 if is_kept else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (LabError, SandboxError) as problem:
        sys.exit(f"demo: {problem}")
