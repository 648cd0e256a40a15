"""What mirrors the data hangs, or the disk under it does: nothing dies, and nothing goes on (checktime, checkintv)."""
import os
import signal
import subprocess
import unittest

from harness import Lab, wait_for
from steady import on_a_steady_machine
from test_disk import frozen, give_own_disk
from test_mirror import DIRECTORY, ENGINE, Mirror

RFS = f'<rfs checktime="1000" checkintv="1" sendtimeout="5"><replicated dir="{DIRECTORY}" mode="read_only"/></rfs>'
PATIENCE_S = 30.0
PROMISES = 20


@on_a_steady_machine
class Hangs(unittest.TestCase):
    def writer(self, mirror):
        writer = mirror.start_writer("node1")
        self.addCleanup(writer.stdout.close)
        self.addCleanup(writer.wait)
        self.addCleanup(writer.kill)
        for _ in range(PROMISES):
            writer.stdout.readline()
        return writer

    def test_an_engine_that_hangs_is_ended_and_the_application_goes_on(self):
        with Lab(on_disk=True) as lab:
            mirror = Mirror(lab)
            mirror.start(rfs=RFS)
            writer = self.writer(mirror)
            (engine,) = lab.sandbox.processes("node1", ENGINE)
            os.kill(engine, signal.SIGSTOP)
            self.assertTrue(wait_for(lambda: "the application went on" in lab.agent_log("node1"), PATIENCE_S))
            self.assertIn("the replication engine hangs (no answer within 1 s) and is ended", lab.agent_log("node1"))
            for _ in range(PROMISES):
                writer.stdout.readline()
            self.assertIsNone(writer.poll())
            mirror.wait_up_to_date("node1")

    def test_one_of_the_secondary_is_ended_and_brought_up_to_date(self):
        with Lab(on_disk=True) as lab:
            mirror = Mirror(lab)
            mirror.start(rfs=RFS)
            mirror.shell("node1", "echo kept > file; sync file")
            (engine,) = lab.sandbox.processes("node2", ENGINE)
            os.kill(engine, signal.SIGSTOP)
            self.assertTrue(wait_for(lambda: mirror.reported_death("node2"), PATIENCE_S))
            mirror.wait_up_to_date("node1")
            mirror.shell("node1", "echo after >> file; sync file")
            self.assertTrue(mirror.equal_soon(), mirror.differences())

    def test_a_disk_that_hangs_moves_the_application(self):
        self.disk_hangs_and(lambda lab: None)

    def test_a_disk_that_hangs_before_a_swap_does_not_hold_it_up_for_ever(self):
        self.disk_hangs_and(self.begin_swap)

    def begin_swap(self, lab):
        command = subprocess.Popen(lab.agent_argv("node1", "swap", "-m", "demo"), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.addCleanup(command.wait)
        self.addCleanup(command.kill)

    def disk_hangs_and(self, then):
        with Lab(on_disk=True) as lab:
            mirror = Mirror(lab)
            disk = give_own_disk(lab, "node1")
            lab.sandbox.execute_quietly("node1", ["sh", "-ec",
                                                  f"mkdir {disk}/data; mount --bind {disk}/data {DIRECTORY}"])
            mirror.start(rfs=RFS)
            writer = self.writer(mirror)
            with frozen(lab, "node1", disk):
                then(lab)
                lab.wait_states({"node2": "PRIM"}, patience_s=3 * PATIENCE_S)
            last = max([PROMISES - 1, *map(int, writer.stdout.read().split())])
            self.assertGreaterEqual(len(mirror.shell("node2", "cat file").stdout.split()), last + 1)
            mirror.wait_up_to_date("node2")
            lab.agent("node2", "swap", "-m", "demo")
            mirror.wait_up_to_date("node1")
            self.assertGreaterEqual(len(mirror.shell("node1", "cat file").stdout.split()), last + 1)


if __name__ == "__main__":
    unittest.main()
