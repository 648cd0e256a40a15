"""modules/mysql_replication with two real MariaDB servers: who is primary is writable, and what was acknowledged by
way of the virtual address is there after a swap and after the primary lost its power."""
import os
import stat
import subprocess
import unittest

from harness import Lab, wait_for
from mysql_servers import MODULE, ROLE_PATIENCE_S, Servers, Writer
from steady import on_a_steady_machine

TABLE = "CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY) ENGINE=InnoDB"


@on_a_steady_machine
class MysqlReplication(unittest.TestCase):
    def prepare(self, lab):
        servers = Servers(lab)
        servers.start()
        servers.start_cluster()
        servers.sql("node1", TABLE)
        return servers

    def expect_all(self, servers, node, acknowledged):
        rows = servers.rows(node)
        self.assertEqual(sorted(set(acknowledged) - set(rows)), [], f"acknowledged and not on {node}")
        self.assertEqual(len(rows), len(set(rows)))

    def expect_roles(self, servers, primary, standby):
        self.assertTrue(servers.is_writable(primary), f"{primary} leads and does not take writes")
        self.assertFalse(servers.is_writable(standby), f"{standby} is the standby and takes writes")
        refused = servers.run(standby, "INSERT INTO shop.orders VALUES (0)", user="app")
        self.assertIn("1290", refused.stderr, "the application may write to the standby")

    def test_acknowledged_rows_survive_a_swap_and_a_loss_of_power(self):
        with Lab() as lab:
            servers = self.prepare(lab)
            self.expect_roles(servers, "node1", "node2")
            with Writer(lab) as writer:
                writer.wait_for_more()
                lab.agent("node1", "swap", "-m", MODULE)
                servers.wait_pair("node2")
                writer.wait_for_more()
                self.expect_roles(servers, "node2", "node1")
                lab.sandbox.power_off("node2")
                lab.wait_states({"node1": "ALONE"}, patience_s=ROLE_PATIENCE_S)
                writer.wait_for_more()
            self.assertTrue(servers.is_writable("node1"))
            self.expect_all(servers, "node1", writer.acknowledged)
            print(f"{len(writer.acknowledged)} rows acknowledged, all of them there")

    def test_status_says_what_the_servers_do(self):
        with Lab() as lab:
            servers = self.prepare(lab)
            shown = lab.agent("node1", "status", "-m", MODULE)
            self.assertIn("the other copy is up to date", shown)
            self.assertIn("primary", shown)
            self.assertIn("MariaDB", shown)
            self.assertRegex(shown, r"semi-sync +on")
            self.assertTrue(wait_for(lambda: servers.replication("node2").get("state") == "following", 20))
            self.assertEqual(servers.replication("node2")["role"], "standby")
            self.assertIs(servers.replication("node2")["is_writable"], False)

    def test_a_server_that_dies_on_the_primary_moves_the_service(self):
        with Lab() as lab:
            servers = self.prepare(lab)
            with Writer(lab) as writer:
                writer.wait_for_more()
                (pid,) = lab.sandbox.processes("node1", "mariadbd")
                subprocess.run(["kill", "-KILL", str(pid)], check=True)
                self.assertTrue(wait_for(lambda: lab.state("node2") in ("ALONE", "PRIM"), ROLE_PATIENCE_S))
                writer.wait_for_more()
            self.expect_all(servers, "node2", writer.acknowledged)

    def test_init_says_what_a_server_lacks_and_makes_the_accounts(self):
        with Lab() as lab:
            servers = Servers(lab)
            servers.start_servers(["--skip-read-only", "--binlog-format=MIXED", "--server-id=7"])
            servers.sql("node1", "SET SESSION sql_log_bin = 0; CREATE USER dba@'%'; "
                                 "GRANT READ_ONLY ADMIN ON *.* TO dba@'%'")
            target = os.path.join(lab.directory, "99-clusteragent.cnf")
            done = servers.init("node1", "--option-file", target)
            self.assertEqual(done.returncode, 1, done.stdout)
            for said in ("MISSING  server_id is 7, and must be 1", "MISSING  binlog_format is MIXED",
                         "MISSING  read_only is off at the start", "MISSING  may write to a standby: 'dba'@'%'",
                         "cannot log in to 10.77.1.2 port 3306", "ok       log_slave_updates = 1"):
                self.assertIn(said, done.stdout)
            with open(target, encoding="utf-8") as file:
                text = file.read()
            self.assertIn("\nserver_id = 1\n", text)
            self.assertIn("\nread_only = ON\n", text)
            about = os.stat(servers.accounts("node1"))
            self.assertEqual(stat.S_IMODE(about.st_mode), 0o600)
            with open(servers.accounts("node1"), encoding="utf-8") as file:
                passwords = [line.split(" = ")[1].strip() for line in file if line.startswith("password")]
            self.assertEqual(len(set(passwords)), 2)
            for password in passwords:
                self.assertGreaterEqual(len(password), 24)
                self.assertNotIn(password, done.stdout + done.stderr)
            grants = servers.sql("node1", "SHOW GRANTS FOR clusteragent_copy@'10.77.1.2'")
            self.assertRegex(grants, r"^GRANT REPLICATION SLAVE ON \*\.\* TO")
            self.assertEqual(servers.sql("node1", "SELECT @@gtid_binlog_pos"), "", "the accounts are to be replicated")
            servers.init("node2")
            shared = servers.init("node2")
            self.assertIn("MISSING  server_id is 7, and must be 2", shared.stdout)

    def test_refuses_to_start_with_accounts_that_others_may_read(self):
        with Lab() as lab:
            servers = Servers(lab)
            with open(servers.accounts("node1"), "w", encoding="utf-8") as file:
                file.write("[agent]\nuser=agent\n[replication]\nuser=copy\n")
            os.chmod(servers.accounts("node1"), 0o640)
            servers.write_module()
            process = lab.sandbox.start_agent("node1", MODULE)
            self.assertTrue(wait_for(lambda: "chmod 0600" in lab.agent_log("node1"), 20), lab.agent_log("node1"))
            self.assertIsNone(lab.state("node1"), process)


if __name__ == "__main__":
    unittest.main()
