#!/usr/bin/env python3
"""`clusteragent mysql backup`: from either node a backup of the standby, with the place in the log it stands at."""
import os
import stat
import unittest

from harness import Lab
from mysql_servers import MODULE, Servers

TABLE = ("CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY, name TEXT) ENGINE=InnoDB;"
         "INSERT INTO shop.orders VALUES (1, 'the first order'), (2, 'another one')")


class Backup(unittest.TestCase):
    def take(self, node, *words):
        return self.lab.agent_result(node, "mysql", "backup", "-m", MODULE, *words)

    def inside(self, node, path):
        return os.path.join(self.lab.sandbox.host_directory(node), "private", path.strip("/"))

    def read(self, node, path):
        with open(self.inside(node, path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def expect_noted(self, node, path, servers):
        position = servers.sql("node1", "SELECT @@gtid_binlog_pos")
        self.assertIn(f"gtid = {position}\nnode = node2\n", self.read(node, path + ".gtid"))
        self.assertEqual(0, stat.S_IMODE(os.stat(self.inside(node, path)).st_mode) & 0o077, "all data are in it")
        self.assertFalse(os.path.exists(self.inside(node, path + ".part")))

    def test_is_of_the_standby_from_either_node(self):
        with Lab() as lab:
            self.lab = lab
            servers = Servers(lab)
            servers.start()
            servers.start_cluster()
            servers.sql("node1", TABLE)
            servers.wait_pair("node1")

            done = self.take("node2", "/srv/files")
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)
            self.assertIn("a backup of the server of node2", done.stdout)
            self.assertTrue(os.path.exists(self.inside("node2", "/srv/files/shop/orders.ibd")))
            self.expect_noted("node2", "/srv/files", servers)

            done = self.take("node1", "/srv/all.sql")
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)
            self.assertIn("a backup of the server of node2", done.stdout)
            self.assertIn("the first order", self.read("node1", "/srv/all.sql"))
            self.expect_noted("node1", "/srv/all.sql", servers)

            again = self.take("node1", "/srv/all.sql")
            self.assertNotEqual(0, again.returncode)
            self.assertIn("nothing is written over", again.stderr)
            secret = self.read("node1", "/srv/mysql-accounts").split("password = ")[1].split()[0]
            self.assertNotIn(secret, done.stdout + done.stderr)

            lab.agent("node2", "stop", "-m", MODULE)
            refused = self.take("node1", "/srv/later.sql")
            self.assertEqual(3, refused.returncode, refused.stdout + refused.stderr)
            self.assertIn("no backup was taken", refused.stderr)
            self.assertFalse(os.path.exists(self.inside("node1", "/srv/later.sql")))


if __name__ == "__main__":
    unittest.main()
