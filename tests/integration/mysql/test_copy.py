"""A standby that cannot catch up gets the primary's data by CLONE, or by a dump where nothing better is there; in the
end both servers are equal by checksum and the standby is another server than the primary.
  test_copy.py mariadb|5.6|current [tests]      exit code 77: this machine cannot get that server; says why"""
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mysql_pair  # noqa: E402
from mysql_pair import Load, Manager, Server, enter_own_network, make_table, pair, soon, use  # noqa: E402
from oracle_pair import SERVERS, Mysql56, MysqlCurrent  # noqa: E402
from oracle_server import Unavailable, folder_of  # noqa: E402

SKIPPED = 77
PATIENCE_S = 300.0  # a server is made, loaded and started twice
TABLES = "load_test.t, load_test.ballast, load_test.twin"
# What a dump may forget or turn into something else.
BALLAST = """CREATE TABLE load_test.ballast (id INT PRIMARY KEY AUTO_INCREMENT, payload LONGBLOB) ENGINE=InnoDB;
INSERT INTO load_test.ballast (payload) VALUES (UNHEX(REPEAT('00FF27225C0A', 20000)));
INSERT INTO load_test.ballast (payload) SELECT payload FROM load_test.ballast;
INSERT INTO load_test.ballast (payload) SELECT payload FROM load_test.ballast;
INSERT INTO load_test.ballast (payload) SELECT payload FROM load_test.ballast;
INSERT INTO load_test.ballast (payload) SELECT payload FROM load_test.ballast;
INSERT INTO load_test.ballast (payload) SELECT payload FROM load_test.ballast;
CREATE TABLE load_test.twin (id BIGINT PRIMARY KEY) ENGINE=InnoDB;
CREATE TRIGGER load_test.both AFTER INSERT ON load_test.t FOR EACH ROW INSERT INTO load_test.twin VALUES (NEW.id);
CREATE PROCEDURE load_test.nothing() SELECT 1;
"""


class CopiedMariadb(Server):
    """Its nodes have no mariadb-backup."""

    family, forget, expected = "mariadb", "RESET SLAVE ALL", "dump"
    # What the dump reads and reference of the rights in bin/mysql_init have in common.
    users = mysql_pair.USERS.replace("CONNECTION ADMIN\n", "CONNECTION ADMIN,\n  SHOW VIEW, TRIGGER, EVENT\n")

    @classmethod
    def prepare(cls):
        programs = tempfile.mkdtemp(prefix="clusteragent-mysql-bin-")
        unittest.addModuleCleanup(shutil.rmtree, programs, ignore_errors=True)
        for folder in ("/usr/sbin", "/usr/bin"):
            for name in os.listdir(folder):
                if name not in ("mariadb-backup", "mariabackup", "mbstream"):
                    link = os.path.join(programs, name)
                    if not os.path.lexists(link):
                        os.symlink(os.path.join(folder, name), link)
        os.environ["PATH"] = programs
        return cls

    def server_command(self):
        return ""


def tools_of_current():
    """The programs of a current MySQL's, which also know older ones; MariaDB's do not."""
    server = f"{folder_of('current')}/server"
    programs = tempfile.mkdtemp(prefix="clusteragent-mysql-bin-")
    unittest.addModuleCleanup(shutil.rmtree, programs, ignore_errors=True)
    with open(os.path.join(programs, "mysqldump"), "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\nfirst=$1; shift\nexec {server}/usr/lib64/ld-linux-x86-64.so.2 --library-path '
                   f'{server}/usr/lib/x86_64-linux-gnu {server}/usr/bin/mysqldump "$first" '
                   f'--plugin-dir={server}/usr/lib/mysql/plugin "$@"\n')
    os.chmod(os.path.join(programs, "mysqldump"), 0o755)
    os.environ["PATH"] = f"{programs}:{os.path.dirname(server)}/bin:{os.environ['PATH']}"
    return programs


class Copied56(Mysql56):
    family, forget, expected = "oracle", "RESET SLAVE ALL", "dump"

    @classmethod
    def prepare(cls):
        super().prepare()
        programs = tools_of_current()
        # The package that the server is from has no mysql_install_db.
        with open(os.path.join(programs, "mysql_install_db"), "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nset -e\nfor each; do case $each in --datadir=*) data=${{each#*=}} ;; esac; done\n'
                       f'cp -r {cls.folder_of_server}/server/data/mysql/. "$data"\nrm -f "$data/auto.cnf"\n'
                       'chown -R mysql "$data"\n')
        os.chmod(os.path.join(programs, "mysql_install_db"), 0o755)
        return cls

    def server_command(self):
        return f"{self.folder_of_server}/start"


class CopiedCurrent(MysqlCurrent):
    family, forget, expected = "oracle", "RESET REPLICA ALL", "clone"
    plugins = ["--plugin-load-add=mysql_clone.so"]

    @classmethod
    def prepare(cls):
        super().prepare()
        tools_of_current()
        return cls

    def argv(self):
        return [*super().argv(), *self.plugins]

    def server_command(self):
        return f"{self.folder_of_server}/start"


class WithoutClone(CopiedCurrent):
    expected, plugins = "dump", []


COPIED = {"mariadb": CopiedMariadb, "5.6": Copied56, "current": CopiedCurrent}


class Copy(unittest.TestCase):
    server = None  # of which class

    def setUp(self):
        self.pair = pair(self.server, errant="provision")
        self.servers, self.engines = self.enterContext(self.pair)
        self.managers = []
        for engine, server in zip(self.engines, self.servers):
            manager = Manager(server)
            self.managers.append(manager)
            self.addCleanup(manager.end)
            engine.stop()
            # On a busy machine a server of Oracle's takes half a minute to start.
            start = manager.commands["start_command"].replace("seq 200", "seq 2000")
            engine.options.update(manager.commands, start_command=start, server_command=server.server_command())
            engine.start()
        self.engines[0].lead(solo=True)
        make_table(self.servers[0])
        self.servers[0].sql(BALLAST)
        self.engines[1].follow()
        self.engines[0].wait_synced()
        self.is_complete()

    def is_complete(self):
        self.engines[1].wait_progress(lambda now: now.get("replica", {}).get("is_complete"), "word that it is complete")

    def identity(self, server):
        return "" if self.server.family == "mariadb" else server.sql("SELECT @@server_uuid")

    def make_errant(self):
        """What the standby alone has."""
        self.servers[1].sql_in_spite("INSERT INTO load_test.ballast (payload) VALUES ('x')")

    def expect_copied(self):
        engine = self.engines[1]
        engine.wait(lambda said: "the server has its new data" in said.get("text", ""), "the exchange", PATIENCE_S)
        self.engines[0].wait_behind()
        self.engines[0].send({"do": "allow_solo"})
        self.engines[0].wait_synced(PATIENCE_S)

        def checksums(server):
            return server.run(f"CHECKSUM TABLE {TABLES}").stdout
        self.assertTrue(soon(lambda: checksums(self.servers[0]) == checksums(self.servers[1])),
                        [checksums(server) for server in self.servers])
        self.assertNotIn("NULL", checksums(self.servers[1]))
        data = self.servers[1].data
        self.assertTrue(soon(lambda: not glob.glob(f"{data}/.clusteragent-*")), os.listdir(data))
        self.assertFalse(os.path.exists(f"{data}/clusteragent-copy"))
        self.assertFalse(self.servers[1].is_writable())
        self.assertEqual("1", self.servers[1].sql("SELECT COUNT(*) FROM information_schema.ROUTINES "
                                                  "WHERE ROUTINE_NAME = 'nothing'"))

    def expect_roles_change(self):
        """Each knows what the other one ever had."""
        self.engines[0].release()
        self.engines[1].lead(solo=True, epoch=2)
        self.servers[1].sql("INSERT INTO load_test.t VALUES (8888)")
        self.engines[0].follow(epoch=2)
        self.engines[1].wait_synced()
        self.assertTrue(soon(lambda: 8888 in self.servers[0].rows()))

    def test_under_load_and_the_roles_can_change(self):
        before = self.identity(self.servers[1])
        load = Load(clients=2).on(self.servers[0])
        try:
            self.assertTrue(soon(lambda: len(load.acknowledged) > 20))
            self.make_errant()
            self.engines[1].wait_progress(lambda now: now.get("copy", {}).get("method") == self.server.expected,
                                          "copy by " + self.server.expected)
            self.expect_copied_under(load)
        finally:
            load.end()
        self.assertTrue(soon(lambda: self.servers[1].rows() >= set(load.acknowledged)))
        if before:
            self.assertNotIn(self.identity(self.servers[1]), (before, self.identity(self.servers[0])))
        self.expect_roles_change()

    def expect_copied_under(self, load):
        engine = self.engines[1]
        engine.wait(lambda said: "the server has its new data" in said.get("text", ""), "the exchange", PATIENCE_S)
        self.engines[0].wait_behind()
        self.engines[0].send({"do": "allow_solo"})
        self.engines[0].wait_synced(PATIENCE_S)
        before = len(load.acknowledged)
        self.assertTrue(soon(lambda: len(load.acknowledged) > before + 20))

    def test_where_the_data_are_gone(self):
        with open(self.managers[1].halted, "w", encoding="utf-8"):
            self.servers[1].kill()
        for name in os.listdir(self.servers[1].data):
            path = os.path.join(self.servers[1].data, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
        self.expect_copied()

    def begin_slowly(self):
        for engine in self.engines:
            engine.stop()
            engine.options["copy_bytes_per_second"] = 2_000_000
            engine.start()
        self.engines[0].lead(solo=True, epoch=2)
        self.engines[1].follow(epoch=2)
        self.engines[0].wait_synced()
        self.is_complete()
        self.make_errant()

    def test_that_is_cut_off_begins_anew(self):
        self.begin_slowly()
        self.wait_half()
        identity = self.identity(self.servers[1])
        # The one that receives leaves a server behind, which the next one ends.
        self.engines[1].kill()
        self.engines[1].progress = {}
        self.engines[1].start()
        self.assertTrue(soon(lambda: self.scratch_servers() == []), "what it was made with is gone")
        self.engines[1].follow(epoch=2)
        self.wait_half()
        self.expect_broken_off(identity)
        self.expect_copied()

    def test_names_the_donor_that_died_while_its_server_was_made(self):
        self.begin_slowly()
        self.assertTrue(soon(self.scratch_servers, PATIENCE_S), "a server is made")
        self.expect_broken_off(self.identity(self.servers[1]))

    def expect_broken_off(self, identity):
        self.engines[0].kill()
        self.engines[0].start()
        self.engines[0].lead(solo=True, epoch=3)
        failed = self.engines[1].wait(lambda said: "is not provisioned" in said.get("text", ""), "word of the failure")
        self.assertIn("broke off", failed["text"])
        self.assertEqual(identity, self.identity(self.servers[1]), "its own server goes on meanwhile")
        self.assertEqual([], self.scratch_servers(), "what it was made with is gone")

    def wait_half(self):
        """A server is made before. A clone is limited by that server alone, and not in its first second, in which all
        of it may have passed: it is under way from the moment when it says itself how much there is."""
        engine = self.engines[1]
        totals = set()

        def is_half():
            engine.listen(0.05)
            copy = engine.progress.get("copy", {})
            totals.update([copy["bytes_total"]] if "bytes_total" in copy else [])
            return copy.get("bytes", 0) > 1_000_000 or (copy.get("method") == "clone" and len(totals) > 1)
        self.assertTrue(soon(is_half, PATIENCE_S), f"no half of a copy: {engine.progress} {engine.said}")

    def scratch_servers(self):
        pattern = f"datadir={self.servers[1].data}/.clusteragent-new"
        return subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True, check=False).stdout.split()


class CopyWithoutClone(Copy):
    """A MySQL from 8.0 on whose server has not loaded the plugin."""


if __name__ == "__main__":
    release = sys.argv.pop(1)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    if release != "current":
        del CopyWithoutClone
    try:
        Copy.server = COPIED[release].prepare()
        if release == "current":
            CopyWithoutClone.server = WithoutClone
    except Unavailable as reason:
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    enter_own_network()
    unittest.main(verbosity=2)
