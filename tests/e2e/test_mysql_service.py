#!/usr/bin/env python3
"""modules/mysql as it is shipped, with the unit of the distribution's MariaDB, under a booted systemd: the server's own
sandbox (ProtectSystem and others) and the mirrored directory get along. One node; the other one is never heard."""
import os
import subprocess
import tempfile
import unittest

from container import Container
from harness import wait_for

BUILD = os.environ.get("CLUSTERAGENT_BUILD", os.path.join(os.path.dirname(__file__), "../../build/release"))
UNIT = "clusteragent@mysql.service"
ADDRESS = "10.88.0.100"
CLUSTER = """<cluster><lans><lan name="default">
  <node name="node1" addr="10.88.0.1"/><node name="node2" addr="10.88.0.2"/>
</lan></lans></cluster>
"""
START_PATIENCE_S = 60
MOUNT_OF_SERVER = "grep ' /var/lib/mysql ' /proc/$(pgrep -x mariadbd)/mountinfo"


class MysqlService(unittest.TestCase):
    def setUp(self):
        stage = tempfile.TemporaryDirectory(prefix="ca-stage-")
        self.addCleanup(stage.cleanup)
        os.chmod(stage.name, 0o755)  # becomes the mode of the root directory
        subprocess.run(["cmake", "--install", BUILD, "--prefix", "/usr"], check=True, capture_output=True, timeout=60,
                       env={**os.environ, "DESTDIR": stage.name})
        os.makedirs(os.path.join(stage.name, "etc/clusteragent"), exist_ok=True)
        with open(os.path.join(stage.name, "etc/clusteragent/cluster.xml"), "w", encoding="utf-8") as file:
            file.write(CLUSTER)
        self.machine = Container("node1", {"/stage": stage.name}, ["/dev/fuse"])
        self.machine.__enter__()
        self.addCleanup(self.machine.__exit__, None, None, None)
        # A file system of its own for the data, as a database server has.
        self.machine.shell(
            "cp -a /stage/. / && systemctl daemon-reload && systemd-sysusers && systemd-tmpfiles --create && "
            "clusteragent keygen && cp -r /usr/share/clusteragent/modules/mysql /etc/clusteragent/modules/ && "
            f"sed -i 's/192.0.2.10/{ADDRESS}/; s/pulse=.700. timeout=.30000./pulse=\"100\" timeout=\"1000\"/' "
            "/etc/clusteragent/modules/mysql/userconfig.xml && "
            "ip link add lan0 type veth peer lan1 && ip addr add 10.88.0.1/24 dev lan0 && "
            "ip link set lan1 up && ip link set lan0 up && "
            "mount -t tmpfs -o mode=0755 none /var/lib/mysql && chown mysql:mysql /var/lib/mysql && "
            "mariadb-install-db --user=mysql --skip-test-db >/dev/null")

    def state(self):
        return self.machine.shell("clusteragent status --exit-state", check=False)

    def await_state(self, wanted):
        self.assertTrue(wait_for(lambda: self.state() == wanted, START_PATIENCE_S), self.state() + self.machine.shell(
            f"journalctl -u {UNIT} -u mariadb -n 40 --no-pager; clusteragent log -n 30", check=False))

    def ask(self, statement):
        return self.machine.shell(f'mariadb -N -B -e "{statement}"')

    def test_serves_from_the_mirrored_directory_and_gives_it_back(self):
        self.machine.shell("clusteragent config check -m mysql")
        self.machine.run("systemctl", "start", UNIT)
        self.machine.run("clusteragent", "prim")
        self.await_state("ALONE Ready")
        self.assertIn("fuse.clusteragent", self.machine.shell(MOUNT_OF_SERVER))
        self.ask("CREATE DATABASE one; CREATE TABLE one.two (three INT) ENGINE=InnoDB; INSERT INTO one.two VALUES (4)")
        self.machine.run("clusteragent", "stop")
        self.await_state("STOP NotReady")
        self.assertNotEqual(self.machine.shell("systemctl is-active mariadb", check=False), "active")
        self.assertNotIn("fuse.clusteragent", self.machine.shell("cat /proc/mounts"))
        self.assertEqual(self.machine.shell("ls /var/lib/mysql/one/two.ibd"), "/var/lib/mysql/one/two.ibd")
        self.machine.run("clusteragent", "prim")
        self.await_state("ALONE Ready")
        self.assertEqual(self.ask("SELECT three FROM one.two"), "4")

    def test_a_server_that_is_killed_is_restarted_in_its_directory(self):
        self.machine.run("systemctl", "start", UNIT)
        self.machine.run("clusteragent", "prim")
        self.await_state("ALONE Ready")
        before = self.machine.shell("pgrep -x mariadbd")
        self.ask("CREATE DATABASE one; CREATE TABLE one.two (three INT) ENGINE=InnoDB; INSERT INTO one.two VALUES (4)")
        self.machine.shell("kill -9 $(pgrep -x mariadbd)")
        self.assertTrue(wait_for(lambda: self.machine.shell("pgrep -x mariadbd", check=False) not in ("", before),
                                 START_PATIENCE_S))
        self.await_state("ALONE Ready")
        self.assertEqual(self.ask("SELECT three FROM one.two"), "4")


if __name__ == "__main__":
    unittest.main()
