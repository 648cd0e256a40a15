"""bin/mysql_backup, which `clusteragent mysql backup` runs on either node: by files where the server is here, else by a
dump, with where it stands in the log beside it.
  test_backup.py mariadb|5.6|current [tests]    exit code 77: this machine cannot get that server; says why"""
import os
import stat
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mysql_pair import PORT, Server, enter_own_network, make_table, pair, soon  # noqa: E402
from test_copy import Copied56, CopiedCurrent, CopiedMariadb, Unavailable  # noqa: E402

SKIPPED = 77
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "modules", "mysql_replication",
                      "bin", "mysql_backup")
SECRET = "agent's \\ secret"


class WithBackupTool(CopiedMariadb):
    @classmethod
    def prepare(cls):
        return cls


SERVERS = {"mariadb": WithBackupTool, "5.6": Copied56, "current": CopiedCurrent}


class Backup(unittest.TestCase):
    server = Server  # of which class

    def setUp(self):
        self.servers, self.engines = self.enterContext(pair(self.server))
        self.engines[0].lead(solo=True)
        make_table(self.servers[0])
        self.servers[0].sql("INSERT INTO load_test.t VALUES (4711)")
        self.engines[1].follow()
        self.engines[0].wait_synced()
        self.assertTrue(soon(lambda: 4711 in self.servers[1].rows()))
        self.target = os.path.join(self.servers[1].folder, "backup")

    def take(self, source, *more):
        standby = self.servers[1]
        done = subprocess.run([SCRIPT, "--source", source, "--node", "beta", "--address", standby.address, "--socket",
                               standby.socket, "--port", str(PORT), "--accounts", self.engines[1].accounts, "--age",
                               "5 ms behind the primary", *more, self.target], capture_output=True, text=True,
                              timeout=240, check=False)
        self.assertNotIn("secret", done.stdout + done.stderr)
        return done

    def position(self):
        is_mariadb = self.server.family == "mariadb"
        said = self.servers[1].sql("SELECT @@global.gtid_binlog_pos" if is_mariadb else
                                   "SELECT REPLACE(@@global.gtid_executed, '\\n', '')")
        self.assertNotEqual("", said)
        return said.replace("\\n", "")

    def expect_noted(self, done):
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertIn("a backup of the server of beta", done.stdout)
        with open(self.target + ".gtid", encoding="utf-8") as file:
            noted = dict(line.rstrip("\n").split(" = ", 1) for line in file)
        self.assertEqual(self.position(), noted["gtid"])
        self.assertEqual("beta", noted["node"])
        self.assertEqual("5 ms behind the primary", noted["age"])
        self.assertEqual(0, stat.S_IMODE(os.stat(self.target).st_mode) & 0o077, "all data are in it")
        self.assertFalse(os.path.exists(self.target + ".part"))

    def expect_sql(self):
        with open(self.target, encoding="utf-8", errors="replace") as file:
            self.assertIn("(4711)", file.read())

    def test_of_a_server_that_is_here_is_the_best_there_is(self):
        self.expect_noted(self.take("own"))
        if self.server.family == "mariadb":
            self.assertTrue(os.path.exists(f"{self.target}/load_test/t.ibd"))
            self.assertTrue(os.path.exists(f"{self.target}/ibdata1"))
        else:
            self.expect_sql()

    def test_of_the_other_nodes_server_is_a_dump(self):
        self.expect_noted(self.take("peer"))
        self.expect_sql()

    def test_is_a_dump_where_that_was_asked_for(self):
        self.expect_noted(self.take("own", "--dump", "1"))
        self.expect_sql()

    def test_writes_over_nothing_and_leaves_nothing_of_one_that_failed(self):
        with open(self.target, "w", encoding="utf-8") as file:
            file.write("mine")
        refused = self.take("own")
        self.assertEqual(1, refused.returncode)
        self.assertIn("nothing is written over", refused.stderr)
        os.remove(self.target)
        self.servers[1].kill()
        failed = self.take("peer")
        self.assertEqual(1, failed.returncode)
        self.assertIn("cannot log in to the server of beta", failed.stderr)
        self.assertEqual([], [name for name in os.listdir(self.servers[1].folder) if name.startswith("backup")])


if __name__ == "__main__":
    try:
        Backup.server = SERVERS[sys.argv.pop(1)].prepare()
    except Unavailable as reason:
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    enter_own_network()
    unittest.main(verbosity=2)
