"""A further replica of modules/mysql_replication, as its README sets it up: it follows whichever node leads."""
import re
import unittest

import mariadb
from harness import Lab, wait_for
from mysql_servers import MODULE, OPTIONS, ROLE_PATIENCE_S, SOCKET, START_PATIENCE_S, Servers, Writer
from steady import on_a_steady_machine

HOST = "client"  # a machine beside the two nodes
ADDRESS = "10.77.1.10"
WITH_REPLICA = {'port="3306"/>': f'port="3306"><replica addr="{ADDRESS}"/></mysqlreplication>'}
LOGIN = "[replicas]\nuser = watcher\npassword = of the replicas\n"
# On the replica alone; the second on the primary, so that both nodes have it.
WATCHER = "SET SESSION sql_log_bin = 0; CREATE USER watcher@'%' IDENTIFIED BY 'of the replicas'; " \
          "GRANT REPLICA MONITOR, REPLICATION SLAVE ADMIN ON *.* TO watcher@'%'"
SITE = f"CREATE USER site@'{ADDRESS}' IDENTIFIED BY 'of the site'; GRANT REPLICATION SLAVE ON *.* TO site@'{ADDRESS}'"
POINT = "CHANGE MASTER TO MASTER_HOST = '10.77.1.1', MASTER_USER = 'site', MASTER_PASSWORD = 'of the site', " \
        "MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1; START SLAVE"
NOT_THERE = ("--skip-slave-start", "--rpl-semi-sync-slave-enabled=1")


@on_a_steady_machine
class FurtherReplica(unittest.TestCase):
    def prepare(self, lab):
        servers = Servers(lab)
        servers.start(**WITH_REPLICA)
        for node in ("node1", "node2"):
            with open(servers.accounts(node), "a", encoding="utf-8") as file:
                file.write(LOGIN)
        lab.sandbox.execute_quietly(HOST, mariadb.install_command())
        words = " ".join(["mariadbd", "--no-defaults", "--user=mysql", f"--datadir={mariadb.DATA}",
                          f"--socket={SOCKET}", "--bind-address=0.0.0.0", f"--port={mariadb.PORT}",
                          f"--log-error={mariadb.DATA}/error.log", "--server-id=30",
                          *[option for option in OPTIONS if option not in NOT_THERE]])
        lab.sandbox.boot(HOST, ["sh", "-c", f"install -d -o mysql {mariadb.RUN}; exec {words}"])
        self.assertTrue(wait_for(lambda: servers.answers(HOST), START_PATIENCE_S), servers.error_log(HOST))
        servers.sql(HOST, WATCHER)
        servers.start_cluster()
        servers.sql("node1", SITE)
        servers.sql("node1", "CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY) ENGINE=InnoDB")
        servers.sql(HOST, POINT)
        return servers

    def expect_following(self, servers, node, address):
        def shown():
            return (servers.replication(node).get("further_replicas") or [{}])[0]
        self.assertTrue(wait_for(lambda: shown().get("state") == "following" and
                                 shown().get("source") == f"{address} port 3306", ROLE_PATIENCE_S), shown())

    def test_follows_through_a_swap_under_load_and_a_loss_of_power(self):
        with Lab() as lab:
            servers = self.prepare(lab)
            self.expect_following(servers, "node1", "10.77.1.1")
            with Writer(lab) as writer:
                writer.wait_for_more()
                lab.agent("node1", "swap", "-m", MODULE)
                servers.wait_pair("node2")
                self.expect_following(servers, "node2", "10.77.1.2")
                writer.wait_for_more()
            self.assertTrue(wait_for(lambda: set(writer.acknowledged) <= set(servers.rows(HOST)), ROLE_PATIENCE_S))
            # What a node knows of the other one may be a second old.
            following = rf"replica +.*{ADDRESS} port 3306: following"
            self.assertTrue(wait_for(lambda: re.search(following, lab.agent("node1", "status", "-m", MODULE)), 20))
            self.assertNotIn("further_replicas", servers.replication("node1"))
            lab.sandbox.power_off("node2")
            lab.wait_states({"node1": "ALONE"}, patience_s=ROLE_PATIENCE_S)
            self.expect_following(servers, "node1", "10.77.1.1")
            servers.sql("node1", "INSERT INTO shop.orders VALUES (1000000)")
            self.assertTrue(wait_for(lambda: 1000000 in servers.rows(HOST), ROLE_PATIENCE_S))
            self.assertIn(f"replica {ADDRESS} port 3306: repoint it to this node: done", lab.agent_log("node1"))
            for password in ("of the replicas", "of the site"):
                self.assertNotIn(password, lab.agent_log("node1") + lab.agent_log("node2"))


if __name__ == "__main__":
    unittest.main()
