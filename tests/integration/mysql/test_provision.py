"""A standby that cannot catch up gets the primary's data by itself: errant transactions, purged logs, data that are
gone, a copy that is cut off. In the end both servers are equal by checksum."""
import contextlib
import glob
import os
import shutil
import signal
import subprocess
import unittest

from mysql_pair import Load, Manager, enter_own_network, make_table, pair, soon

TABLES = "load_test.t, load_test.ballast"
BALLAST = ("CREATE TABLE load_test.ballast (id INT PRIMARY KEY, payload LONGTEXT) ENGINE=InnoDB;"
           "INSERT INTO load_test.ballast SELECT seq, REPEAT(MD5(RAND()), 3000) FROM load_test.seq_1_to_100")


@contextlib.contextmanager
def managed_pair(**options):
    """The first one leads, the second one follows and is up to date; each is started again by whoever that is."""
    with pair(errant="provision", **options) as (servers, engines):
        managers = [Manager(server) for server in servers]
        try:
            for engine, manager in zip(engines, managers):
                engine.stop()
                engine.options.update(manager.commands)
                engine.start()
            engines[0].lead(solo=True)
            make_table(servers[0])
            servers[0].sql(BALLAST)
            engines[1].follow()
            engines[0].wait_synced()
            yield servers, engines, managers
        finally:
            for manager in managers:
                manager.end()


class Provision(unittest.TestCase):
    def expect_equal(self, servers):
        def checksums(server):
            return server.run(f"CHECKSUM TABLE {TABLES}").stdout
        self.assertTrue(soon(lambda: checksums(servers[0]) == checksums(servers[1])),
                        [checksums(server) for server in servers])
        self.assertNotIn("NULL", checksums(servers[1]))

    def put_on_record(self, engine):
        """As the agent does when the standby is lost."""
        engine.wait_behind()
        engine.send({"do": "allow_solo"})

    def expect_provisioned(self, servers, engines, is_on_record=False):
        primary, standby = 0, 1
        engines[standby].wait(lambda said: "the server has its new data" in said.get("text", ""), "the exchange")
        if not is_on_record:
            self.put_on_record(engines[primary])
        engines[primary].wait_synced()
        self.expect_equal(servers)
        data = servers[standby].data
        self.assertTrue(soon(lambda: not glob.glob(f"{data}/.clusteragent-*")), os.listdir(data))
        self.assertFalse(os.path.exists(f"{data}/clusteragent-copy"))
        self.assertFalse(servers[standby].is_writable())

    def halt(self, server, manager):
        with open(manager.halted, "w", encoding="utf-8"):
            server.kill()

    def test_after_transactions_of_its_own_were_saved(self):
        with managed_pair() as (servers, engines, _):
            engines[1].wait_progress(lambda now: now.get("replica", {}).get("is_complete"), "word that it is complete")
            # Root may write to a standby, and does.
            servers[1].sql("INSERT INTO load_test.t VALUES (777)")
            alarm = engines[1].wait(lambda said: "was written to" in said.get("text", ""), "rescue")
            self.assertIn("now its data are replaced", alarm["text"])
            self.expect_provisioned(servers, engines)
            self.assertNotIn(777, servers[1].rows())
            (saved,) = glob.glob(f"{engines[1].state_path}/rescue/*[0-9].sql")
            with open(saved, encoding="utf-8", errors="replace") as file:
                self.assertIn("777", file.read())
            # What the primary has of its past is no transaction that this server never had: the roles can change.
            engines[0].release()
            engines[1].lead(solo=True, epoch=2)
            engines[0].follow(epoch=2)
            engines[1].wait_synced()

    def test_where_the_primary_has_purged_its_logs(self):
        with managed_pair() as (servers, engines, managers):
            self.halt(servers[1], managers[1])
            self.put_on_record(engines[0])
            self.assertTrue(soon(lambda: servers[0].sql("SELECT @@rpl_semi_sync_master_enabled") == "0"))
            load = Load(clients=2).on(servers[0])
            try:
                self.assertTrue(soon(lambda: len(load.acknowledged) > 50))
                servers[0].sql("FLUSH BINARY LOGS; FLUSH BINARY LOGS")
                newest = servers[0].sql("SHOW BINARY LOGS").splitlines()[-1].split()[0]
                servers[0].sql(f"PURGE BINARY LOGS TO '{newest}'")
                os.remove(managers[1].halted)
                self.expect_shown(engines[1])
                engines[0].wait_synced()
                before = len(load.acknowledged)
                self.assertTrue(soon(lambda: len(load.acknowledged) > before + 20))
            finally:
                load.end()
            self.expect_equal(servers)
            self.assertTrue(soon(lambda: servers[1].rows() >= set(load.acknowledged)))

    def expect_shown(self, engine):
        engine.wait_progress(lambda now: now.get("state") == "provisioning" and "phase" in now["copy"], "progress")
        engine.wait(lambda said: "purged binary logs" in said.get("text", "") and said["level"] == "E", "reason")

    def test_where_the_data_are_gone(self):
        with managed_pair() as (servers, engines, managers):
            self.halt(servers[1], managers[1])
            for name in os.listdir(servers[1].data):
                path = os.path.join(servers[1].data, name)
                shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
            self.put_on_record(engines[0])
            self.expect_provisioned(servers, engines, is_on_record=True)

    def test_a_copy_that_is_cut_off_begins_anew(self):
        with managed_pair(copy_bytes_per_second=6_000_000) as (servers, engines, _):
            engines[1].wait_progress(lambda now: now.get("replica", {}).get("is_complete"), "word that it is complete")
            servers[1].sql("INSERT INTO load_test.t VALUES (777)")
            engines[1].wait_progress(lambda now: now.get("copy", {}).get("bytes", 0) > 3_000_000, "half a copy")
            tools = subprocess.run(["pgrep", "-f", f"mariadb-backup --defaults-file={engines[0].state_path}"],
                                   capture_output=True, text=True, check=False).stdout.split()
            self.assertEqual(1, len(tools))
            os.kill(int(tools[0]), signal.SIGKILL)
            failed = engines[1].wait(lambda said: "is not provisioned" in said.get("text", ""), "word of the failure")
            self.assertIn("mariadb-backup failed", failed["text"])
            self.expect_provisioned(servers, engines)

    def test_an_engine_that_dies_in_the_middle_begins_anew(self):
        with managed_pair(copy_bytes_per_second=6_000_000) as (servers, engines, _):
            engines[1].wait_progress(lambda now: now.get("replica", {}).get("is_complete"), "word that it is complete")
            servers[1].sql("INSERT INTO load_test.t VALUES (777)")
            engines[1].wait_progress(lambda now: now.get("copy", {}).get("bytes", 0) > 3_000_000, "half a copy")
            engines[1].kill()
            engines[1].start()
            engines[1].follow(epoch=1)
            self.expect_provisioned(servers, engines)


if __name__ == "__main__":
    enter_own_network()
    unittest.main(verbosity=2)
