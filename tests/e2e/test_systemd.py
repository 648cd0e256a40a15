#!/usr/bin/env python3
"""The unit under a booted systemd: notification, watchdog, what happens to the application when the agent dies, stops
and starts again. One node; the other one is never heard."""
import os
import re
import subprocess
import tempfile
import unittest

from container import Container
from harness import wait_for

BUILD = os.environ.get("CLUSTERAGENT_BUILD", os.path.join(os.path.dirname(__file__), "../../build/release"))
UNIT = "clusteragent@demo.service"
ADDRESS = "10.88.0.100"
CLUSTER = """<cluster><lans><lan name="default">
  <node name="node1" addr="10.88.0.1"/><node name="node2" addr="10.88.0.2"/>
</lan></lans></cluster>
"""
MODULE = f"""<safe><service mode="mirror" defaultprim="alone" maxloop="3" loop_interval="24" failover="on">
  <heart pulse="100" timeout="1000"><heartbeat name="default"/></heart>
  <vip><interface_list><interface check="off"><real_interface>
    <virtual_addr addr="{ADDRESS}" where="one_side_alias"/>
  </real_interface></interface></interface_list></vip>
  <user nicestoptimeout="10" forcestoptimeout="5" logging="userlog"/>
</service></safe>
"""
START = """#!/bin/bash
setsid sleep 987654 </dev/null >/dev/null 2>&1 &
echo $! >/run/app.pid
"""
STOP = """#!/bin/bash
if [ -e /run/app.pid ]; then kill "$(cat /run/app.pid)" 2>/dev/null; rm -f /run/app.pid; fi
exit 0
"""
WATCHDOG_S = 10
GUARD_STOPS_S = 5


class Systemd(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = tempfile.TemporaryDirectory(prefix="ca-stage-")
        subprocess.run(["cmake", "--install", BUILD, "--prefix", "/usr"], check=True, capture_output=True, timeout=60,
                       env={**os.environ, "DESTDIR": cls.stage.name})
        module = os.path.join(cls.stage.name, "etc/clusteragent/modules/demo")
        os.makedirs(os.path.join(module, "bin"))
        for path, text, mode in ((os.path.join(module, "../../cluster.xml"), CLUSTER, 0o644),
                                 (os.path.join(module, "userconfig.xml"), MODULE, 0o644),
                                 (os.path.join(module, "bin/start_prim"), START, 0o755),
                                 (os.path.join(module, "bin/stop_prim"), STOP, 0o755)):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(path, mode)

    @classmethod
    def tearDownClass(cls):
        cls.stage.cleanup()

    def setUp(self):
        self.machine = Container("node1", {"/stage": self.stage.name})
        self.machine.__enter__()
        self.addCleanup(self.machine.__exit__, None, None, None)
        self.machine.shell("cp -a /stage/. / && systemctl daemon-reload && systemd-sysusers && "
                           "systemd-tmpfiles --create && clusteragent keygen && "
                           "ip link add lan0 type veth peer lan1 && ip addr add 10.88.0.1/24 dev lan0 && "
                           "ip link set lan1 up && ip link set lan0 up")

    def agent(self, *words):
        return self.machine.run("clusteragent", *words)

    def state(self):
        return self.machine.shell("clusteragent status --exit-state", check=False)

    def show(self, name):
        return self.machine.shell(f"systemctl show -P {name} {UNIT}")

    def applications(self):
        return self.machine.shell("pgrep -fx 'sleep 987654'", check=False).split()

    def holds_address(self):
        return ADDRESS in self.machine.shell("ip -4 -o addr show dev lan0")

    def await_state(self, wanted, seconds=30):
        self.assertTrue(wait_for(lambda: self.state() == wanted, seconds), self.state() + self.machine.shell(
            f"journalctl -u {UNIT} -n 30 --no-pager; clusteragent log -n 30", check=False))

    def make_primary(self):
        self.machine.run("systemctl", "start", UNIT)
        self.agent("prim")
        self.await_state("ALONE Ready")

    def test_life_of_the_service(self):
        self.machine.run("systemctl", "start", UNIT)
        self.assertEqual(self.show("ActiveState"), "active")
        self.assertEqual(self.state(), "STOP NotReady")
        self.agent("prim")
        self.await_state("ALONE Ready")
        self.assertIn("ALONE Ready", self.show("StatusText"))
        self.assertTrue(self.holds_address())
        (application,) = self.applications()
        self.assertIn(UNIT, self.machine.shell(f"cat /proc/{application}/cgroup"))
        self.assertIn("ALONE", self.machine.shell(f"journalctl -u {UNIT} --no-pager"))

        self.machine.run("systemctl", "stop", UNIT)
        self.assertEqual(self.applications(), [], "an ordered stop stops the application")
        self.assertFalse(self.holds_address())
        self.machine.run("systemctl", "start", UNIT)
        self.await_state("ALONE Ready")

        self.agent("stop")
        self.machine.run("systemctl", "restart", UNIT)
        self.assertEqual(self.state(), "STOP NotReady", "the operator's stop outlives the agent")

    def test_killed_agent_comes_back_and_the_application_runs_once(self):
        self.make_primary()
        before = self.show("MainPID")
        self.machine.run("kill", "-KILL", before)
        self.assertTrue(wait_for(lambda: self.show("MainPID") not in (before, "0"), 10))
        self.await_state("ALONE Ready")
        self.assertEqual(len(self.applications()), 1)
        self.assertTrue(self.holds_address())

    def test_stopped_agent_is_replaced_by_the_watchdog(self):
        self.make_primary()
        before = self.show("MainPID")
        self.machine.run("kill", "-STOP", before)
        self.assertTrue(wait_for(lambda: not self.applications(), GUARD_STOPS_S + 10), "the guard stops what it ran")
        self.assertTrue(wait_for(lambda: self.show("MainPID") not in (before, "0"), 2 * WATCHDOG_S + 10))
        self.await_state("ALONE Ready")
        self.assertEqual(len(self.applications()), 1)

    def start_second_node(self):
        """The other node in a network namespace of the same machine; its agent is no service of the unit's name, and
        it has no scripts: those of this module see one set of processes."""
        self.machine.shell("ip netns add n2 && ip link set lan1 netns n2 && ip -n n2 addr add 10.88.0.2/24 dev lan1 && "
                           "ip -n n2 link set lan1 up && ip -n n2 link set lo up && mkdir -p /n2/etc && "
                           "cp -a /etc/clusteragent /n2/etc/ && rm /n2/etc/clusteragent/modules/demo/bin/* && "
                           "systemd-run --quiet --unit=second "
                           "-p NetworkNamespacePath=/run/netns/n2 /usr/sbin/clusteragent --root /n2 --node node2 "
                           "run -m demo")
        second = "clusteragent --root /n2 --node node2"
        self.assertTrue(wait_for(lambda: self.machine.shell(f"{second} status --exit-state", check=False), 10))
        self.machine.shell(f"{second} start -m demo")
        self.await_state("PRIM Ready")

    def test_restart_of_the_unit_leaves_the_application_alone(self):
        self.make_primary()
        self.start_second_node()
        (application,) = self.applications()
        before = self.show("MainPID")
        self.machine.run("systemctl", "restart", UNIT)
        self.assertNotEqual(self.show("MainPID"), before)
        self.await_state("PRIM Ready")
        self.assertEqual(self.applications(), [application])
        self.assertTrue(self.holds_address())
        log = self.machine.shell("clusteragent log -n 80")
        self.assertIn("the agent was restarted; the application went on", log)
        self.assertNotIn("Local state ALONE", self.machine.shell(
            "cat /n2/var/log/clusteragent/demo/*.log /n2/var/lib/clusteragent/demo/*.log", check=False))

    def test_maintenance_outlives_a_stop_of_the_unit(self):
        self.make_primary()
        self.start_second_node()
        (application,) = self.applications()
        self.agent("maintenance", "on", "--for", "5m")
        self.machine.run("systemctl", "stop", UNIT)
        self.assertEqual(self.applications(), [application])
        self.assertTrue(self.holds_address())
        self.machine.run("systemctl", "start", UNIT)
        self.await_state("PRIM Ready")
        self.assertEqual(self.applications(), [application])
        self.agent("maintenance", "off")
        self.await_state("PRIM Ready")

    def test_stops_a_service_that_it_is_ordered_after(self):
        """The stop of the service, which the script waits for, must not wait for the stop of the unit."""
        self.machine.shell(f"""cd /etc/systemd/system && mkdir {UNIT}.d &&
            printf '[Unit]\nAfter=application.service\n' >{UNIT}.d/order.conf &&
            printf '[Service]\nExecStart=/bin/sleep 987654\n' >application.service && systemctl daemon-reload &&
            cd /etc/clusteragent/modules/demo && cp /usr/share/clusteragent/modules/generic/bin/st*_prim bin/ &&
            sed -i '/<user /s|/>|><var name="APPLICATION_SERVICE" value="application"/></user>|' userconfig.xml""")
        self.make_primary()
        self.machine.run("systemctl", "is-active", "application")
        self.machine.run("systemctl", "stop", UNIT)
        self.assertEqual(self.machine.shell("systemctl is-active application", check=False), "inactive", "not killed")

    def test_wrong_configuration_is_not_repeated(self):
        self.machine.shell("sed -i 's/pulse=/puls=/' /etc/clusteragent/modules/demo/userconfig.xml")
        self.assertNotEqual(self.machine.run("systemctl", "start", UNIT, check=False).returncode, 0)
        self.assertEqual(self.show("ExecMainStatus"), "5")
        self.assertEqual(self.show("NRestarts"), "0")
        journal = self.machine.shell(f"journalctl -u {UNIT} --no-pager")
        self.assertTrue(re.search(r"userconfig.xml:\d+:\d+.*puls.*pulse", journal), journal)


if __name__ == "__main__":
    unittest.main()
