"""The address for clients that only read, over two real MariaDB servers: on the standby while that is fresh, on the
primary otherwise, and never answered for by both kernels."""
import subprocess
import unittest

from harness import NODES, OBSERVER_ADDRESS, Lab, LabError, other, tool, wait_for
from mysql_servers import MODULE, ROLE_PATIENCE_S, Servers
from steady import on_a_steady_machine

READERS = "10.77.1.101"
WITH_READERS = {'where="one_side_alias"/>': f'where="one_side_alias"/><virtual_addr addr="{READERS}" '
                                            f'where="secondary"/>'}
TABLE = "CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY) ENGINE=InnoDB"


@on_a_steady_machine
class MysqlReaders(unittest.TestCase):
    def prepare(self, lab):
        servers = Servers(lab, is_managed=True)
        servers.start(**WITH_READERS)
        servers.start_cluster()
        servers.sql("node1", TABLE)
        return servers

    def reader(self, lab):
        """Which server a client of the readers' address reaches, or nothing."""
        done = subprocess.run(["nsenter", f"--net=/run/netns/{lab.sandbox.namespace('client')}", "mariadb",
                               "--no-defaults", "-h", READERS, "-u", "app", "--connect-timeout=1", "-N", "-B", "-e",
                               "SELECT @@server_id"], capture_output=True, text=True, timeout=20, check=False)
        return f"node{done.stdout.strip()}" if done.returncode == 0 else None

    def observe(self, lab):
        argv = [tool("observer"), "--interface", "net1", "--address", READERS, "--self", OBSERVER_ADDRESS,
                "--period-us", "2000"]
        for node in NODES:
            argv += ["--node", f"{node}={lab.sandbox.mac(node)}"]
        return lab.measure(argv)

    def expect_reader(self, lab, node):
        if not wait_for(lambda: self.reader(lab) == node, ROLE_PATIENCE_S):
            told = [lab.status(each).get("reader") for each in NODES if lab.state(each)]
            raise LabError(f"readers reach {self.reader(lab)}, not {node}: {told}")

    def expect_never_both(self, observation):
        both = [each for each in observation.finish()["intervals"] if len(each["hosts"]) > 1]
        self.assertEqual(both, [], "both kernels answered for the readers' address")

    def test_follow_the_health_of_the_standby(self):
        with Lab() as lab:
            servers = self.prepare(lab)
            observation = self.observe(lab)
            self.expect_reader(lab, "node2")
            self.assertIs(lab.status("node2")["reader"]["holds"], True)
            self.assertIs(lab.status("node1")["reader"]["holds"], False)
            self.assertEqual(lab.status("node1")["reader"]["why"], "node2 serves them")
            self.assertRegex(lab.agent("node1", "status", "-m", MODULE), "readers +not served here.* served here")
            self.break_replication(servers)
            self.expect_reader(lab, "node1")
            self.assertIn("applier stopped", lab.status("node2")["reader"]["why"])
            servers.sql("node2", "SET SESSION sql_log_bin = 0; DELETE FROM shop.orders")
            servers.sql("node2", "START SLAVE")
            self.expect_reader(lab, "node2")
            self.expect_never_both(observation)

    def break_replication(self, servers):
        """A row that the applier cannot insert."""
        servers.sql("node2", "SET SESSION sql_log_bin = 0; INSERT INTO shop.orders VALUES (5)")
        servers.sql("node1", "INSERT INTO shop.orders VALUES (5)")

    def test_stay_over_a_swap_and_the_loss_of_either_node(self):
        with Lab() as lab:
            servers = self.prepare(lab)
            observation = self.observe(lab)
            self.expect_reader(lab, "node2")
            lab.agent("node1", "swap", "-m", MODULE)
            servers.wait_pair("node2")
            self.expect_reader(lab, "node1")
            for lost in ("node1", "node2"):
                # First the standby, then the primary: the survivor has both addresses.
                self.assertEqual(lab.state(lost), "SECOND" if lost == "node1" else "PRIM")
                lab.sandbox.power_off(lost)
                lab.wait_states({other(lost): "ALONE"}, patience_s=ROLE_PATIENCE_S)
                self.expect_reader(lab, other(lost))
                lab.sandbox.power_on(lost)
                self.assertTrue(wait_for(lambda lost=lost: servers.answers(lost), ROLE_PATIENCE_S))
                servers.wait_pair(other(lost))
                self.expect_reader(lab, lost)
            self.expect_never_both(observation)


if __name__ == "__main__":
    unittest.main()
