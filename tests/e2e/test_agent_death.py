"""The primary's agent dies or hangs while its machine lives: its virtual IP must be gone before the peer answers."""
import ctypes
import os
import signal
import socket
import time
import unittest

from harness import Lab, owner_changes, wait_for
from steady import on_a_steady_machine

OUTAGE_MS_MAX = 1500
HANG_S = 10
HEARTBEAT_PORT = 8888
PORT_HELD_S = 0.1
SYS_PIDFD_GETFD = 438


def heartbeat_sockets(pid):
    """Copies of the process's sockets on the heartbeat port: while they are open, nobody else has the port."""
    pidfd, found = os.pidfd_open(pid), []
    for number in os.listdir(f"/proc/{pid}/fd"):
        copy = ctypes.CDLL(None).syscall(SYS_PIDFD_GETFD, pidfd, int(number), 0)
        try:
            one = socket.socket(fileno=copy)
        except OSError:  # no socket, or closed meanwhile
            if copy >= 0:
                os.close(copy)
            continue
        is_udp = one.type == socket.SOCK_DGRAM and one.family in (socket.AF_INET, socket.AF_INET6)
        if is_udp and one.getsockname()[1] == HEARTBEAT_PORT:
            found.append(one)
        else:
            one.close()
    os.close(pidfd)
    return found


@on_a_steady_machine
class AgentDeath(unittest.TestCase):
    def run_fault(self, lab, act):
        lab.wait_served_by("node1")
        probe, observer = lab.start_probe(), lab.start_observer()
        time.sleep(0.2)
        act()
        lab.wait_served_by("node2")
        return probe, observer

    def check(self, client, kernels, hosts=("node1", "node2")):
        self.assertEqual(kernels["dual_ms"], 0)
        self.assertLess(client["longest_ms"], OUTAGE_MS_MAX)
        self.assertEqual([host for _, host in owner_changes(kernels)], list(hosts))

    def test_sigkill(self):
        with Lab() as lab:
            lab.write_module(pulse=20, timeout=200)
            lab.start_responders()
            lab.start_cluster()
            probe, observer = self.run_fault(lab, lambda: lab.sandbox.signal_agent("node1", signal.SIGKILL))
            lab.sandbox.start_agent("node1", "demo")  # as a service manager does
            lab.wait_states({"node1": "SECOND", "node2": "PRIM"})
            self.check(probe.finish(), observer.finish())

    def test_release_of_the_guard_outlasts_a_port_that_is_still_held(self):
        """The kernel ends a killed agent in its own time; the peer hears of the death long before its timeout."""
        with Lab() as lab:
            lab.write_module(pulse=200, timeout=3000)
            lab.start_responders()
            lab.start_cluster()
            (agent,) = lab.sandbox.agents("node1", "demo").values()
            held = heartbeat_sockets(agent["pid"])
            self.assertTrue(held, "the agent's heartbeat sockets")

            def act():
                lab.sandbox.signal_agent("node1", signal.SIGKILL)
                time.sleep(PORT_HELD_S)
                for one in held:
                    one.close()
            probe, observer = self.run_fault(lab, act)
            self.check(probe.finish(), observer.finish())

    def test_sigstop_of_the_agent(self):
        with Lab() as lab:
            lab.write_module(pulse=20, timeout=200)
            lab.start_responders()
            lab.start_cluster()
            probe, observer = self.run_fault(lab, lambda: lab.sandbox.signal_agent("node1", signal.SIGSTOP))
            time.sleep(HANG_S)
            lab.sandbox.signal_agent("node1", signal.SIGCONT)
            lab.wait_one_primary()
            self.check(probe.finish(), observer.finish())

    def test_sigstop_of_agent_and_guard(self):
        """Nobody is left to act but the kernel: the permit runs out by itself."""
        with Lab() as lab:
            lab.write_module(pulse=20, timeout=200)
            lab.start_responders()
            lab.start_cluster()
            pids = lab.sandbox.processes("node1", "clusteragent") + lab.sandbox.processes("node1", "clusteragent-guard")
            self.assertGreaterEqual(len(pids), 2, "agent and guard")

            def send(number):
                for pid in pids:
                    os.kill(pid, number)
            probe, observer = self.run_fault(lab, lambda: send(signal.SIGSTOP))
            time.sleep(HANG_S)
            send(signal.SIGCONT)
            lab.wait_one_primary()
            self.check(probe.finish(), observer.finish())

    def test_sigkill_of_the_secondary_changes_nothing(self):
        with Lab() as lab:
            lab.write_module(pulse=20, timeout=200)
            lab.start_responders()
            lab.start_cluster()
            lab.wait_served_by("node1")
            probe, observer = lab.start_probe(), lab.start_observer()
            lab.sandbox.signal_agent("node2", signal.SIGKILL)
            lab.wait_states({"node1": "ALONE"})
            lab.sandbox.start_agent("node2", "demo")
            lab.wait_states({"node1": "PRIM", "node2": "SECOND"})
            client, kernels = probe.finish(), observer.finish()
        self.assertEqual(client["outages"], [])
        self.assertEqual([host for _, host in owner_changes(kernels)], ["node1"])

    def test_sigkill_of_the_guard(self):
        """The guard is part of what protects: it is missed, and the module goes on protected or goes elsewhere."""
        with Lab() as lab:
            lab.write_module(pulse=20, timeout=200)
            lab.start_responders()
            lab.start_cluster()
            lab.wait_served_by("node1")
            observer = lab.start_observer()
            guards = lab.sandbox.processes("node1", "clusteragent-guard")
            self.assertTrue(guards, "a guard runs beside the agent")
            for pid in guards:
                os.kill(pid, signal.SIGKILL)
            self.assertTrue(wait_for(lambda: lab.is_protected("node1") or lab.state("node2") in ("ALONE", "PRIM"), 20))
            self.assertEqual(observer.finish()["dual_ms"], 0)


if __name__ == "__main__":
    unittest.main()
