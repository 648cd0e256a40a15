"""modules/mysql_replication with two MySQL servers of Oracle's: a swap and a loss of power.
  test_mysql_oracle.py 5.6|current [tests]     exit code 77: this machine cannot get that server; says why"""
import sys
import unittest

from harness import Lab, wait_for
from mysql_servers import MODULE, ROLE_PATIENCE_S, Writer
from oracle_servers import OracleServers, oracle_server
from steady import on_a_steady_machine

SKIPPED = 77
TABLE = "CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY) ENGINE=InnoDB"


@on_a_steady_machine
class Oracle(unittest.TestCase):
    release = ""

    def expect_all(self, servers, node, acknowledged):
        rows = servers.rows(node)
        self.assertEqual(sorted(set(acknowledged) - set(rows)), [], f"acknowledged and not on {node}")
        self.assertEqual(len(rows), len(set(rows)))

    def test_serves_after_a_swap_and_after_a_loss_of_power(self):
        with Lab() as lab:
            servers = OracleServers(lab, self.release)
            servers.start()
            servers.start_cluster()
            servers.sql("node1", TABLE)
            with Writer(lab) as writer:
                writer.wait_for_more()
                lab.agent("node1", "swap", "-m", MODULE)
                servers.wait_pair("node2")
                writer.wait_for_more()
                self.assertTrue(servers.is_writable("node2"))
                self.assertFalse(servers.is_writable("node1"))
                refused = servers.run("node1", "INSERT INTO shop.orders VALUES (0)", user="app")
                self.assertIn("1290", refused.stderr, "the application may write to the standby")
                if self.release == "5.6":
                    # Without semi-synchronous replication only what the standby has received is promised.
                    self.assertIn("asynchronous", servers.replication("node2").get("protection", ""))
                    before = list(writer.acknowledged)
                    self.assertTrue(wait_for(lambda: set(before) <= set(servers.rows("node1")), ROLE_PATIENCE_S))
                lab.sandbox.power_off("node2")
                lab.wait_states({"node1": "ALONE"}, patience_s=ROLE_PATIENCE_S)
                writer.wait_for_more()
            self.assertTrue(servers.is_writable("node1"))
            self.expect_all(servers, "node1", before if self.release == "5.6" else writer.acknowledged)


if __name__ == "__main__":
    Oracle.release = sys.argv.pop(1)
    try:
        oracle_server.folder_of(Oracle.release)
    except oracle_server.Unavailable as reason:
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    unittest.main()
