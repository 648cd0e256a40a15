"""A planned change of roles over a standby that is behind: the clients go on, slowly, until it is close."""
import contextlib
import os
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mysql_pair import Load, enter_own_network, make_table, pair, soon  # noqa: E402

BEFORE_US, SLOWED_US = "700", "50000"
# For as long as a server waits that cannot slow its commits.
PATIENCE_UNSLOWED_S = 1.0


class Approach(unittest.TestCase):
    @contextlib.contextmanager
    def loaded(self):
        with pair() as (servers, engines):
            engines[0].lead(solo=True)
            make_table(servers[0])
            engines[1].follow()
            engines[0].wait_synced()
            if servers[0].commit_delay:
                servers[0].sql(f"SET GLOBAL {servers[0].commit_delay} = {BEFORE_US}")
            load = Load().on(servers[0])
            try:
                self.assertTrue(soon(lambda: len(load.acknowledged) > 20))
                yield servers, engines, load
            finally:
                load.end()

    @contextlib.contextmanager
    def applier_held(self, standby):
        """Its applier waits for the table."""
        holder = subprocess.Popen(["mariadb", "--no-defaults", f"--socket={standby.socket}", "-u", "root", "-e",
                                   "LOCK TABLES load_test.t READ; SELECT SLEEP(600)"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        try:
            self.assertTrue(soon(lambda: "SLEEP(600)" in standby.sql("SHOW PROCESSLIST")))
            yield
        finally:
            holder.kill()
            holder.wait()
            # The server notices late that nobody is there any more, where it lives.
            for line in standby.run("SHOW PROCESSLIST").stdout.splitlines():
                if "SLEEP(600)" in line and "SHOW PROCESSLIST" not in line:
                    standby.sql(f"KILL {line.split()[0]}")

    def wait_delay(self, server, wanted):
        question = f"SELECT @@global.{server.commit_delay}"
        self.assertTrue(soon(lambda: server.run(question).stdout.strip() == wanted), server.run(question))

    def wait_slowed(self, server):
        self.wait_delay(server, SLOWED_US)

    def hand_over(self, engine):
        return engine.ask_later("release", is_handed_over=True)

    def test_clients_go_on_until_the_standby_is_close(self):
        with self.loaded() as (servers, engines, load):
            with self.applier_held(servers[1]):
                token = self.hand_over(engines[0])
                if servers[0].commit_delay:
                    self.wait_slowed(servers[0])
                    before = len(load.acknowledged)
                    self.assertTrue(soon(lambda: len(load.acknowledged) > before + 20), "nobody can write")
                    self.assertTrue(servers[0].is_writable())
                else:
                    self.assertFalse(soon(lambda: servers[0].is_closed(), PATIENCE_UNSLOWED_S / 2))
                    engines[0].answer(token, "release")
            if servers[0].commit_delay:
                engines[0].answer(token, "release")
                self.wait_delay(servers[0], BEFORE_US)
                engines[0].wait(lambda said: "each commit waits 50 ms" in said.get("text", ""), "word of it")
            self.assertFalse(servers[0].is_writable())
            begun = time.monotonic()
            engines[1].lead(solo=True, epoch=2)
            print(f"led after {time.monotonic() - begun:.2f} s")
            self.assertEqual(set(), set(load.acknowledged) - servers[1].rows())

    def test_a_standby_that_is_close_is_not_waited_for(self):
        with self.loaded() as (servers, engines, load):
            load.end()
            self.assertTrue(soon(lambda: servers[1].rows() >= set(load.acknowledged)))
            engines[0].answer(self.hand_over(engines[0]), "release")
            self.assertEqual([], [said for said in engines[0].said if "each commit waits" in said.get("text", "")])
            self.assertFalse(servers[0].is_writable())

    def test_nobody_waits_where_the_role_is_lost(self):
        """Another order comes first: a release that is not planned, or that the node must give up at once."""
        for order in ("release", "give_up"):
            with self.subTest(order), self.loaded() as (servers, engines, _), self.applier_held(servers[1]):
                token = self.hand_over(engines[0])
                if servers[0].commit_delay:
                    self.wait_slowed(servers[0])
                begun = time.monotonic()
                if order == "release":
                    engines[0].ask("release")
                else:
                    engines[0].send({"do": "give_up"})
                self.assertTrue(soon(lambda: servers[0].is_closed()))
                self.assertLess(time.monotonic() - begun, 5)
                self.assertFalse(engines[0].answer(token, "release", check=False)["ok"])
                if servers[0].commit_delay:
                    self.wait_delay(servers[0], BEFORE_US)

    def test_a_standby_that_dies_meanwhile_is_not_waited_for(self):
        with self.loaded() as (servers, engines, load):
            if not servers[0].commit_delay:
                self.skipTest("this server cannot slow its commits")
            with self.applier_held(servers[1]):
                token = self.hand_over(engines[0])
                self.wait_slowed(servers[0])
                servers[1].kill()
            engines[0].answer(token, "release")
            engines[0].wait(lambda said: "is not waited for" in said.get("text", ""), "word of it")
            self.wait_delay(servers[0], BEFORE_US)
            self.assertFalse(servers[0].is_writable())
            load.end()
            servers[1].start()
            engines[0].lead(solo=True, epoch=2)
            self.assertEqual(set(), set(load.acknowledged) - servers[0].rows())

    def test_whoever_comes_after_a_dead_engine_sets_the_commits_back(self):
        with self.loaded() as (servers, engines, _):
            if not servers[0].commit_delay:
                self.skipTest("this server cannot slow its commits")
            with self.applier_held(servers[1]):
                self.hand_over(engines[0])
                self.wait_slowed(servers[0])
                engines[0].kill()
            self.wait_delay(servers[0], SLOWED_US)
            engines[0].start()
            engines[0].lead(solo=True)
            self.wait_delay(servers[0], BEFORE_US)
            self.assertFalse(os.path.exists(os.path.join(engines[0].state_path, "commit_delay")))


if __name__ == "__main__":
    enter_own_network()
    unittest.main(verbosity=2)
