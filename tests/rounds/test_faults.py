#!/usr/bin/env python3
"""The faults that the rounds add to those of the campaign hit what they name, and nothing else."""
import errno
import os
import random
import sys
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), folder) for folder in ("e2e", "campaign", "support")]

from applications import APPLICATIONS  # noqa: E402
from data_disks import DataDisks  # noqa: E402
from harness import NODES, Lab, other, wait_for  # noqa: E402
from round_faults import RoundFaults, engine_pids, pids_by_comm  # noqa: E402

PATIENCE_S = 10
PORT = 7002
FORMER_ENGINE_S = 20  # in which the next one has ended it


class Faults(unittest.TestCase):
    def setUp(self):
        self.lab = self.enterContext(Lab())
        self.box, self.application = self.lab.sandbox, APPLICATIONS["sqlite"]
        self.disks = DataDisks(self.box, self.application.directory, is_shared=False)
        self.faults = RoundFaults(self.lab, random.Random(0), None, self.disks, self.application, is_shared=False)

    def boot(self, node, argv, find_pids):
        self.box.boot(node, argv)
        self.assertTrue(wait_for(lambda: find_pids(self.box, node), PATIENCE_S), argv)
        return find_pids(self.box, node)

    def write(self, node):
        """On the node, in the replicated directory."""
        self.box.execute_quietly(node, ["dd", "if=/dev/zero", f"of={self.application.directory}/file", "bs=4096",
                                        "count=1", "conv=fsync", "status=none"])

    def test_full_disk_is_that_of_one_node_and_takes_again_afterwards(self):
        self.disks.fill("node1")
        with self.assertRaisesRegex(Exception, os.strerror(errno.ENOSPC)):
            self.write("node1")
        self.write("node2")
        self.disks.free("node1")
        self.write("node1")
        self.assertEqual(sorted(os.listdir(self.disks.data("node1"))), ["file"], "seen from outside the node")

    def test_what_was_written_outlives_the_power(self):
        self.write("node1")
        self.box.power_off("node1")
        self.box.power_on("node1")
        self.assertEqual(self.box.execute_quietly("node1", ["ls", self.application.directory]), "file\n")

    def test_engine_of_one_node_is_killed_or_stands_still(self):
        """That of a real agent: it is known by what the agent calls it."""
        self.start_agents()
        paused = self.faults.pause_engine()
        paused.begin()
        states = lambda: {node: self.state(engine_pids(self.box, node)) for node in NODES}
        self.assertTrue(wait_for(lambda: states()[paused.detail] == ["T"], PATIENCE_S), states())
        self.assertEqual(states()[other(paused.detail)], ["S"])
        paused.end()
        killed = self.faults.kill_engine()
        node = next(iter(killed.places))
        (former,) = engine_pids(self.box, node)
        (untouched,) = engine_pids(self.box, other(node))
        killed.begin()
        self.assertTrue(wait_for(lambda: former not in engine_pids(self.box, node), PATIENCE_S))
        self.assertEqual(engine_pids(self.box, other(node)), [untouched])

    def test_engine_outlives_its_agent_where_it_stands_still(self):
        self.start_agents()
        drawn = iter(self.faults.kill_beside_paused_engine, None)
        fault = next(one for one in drawn if "for good" in one.detail)
        (node,) = fault.places
        (former,) = engine_pids(self.box, node)
        (agent,) = self.faults.agent_pids(node)
        fault.begin()
        self.assertTrue(wait_for(lambda: not self.faults.agent_pids(node), PATIENCE_S))
        self.assertTrue(wait_for(lambda: self.state([former]) == ["T"], PATIENCE_S))
        fault.end()

        def is_back():
            self.faults.supervise(node)  # an agent that meets what the kernel has not yet cleared away ends again
            return len(engine_pids(self.box, node)) == 2
        self.assertTrue(wait_for(is_back, PATIENCE_S), self.lab.agent_log(node))
        self.assertNotIn(agent, self.faults.agent_pids(node))
        self.assertTrue(wait_for(lambda: former not in engine_pids(self.box, node), FORMER_ENGINE_S + PATIENCE_S))

    def start_agents(self):
        self.lab.write_module(rfs=f'<rfs><replicated dir="{self.application.directory}" mode="read_only"/></rfs>')
        self.lab.start_agents()
        for node in NODES:
            self.assertTrue(wait_for(lambda node=node: len(engine_pids(self.box, node)) == 1, PATIENCE_S), node)

    def test_application_is_known_by_the_kernels_name_for_it(self):
        argv = [self.application.program, f"{self.application.directory}/entries.sqlite", str(PORT)]
        process = self.application.process
        (pid,) = self.boot("node1", argv, lambda box, node: pids_by_comm(box, node, process))
        still = self.faults.frozen("node1")
        still.begin()
        self.assertTrue(wait_for(lambda: self.state([pid]) == ["T"], PATIENCE_S))
        still.end()
        self.assertTrue(wait_for(lambda: self.state([pid]) != ["T"], PATIENCE_S))
        self.faults.kill_application().begin()
        self.assertTrue(wait_for(lambda: not pids_by_comm(self.box, "node1", process), PATIENCE_S))

    @staticmethod
    def state(pids):
        found = []
        for pid in pids:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                found.append(file.read().rpartition(")")[2].split()[0])
        return found

    def test_every_kind_comes_before_any_comes_again(self):
        names = [self.faults.draw().name for _ in range(2 * len(self.faults.kinds))]
        half = len(self.faults.kinds)
        self.assertEqual(sorted(names[:half]), sorted(names[half:]))
        self.assertEqual(len(set(names)), half)


if __name__ == "__main__":
    unittest.main()
