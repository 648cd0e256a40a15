"""MariaDB replication by the engine: no acknowledged commit is lost, no server writes that must not, and what must not
follow does not."""
import os
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mysql_pair import Load, enter_own_network, make_table, needs_semi_sync, pair, soon  # noqa: E402


class Roles(unittest.TestCase):
    def test_leads_alone_then_with_the_standby(self):
        with pair() as (servers, engines):
            engines[0].lead(solo=True)
            self.assertTrue(servers[0].is_writable())
            self.assertFalse(servers[0].commits_wait())
            make_table(servers[0])
            servers[0].sql("INSERT INTO load_test.t VALUES (1)", user="app")
            engines[1].follow()
            engines[0].wait_synced()
            self.assertEqual(servers[0].has_semi_sync, servers[0].commits_wait())
            servers[0].sql("INSERT INTO load_test.t VALUES (2)", user="app")
            self.assertTrue(soon(lambda: servers[1].rows() == {1, 2}))
            self.assertFalse(servers[1].is_writable())
            refused = servers[1].run("INSERT INTO load_test.t VALUES (3)", user="app")
            self.assertIn("read-only", refused.stderr)

    @needs_semi_sync
    def test_commits_wait_for_a_lost_standby_until_it_is_on_record(self):
        with pair() as (servers, engines):
            engines[0].lead(solo=True)
            make_table(servers[0])
            engines[1].follow()
            engines[0].wait_synced()
            load = Load().on(servers[0])
            try:
                self.assertTrue(soon(lambda: len(load.acknowledged) > 20))
                servers[1].kill()
                engines[0].wait_behind()
                self.assertTrue(soon(lambda: servers[0].all_wait(load)))
                before = len(load.acknowledged)
                time.sleep(1)
                self.assertEqual(before, len(load.acknowledged))
                engines[0].send({"do": "allow_solo"})
                self.assertTrue(soon(lambda: len(load.acknowledged) > before + 20))
                # It comes back and gets what it lacks, while the load goes on.
                servers[1].start()
                engines[0].wait_synced()
                self.assertTrue(servers[0].commits_wait())
            finally:
                load.end()
            self.assertTrue(soon(lambda: servers[1].rows() >= set(load.acknowledged)))

    @needs_semi_sync
    def test_release_ends_commits_that_wait(self):
        with pair() as (servers, engines):
            engines[0].lead(solo=True)
            make_table(servers[0])
            engines[1].follow()
            engines[0].wait_synced()
            load = Load(clients=40).on(servers[0])  # commits wait in groups
            try:
                self.assertTrue(soon(lambda: len(load.acknowledged) > 20))
                servers[1].kill()
                engines[0].wait_behind()
                self.assertTrue(soon(lambda: servers[0].all_wait(load)))
                before = set(load.acknowledged)
                engines[0].release()
                self.assertFalse(servers[0].is_writable())
                self.assertEqual(before, set(load.acknowledged))
            finally:
                load.end()

    def test_a_primary_alone_that_restarts_gets_its_role_again_and_lost_nothing(self):
        with pair() as (servers, engines):
            engines[0].lead(solo=True)
            make_table(servers[0])
            load = Load(clients=6).on(servers[0])
            try:
                self.assertTrue(soon(lambda: len(load.acknowledged) > 300))
                servers[0].kill()
                before = set(load.acknowledged)
                servers[0].start()
                self.assertTrue(soon(servers[0].is_writable))
                self.assertTrue(soon(lambda: len(load.acknowledged) > len(before) + 20))
            finally:
                load.end()
            self.assertEqual(set(), set(load.acknowledged) - servers[0].rows())

    def test_the_end_of_the_agent_makes_it_read_only(self):
        with pair() as (servers, engines):
            engines[0].lead(solo=True)
            engines[0].stop()
            self.assertFalse(servers[0].is_writable())


class Takeover(unittest.TestCase):
    @needs_semi_sync
    def test_no_acknowledged_commit_is_lost(self):
        with pair() as (servers, engines):
            engines[0].lead(solo=True)
            make_table(servers[0])
            engines[1].follow()
            engines[0].wait_synced()
            load = Load(clients=6).on(servers[0])
            try:
                self.assertTrue(soon(lambda: len(load.acknowledged) > 300))
                servers[0].kill()
                engines[1].lead(solo=True, epoch=2)
            finally:
                load.end()
            self.assertTrue(servers[1].is_writable())
            self.assertIsNone(servers[1].source())
            self.assertEqual(set(), set(load.acknowledged) - servers[1].rows())

    @needs_semi_sync
    def test_what_was_received_is_applied_first(self):
        with pair() as (servers, engines):
            engines[0].lead(solo=True)
            make_table(servers[0])
            engines[1].follow()
            engines[0].wait_synced()
            # The applier stands still behind a lock, the receiver acknowledges.
            with Holder(servers[1]):
                load = Load(clients=2).on(servers[0])
                self.assertTrue(soon(lambda: len(load.acknowledged) > 50))
                servers[0].kill()
                load.end()
                token = engines[1].ask_later("lead", epoch=2, solo=True)
                time.sleep(2)
                self.assertFalse(servers[1].is_writable())
            engines[1].answer(token, "lead")
            self.assertEqual(set(), set(load.acknowledged) - servers[1].rows())

    def test_refuses_over_an_applier_error(self):
        with pair() as (servers, engines):
            engines[0].lead(solo=True)
            make_table(servers[0])
            engines[1].follow()
            engines[0].wait_synced()
            servers[1].sql_in_spite("SET SESSION sql_log_bin = 0; INSERT INTO load_test.t VALUES (5)")
            servers[0].sql("INSERT INTO load_test.t VALUES (5), (6)", user="app")
            engines[1].wait_progress(lambda now: now.get("state") == "applier stopped", "word of the error")
            engines[1].wait(lambda said: said.get("level") == "C" and servers[1].applier_error in said["text"], "alarm")
            engines[0].wait_behind()
            servers[0].kill()
            done = engines[1].lead(solo=True, epoch=2, check=False)
            self.assertFalse(done["ok"])
            self.assertIn(servers[1].applier_error, done["detail"])
            self.assertFalse(servers[1].is_writable())

    def test_refuses_where_a_restart_threw_the_relay_log_away(self):
        with pair() as (servers, engines):
            engines[0].lead(solo=True)
            make_table(servers[0])
            engines[1].follow()
            engines[0].wait_synced()
            engines[1].wait_progress(lambda now: now.get("replica", {}).get("is_complete"), "word that it is complete")
            servers[0].kill()
            servers[1].kill()
            servers[1].start()
            done = engines[1].lead(solo=True, epoch=2, check=False)
            self.assertFalse(done["ok"])
            self.assertIn(os.path.join(engines[1].state_path, "following"), done["detail"])
            self.assertFalse(servers[1].is_writable())

    def test_swap(self):
        with pair() as (servers, engines):
            engines[0].lead(solo=True)
            make_table(servers[0])
            engines[1].follow()
            engines[0].wait_synced()
            load = Load().on(servers[0])
            try:
                self.assertTrue(soon(lambda: len(load.acknowledged) > 100))
                begun = time.monotonic()
                engines[0].release()
                engines[1].lead(solo=True, epoch=2)
                load.on(servers[1])
                engines[0].follow(epoch=2)
                engines[1].wait_synced()
                before = len(load.acknowledged)
                self.assertTrue(soon(lambda: len(load.acknowledged) > before + 50))
            finally:
                load.end()
            print(f"write gap of a swap: {load.longest_gap_s(begun - 0.5) * 1000:.0f} ms", flush=True)
            self.assertTrue(soon(lambda: servers[0].rows() >= set(load.acknowledged)))
            self.assertEqual(set(), set(load.acknowledged) - servers[1].rows())
            self.assertFalse(servers[0].is_writable())


class Return(unittest.TestCase):
    @needs_semi_sync
    def test_transactions_of_its_own_are_found_before_it_follows(self):
        with pair() as (servers, engines):
            engines[0].lead(solo=True)
            make_table(servers[0])
            engines[1].follow()
            engines[0].wait_synced()
            engines[1].wait_progress(lambda now: now.get("replica", {}).get("is_complete"), "word that it is complete")
            # Nobody lets the standby receive again, so what follows is on the primary's disk alone: a ghost.
            engines[1].kill()
            servers[1].stop_receiver()
            ghost = Load(clients=1).on(servers[0])
            self.assertTrue(soon(lambda: ghost.asked and "Waiting for semi-sync" in servers[0].sql("SHOW PROCESSLIST")))
            servers[0].kill()
            ghost.end()
            engines[1].start()
            engines[1].lead(solo=True, epoch=2)
            servers[1].sql("INSERT INTO load_test.t VALUES (1)", user="app")
            servers[0].start()
            engines[0].follow(epoch=2)
            alarm = engines[0].wait(lambda said: said["is"] == "note" and said["level"] == "C", "alarm")
            self.assertIn("1 transaction(s) that the primary never had", alarm["text"])
            engines[0].wait_progress(lambda now: now.get("state") == "errant transactions", "state")
            self.assertIsNone(servers[0].source())
            self.assertFalse(servers[0].is_writable())
            engines[0].wait_progress(lambda now: "rescue" in now, "rescue file")
            path = engines[0].progress["rescue"]
            self.assertEqual(0o600, os.stat(path).st_mode & 0o777)
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
            # The ghost is in it, and nothing that the primary has.
            self.assertEqual(1, text.count("### INSERT INTO `load_test`.`t`"))
            self.assertIn(str(ghost.asked[-1]), text)


class Accounts(unittest.TestCase):
    def test_a_file_that_others_can_read_is_refused(self):
        with pair() as (servers, engines):
            engines[0].stop()
            os.chmod(engines[0].accounts, 0o640)
            engines[0].start()
            done = engines[0].lead(check=False)
            self.assertFalse(done["ok"])
            self.assertIn("chmod 600", done["detail"])
            self.assertFalse(servers[0].is_writable())


class Holder:
    """A lock that keeps the applier from the table."""

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        self.client = subprocess.Popen(
            ["mariadb", "--no-defaults", f"--socket={self.server.socket}", "-u", "root", "-N", "-B", "-n",
             "--unbuffered", "load_test"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.client.stdin.write("LOCK TABLES t READ; SELECT 1;\n")
        self.client.stdin.flush()
        self.client.stdout.readline()
        return self

    def __exit__(self, *_):
        self.client.kill()
        self.client.wait()
        self.client.stdout.close()


if __name__ == "__main__":
    enter_own_network()
    unittest.main(verbosity=2)
