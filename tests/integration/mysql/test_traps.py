"""The traps of two replicating servers, each met once: what the servers call healthy and is not."""
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mysql_pair import Load, Server, enter_own_network, make_table, pair, soon  # noqa: E402

FAKETIME = "/usr/$LIB/faketime/libfaketimeMT.so.1"  # the loader knows which $LIB
ENDLESS_MS = "4294967295"
LAG_LIMIT_MS = 20_000  # the clocks jump by hours


def alarm_of(engine, word):
    return engine.wait(lambda said: said["is"] == "alarm" and said["raised"] and said["id"] == word, f"alarm {word}")


def lead_and_follow(servers, engines):
    engines[0].lead(solo=True)
    make_table(servers[0])
    engines[1].follow()
    engines[0].wait_synced()


class SmallLogDisk(Server):
    """The first one writes its binary log to a disk of its own, of 64 MB."""

    def make_data(self):
        super().make_data()
        self.disk = os.path.join(self.folder, "logs")
        os.mkdir(self.disk)
        if self.number == 1:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", self.disk], check=True)
        shutil.chown(self.disk, "mysql")

    def argv(self):
        own = f"--log-bin={self.disk}/binlog"
        return [own if word.startswith("--log-bin=") else word for word in super().argv()]

    def stop(self):
        super().stop()
        if self.number == 1:
            subprocess.run(["umount", self.disk], check=True)

    def fill(self, left):
        """While the server writes there as well."""
        with open(os.path.join(self.disk, "ballast"), "ab", buffering=0) as file, contextlib.suppress(OSError):
            while (about := os.statvfs(self.disk)).f_bavail * about.f_frsize > left:
                file.write(bytes(4096))

    def empty(self):
        os.remove(os.path.join(self.disk, "ballast"))


class Clock:
    """A wall clock that jumps, of the programs that are started with its words in front; monotonic time goes on."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "clock")
        self.step("+0")
        os.chmod(self.path, 0o644)
        self.words = ["env", f"LD_PRELOAD={FAKETIME}", f"FAKETIME_TIMESTAMP_FILE={self.path}",
                      "FAKETIME_CACHE_DURATION=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"]

    def step(self, offset):
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            file.write(offset + "\n")
        os.chmod(self.path + ".new", 0o644)
        os.rename(self.path + ".new", self.path)


class Jumping(Server):
    def make_data(self):
        super().make_data()
        self.clock = Clock(self.folder)

    def argv(self):
        return [*self.clock.words, *super().argv()]

    def stop(self):
        super().stop()
        # What the clock of a killed server leaves.
        for name in ("faketime_shm_", "sem.faketime_sem_"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(f"/dev/shm/{name}{self.process.pid}")


class SlowLoad(Load):
    """It leaves the time for an alarm: the disk is looked at every ten seconds."""
    statement = "INSERT INTO t VALUES ({0}); DO SLEEP(0.01)"


class Traps(unittest.TestCase):
    def test_two_servers_with_one_server_id(self):
        with pair() as (servers, engines):
            engines[0].lead(solo=True)
            servers[1].sql("SET GLOBAL server_id = 1")
            engines[1].follow()
            engines[1].wait_progress(lambda now: "both servers have server_id 1" in now.get("problem", ""), "refusal")
            self.assertIsNone(servers[1].source(), "it would skip the events of its own id, without a word")
            alarm_of(engines[1], "refused")
            servers[1].sql("SET GLOBAL server_id = 2")
            engines[0].wait_synced()
            engines[1].wait(lambda said: said["is"] == "alarm" and not said["raised"], "word that it is over")

    def test_errant_transactions_on_a_standby_that_follows(self):
        with pair() as (servers, engines):
            lead_and_follow(servers, engines)
            servers[1].sql_in_spite("CREATE DATABASE by_hand")
            self.assertIn("1 transaction(s)", alarm_of(engines[1], "errant")["text"])
            engines[1].wait_progress(lambda now: now.get("state") == "errant transactions", "state")

    def test_logs_that_the_standby_needs_are_purged(self):
        with pair() as (servers, engines):
            engines[0].lead(solo=True)
            make_table(servers[0])
            servers[0].sql("FLUSH BINARY LOGS")
            servers[0].sql("PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY")
            engines[1].follow()
            self.assertIn("purged", alarm_of(engines[1], "purged")["text"])
            self.assertIsNone(servers[1].source())

    def test_a_lag_that_lies(self):
        with pair(lag_limit_ms=2000) as (servers, engines):
            lead_and_follow(servers, engines)
            engines[1].wait_progress(lambda now: now.get("lag_ms") == 0, "lag")
            servers[0].process.send_signal(signal.SIGSTOP)
            try:
                self.assertIn("2000 ms", alarm_of(engines[1], "lag")["text"])
                self.assertEqual("0", servers[1].column("Seconds_Behind_Master"), "what it says itself")
            finally:
                servers[0].process.send_signal(signal.SIGCONT)
            engines[1].wait(lambda said: said["is"] == "alarm" and said["id"] == "lag" and not said["raised"], "end")

    def test_a_wrong_password_of_the_replication(self):
        with pair() as (servers, engines):
            servers[0].sql("SET SESSION sql_log_bin = 0; ALTER USER copy@'%' IDENTIFIED BY 'another'")
            engines[0].lead(solo=True)
            engines[1].follow()
            said = alarm_of(engines[1], "receiver")["text"]
            self.assertIn("1045", said)
            self.assertNotIn("copy secret", said)
            self.assertNotEqual("up to date", engines[0].progress.get("state"))

    def test_writes_to_a_standby(self):
        with pair() as (servers, engines):
            lead_and_follow(servers, engines)
            self.assertIn("1290", servers[1].run("INSERT INTO load_test.t VALUES (1)", user="app").stderr)
            servers[1].sql("SET GLOBAL read_only = 0")
            self.assertTrue(soon(servers[1].is_closed))

    def test_replication_stopped_by_a_duplicate_key(self):
        with pair() as (servers, engines):
            lead_and_follow(servers, engines)
            servers[1].sql_in_spite("SET SESSION sql_log_bin = 0; INSERT INTO load_test.t VALUES (5)")
            servers[0].sql("INSERT INTO load_test.t VALUES (5)", user="app")
            self.assertIn("1062", alarm_of(engines[1], "applier")["text"])
            # Nothing is skipped: what comes behind it waits.
            engines[1].wait_progress(lambda now: now["replica"]["applier"] == "stopped", "stopped applier")

    def test_a_semi_sync_time_out_set_by_hand(self):
        with pair() as (servers, engines):
            lead_and_follow(servers, engines)
            for variable, weak, wanted in (("timeout", "1000", ENDLESS_MS), ("wait_no_slave", "0", "1"),
                                           ("wait_point", "AFTER_COMMIT", "AFTER_SYNC")):
                name = f"rpl_semi_sync_master_{variable}"
                asked = f"SELECT @@{name}"
                servers[0].sql(f"SET GLOBAL {name} = {weak}")
                self.assertTrue(soon(lambda asked=asked, wanted=wanted: servers[0].sql(asked) == wanted), name)
                self.assertIn(variable, alarm_of(engines[0], "semi-sync")["text"])
                engines[0].wait(lambda said: said["is"] == "alarm" and not said["raised"], "word that it is over")
            load = Load(clients=2).on(servers[0])
            try:
                self.assertTrue(soon(lambda: len(load.acknowledged) > 20))
                servers[1].kill()
                engines[0].wait_behind()
                before = len(load.acknowledged)
                time.sleep(3)
                self.assertEqual(before, len(load.acknowledged), "answered without the standby")
            finally:
                load.end()

    def test_a_full_disk_of_the_binary_log(self):
        with pair(server=SmallLogDisk) as (servers, engines):
            lead_and_follow(servers, engines)
            load = SlowLoad(clients=2).on(servers[0])
            try:
                self.assertTrue(soon(lambda: len(load.acknowledged) > 50))
                servers[0].fill(left=6_000_000)
                self.assertRegex(alarm_of(engines[0], "disk")["text"], "has [1-6] MB left of 67 MB")
                before = len(load.acknowledged)
                self.assertTrue(soon(lambda: len(load.acknowledged) > before + 50), "it is an alarm, and no more")
                servers[0].fill(left=0)
                self.assertTrue(soon(lambda: "free space" in servers[0].sql("SHOW PROCESSLIST")))
                # The server hangs, and the engine does not: the other node goes on.
                engines[0].release()
                engines[1].lead(solo=True, epoch=2)
                before = len(load.acknowledged)
                load.on(servers[1])
                self.assertTrue(soon(lambda: len(load.acknowledged) > before + 20))
                servers[0].empty()
                engines[0].follow(epoch=2)
                # The server has counted what it could not write to its end.
                alarm_of(engines[0], "errant")
                engines[0].wait(lambda said: "what only this server has" in said.get("text", ""), "word of the rescue")
            finally:
                load.end()
            self.assertEqual(set(), set(load.acknowledged) - servers[1].rows())

    def test_a_clock_that_is_set(self):
        with pair(server=Jumping, lag_limit_ms=LAG_LIMIT_MS) as (servers, engines):
            for engine, server in zip(engines, servers):
                engine.stop()
                engine.wrapper = server.clock.words
                engine.start()
            lead_and_follow(servers, engines)
            engines[1].wait_progress(lambda now: now.get("replica", {}).get("is_complete"), "word that it is complete")
            load = Load(clients=2).on(servers[0])
            behind = []
            try:
                for server, offset in ((0, "+3600"), (0, "-3600"), (1, "+7200"), (1, "-3600"), (0, "+0"), (1, "+0")):
                    servers[server].clock.step(offset)
                    behind += self.expect_calm(servers, engines, load)
                servers[0].kill()
                engines[1].lead(solo=True, epoch=2)
            finally:
                load.end()
            self.assertGreater(max(behind), 1800, "the clocks did not jump")
            self.assertEqual(set(), set(load.acknowledged) - servers[1].rows())

    def expect_calm(self, servers, engines, load):
        """Commits go on, protected, and nobody complains; what the standby's server says of its lag meanwhile."""
        before = len(load.acknowledged)
        until = time.monotonic() + 4
        said = []
        while time.monotonic() < until:
            for engine in engines:
                engine.listen(0.1)
                self.assertEqual([], engine.progress.get("alarms", []))
                self.assertEqual([], [each for each in engine.said if each["is"] in ("alarm", "behind")])
            self.assertTrue(engines[1].progress["replica"]["is_complete"])
            self.assertLess(engines[1].progress["lag_ms"], LAG_LIMIT_MS)
            said.append(int(servers[1].column("Seconds_Behind_Master")))
        self.assertGreater(len(load.acknowledged), before + 10)
        return said

    def test_looks_cost_less_than_ten_statements_a_second(self):
        with pair() as (servers, engines):
            lead_and_follow(servers, engines)
            engines[1].wait_progress(lambda now: now.get("replica", {}).get("is_complete"), "word that it is complete")
            asked = "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'QUESTIONS'"
            for server in servers:
                before = int(server.sql(asked))
                self.assertFalse(soon(lambda: False, 10))
                cost = (int(server.sql(asked)) - before) / 10
                print(f"{server.node}: {cost:.1f} statements a second")
                self.assertLess(cost, 10)


if __name__ == "__main__":
    enter_own_network()
    unittest.main(verbosity=2)
