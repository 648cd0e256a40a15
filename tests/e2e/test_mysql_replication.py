"""modules/mysql_replication with two real MariaDB servers: who is primary is writable, and what was acknowledged by
way of the virtual address is there after a swap and after the primary lost its power."""
import contextlib
import glob
import os
import stat
import subprocess
import time
import unittest

from harness import Lab, wait_for
from mysql_servers import HALTED, MODULE, ROLE_PATIENCE_S, Servers, SqlLoad, Writer
from steady import on_a_steady_machine

PROVISION_PATIENCE_S = 90.0
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

    def test_the_gap_of_a_swap_and_where_its_time_went(self):
        with Lab() as lab:
            servers = self.prepare(lab)
            self.wait_complete(servers, "node2")
            with SqlLoad(lab) as load:
                self.assertTrue(wait_for(lambda: len(load.acknowledged()) > 200, ROLE_PATIENCE_S))
                begun_ms = time.monotonic() * 1000
                lab.agent("node1", "swap", "-m", MODULE)
                servers.wait_pair("node2")
                before = len(load.acknowledged())
                self.assertTrue(wait_for(lambda: len(load.acknowledged()) > before + 200, ROLE_PATIENCE_S))
            acknowledged = load.acknowledged()
            moments = sorted(moment for moment, _ in acknowledged if moment > begun_ms - 300)
            gap_ms = max(later - earlier for earlier, later in zip(moments, moments[1:]))
            self.expect_all(servers, "node2", [number for _, number in acknowledged])
            self.assertRegex(lab.agent_log("node1"), r"read-only, without a role, after [0-9.]+ ms: make it read-only")
            self.assertRegex(lab.agent_log("node2"), r"primary after [0-9.]+ ms: stop receiving [0-9.]+, end repl")
            # Where a client's SYN was lost between the two, its kernel repeats it after a second.
            self.assertLess(gap_ms, 5000)
            print(f"write gap of a swap under the load of 8 clients: {gap_ms:.0f} ms")

    def test_a_swap_lets_open_transactions_end_where_it_is_told_to(self):
        with Lab() as lab:
            servers = Servers(lab)
            servers.start(**{'name="MYSQL_CLIENT_SECONDS" value="0"': 'name="MYSQL_CLIENT_SECONDS" value="20"'})
            servers.start_cluster()
            servers.sql("node1", TABLE)
            self.wait_complete(servers, "node2")
            with subprocess.Popen(servers.client("node1", "app"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True, bufsize=1) as client:
                client.stdin.write("BEGIN; INSERT INTO shop.orders VALUES (1); SELECT 'open';\n")
                self.assertEqual(client.stdout.readline().strip(), "open")
                lab.agent("node1", "swap", "-m", MODULE, "--no-wait")
                self.assertTrue(wait_for(lambda: "stop_prim" in lab.agent_log("node1"), 20))
                client.stdin.write("DO SLEEP(2); COMMIT; SELECT 'kept';\n")
                self.assertEqual(client.stdout.readline().strip(), "kept")
                client.stdin.close()
            servers.wait_pair("node2")
            self.assertEqual(servers.rows("node2"), [1])

    def test_a_swap_that_the_standby_cannot_finish_is_undone(self):
        with Lab() as lab:
            servers = Servers(lab)
            servers.start(**{"<mysqlreplication": '<mysqlreplication drain_timeout="3"'})
            servers.start_cluster()
            servers.sql("node1", TABLE + "; INSERT INTO shop.orders VALUES (1)")
            self.wait_complete(servers, "node2")
            with subprocess.Popen(servers.client("node2", "root"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True, bufsize=1) as report:
                # A lock that the applier waits for longer than `drain_timeout`.
                report.stdin.write("BEGIN; SELECT id FROM shop.orders FOR UPDATE;\n")
                self.assertEqual(report.stdout.readline().strip(), "1")
                servers.sql("node1", "UPDATE shop.orders SET id = 2")
                lab.agent("node1", "swap", "-m", MODULE, "--no-wait")
                self.assertTrue(wait_for(lambda: "received when the time for it had run out" in lab.agent_log("node2"),
                                         ROLE_PATIENCE_S))
                lab.wait_states({"node1": "PRIM"}, patience_s=ROLE_PATIENCE_S)
                self.assertTrue(wait_for(lambda: servers.is_writable("node1"), ROLE_PATIENCE_S))
                report.stdin.write("ROLLBACK;\n")
                report.stdin.close()
            servers.wait_pair("node1")
            servers.sql("node1", "UPDATE shop.orders SET id = 3")
            self.assertTrue(wait_for(lambda: servers.rows("node2") == [3], ROLE_PATIENCE_S))
            self.wait_complete(servers, "node2")
            self.assertTrue(wait_for(lambda: lab.agent_result("node1", "swap", "-m", MODULE).returncode == 0, 20))
            servers.wait_pair("node2")

    def wait_complete(self, servers, node):
        """A standby that has just begun to follow knows a moment later that it has everything."""
        self.assertTrue(wait_for(lambda: (servers.replication(node).get("replica") or {}).get("is_complete"), 20))

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

    def test_a_dry_run_of_a_swap_changes_nothing_and_what_speaks_against_it_stops_it(self):
        with Lab() as lab:
            servers = self.prepare(lab)
            self.wait_complete(servers, "node2")
            for node in ("node1", "node2"):
                # What a node knows of the other one may be a second old.
                self.assertTrue(wait_for(lambda node=node: lab.agent_result(node, "swap", "--dry-run", "-m", MODULE)
                                         .returncode == 0, 20))
                shown = lab.agent(node, "swap", "--dry-run", "-m", MODULE)
                self.assertRegex(shown, r"(?s)node1: make the server read-only.*node1: give the virtual.*"
                                        r"node2: stop receiving.*node2: make the server writable.*node2: take the virt")
            self.expect_roles(servers, "node1", "node2")
            # Something that the applier cannot apply: the standby would not come to lead.
            servers.sql("node2", "SET SESSION sql_log_bin = 0; INSERT INTO shop.orders VALUES (5)")
            servers.sql("node1", "INSERT INTO shop.orders VALUES (5)")
            self.assertTrue(wait_for(lambda: servers.replication("node2").get("state") == "applier stopped", 20))
            self.assertTrue(wait_for(lambda: "applier stopped" in lab.agent_result("node1", "swap", "--dry-run", "-m",
                                                                                   MODULE).stdout, 20))
            for words in (["swap", "--dry-run"], ["swap"]):
                refused = lab.agent_result("node1", *words, "-m", MODULE)
                self.assertEqual(refused.returncode, 3, refused.stdout)
                self.assertIn("applier stopped", refused.stdout + refused.stderr)
            self.assertTrue(servers.is_writable("node1"))

    def test_an_alarm_runs_the_script_of_the_module_and_is_cleared(self):
        with Lab() as lab:
            said = os.path.join(lab.directory, "alarms")
            servers = Servers(lab)
            servers.start(alarm=f'#!/bin/sh\necho "$1 $2: $3" >>{said}\n')
            servers.start_cluster()
            servers.sql("node1", TABLE)
            servers.sql("node2", "STOP SLAVE; SET GLOBAL server_id = 1")

            def has(text):
                with contextlib.suppress(FileNotFoundError), open(said, encoding="utf-8") as file:
                    return text in file.read()
                return False
            self.assertTrue(wait_for(lambda: has("raised refused: both servers have server_id 1"), 30))
            self.assertIn("server_id 1", lab.agent("node2", "status", "-m", MODULE))
            servers.sql("node2", "SET GLOBAL server_id = 2")
            self.assertTrue(wait_for(lambda: has("cleared refused"), 30))

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

    def expect_provisioned(self, servers, lab, times):
        """Node2 has got the data of node1, and what it had before is gone again."""
        def is_done():
            return lab.agent_log("node2").count("the server has its new data") == times
        self.assertTrue(wait_for(is_done, PROVISION_PATIENCE_S), lab.agent_log("node2"))
        servers.wait_pair("node1")
        self.assertTrue(wait_for(lambda: not glob.glob(f"{servers.data('node2')}/.clusteragent-*"), 20))

    def test_a_standby_that_cannot_catch_up_gets_the_data_of_the_primary(self):
        with Lab() as lab:
            servers = Servers(lab, is_managed=True)
            servers.start()
            servers.start_cluster()
            servers.sql("node1", TABLE)
            with Writer(lab) as writer:
                writer.wait_for_more()
                servers.sql("node2", "INSERT INTO shop.orders VALUES (1000000)")  # root may, on MariaDB
                self.expect_provisioned(servers, lab, 1)
                self.assertIn("what only this server has was written to", lab.agent_log("node2"))
                writer.wait_for_more()
                self.lose_data(servers, lab)
                writer.wait_for_more()
                self.expect_provisioned(servers, lab, 2)
                lab.agent("node1", "swap", "-m", MODULE)
                servers.wait_pair("node2")
                writer.wait_for_more()
            self.assertTrue(wait_for(servers.are_equal, 20), [servers.checksum(node) for node in ("node1", "node2")])
            self.expect_all(servers, "node2", writer.acknowledged)
            self.assertNotIn(1000000, servers.rows("node2"))

    def lose_data(self, servers, lab):
        """The disk of node2 was replaced by an empty one."""
        lab.sandbox.execute_quietly("node2", ["touch", HALTED])
        (pid,) = lab.sandbox.processes("node2", "mariadbd")
        subprocess.run(["kill", "-KILL", str(pid)], check=True)
        for name in os.listdir(servers.data("node2")):
            subprocess.run(["rm", "-rf", os.path.join(servers.data("node2"), name)], check=True)

    def test_the_tables_of_both_servers_are_compared(self):
        with Lab() as lab:
            servers = self.prepare(lab)
            verify = ("mysql", "verify", "--wait", "-m", MODULE)
            self.assertIn("both servers' tables equal", lab.agent("node1", *verify))
            self.assertIn("ask the primary", lab.agent_result("node2", *verify).stderr)
            servers.sql("node2", "SET SESSION sql_log_bin = 0; INSERT INTO shop.orders VALUES (5)")
            found = lab.agent_result("node1", *verify)
            self.assertEqual(found.returncode, 6, found.stdout)
            self.assertIn("shop.orders: all rows: 0 row(s) on the primary, 1 on the standby", found.stdout)
            self.assertIn("1 difference", lab.agent("node1", "status", "-m", MODULE))

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
