"""The tables of both servers are compared while the application writes: what differs is found, and nothing else is
called different."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mysql_pair import Load, enter_own_network, make_table, pair, soon  # noqa: E402

PATIENCE_S = 180
ROWS = 3000
TABLES = """CREATE TABLE load_test.kinds (a VARCHAR(20) CHARACTER SET latin1, b INT UNSIGNED, c DATETIME NULL,
  d DECIMAL(10,2), e LONGBLOB, f TEXT CHARACTER SET utf8mb4, g ENUM('x','y'), h DOUBLE, i BIT(3), j TIMESTAMP NULL,
  PRIMARY KEY (a, b)) ENGINE=InnoDB;
CREATE TABLE load_test.days (d DATE PRIMARY KEY, n INT) ENGINE=InnoDB;
CREATE TABLE load_test.bytes (k VARBINARY(8) PRIMARY KEY, n INT) ENGINE=InnoDB;
CREATE TABLE load_test.plain (x INT) ENGINE=InnoDB;
CREATE TABLE load_test.old (x INT) ENGINE=MyISAM;
CREATE TABLE load_test.hot (id INT PRIMARY KEY, n INT) ENGINE=InnoDB;
CREATE TABLE load_test.`od``d 'n.ame` (`co``l` INT PRIMARY KEY) ENGINE=InnoDB;
"""


class NewRows(Load):
    # A load that the standby can follow on a busy machine.
    statement = "INSERT INTO t VALUES ({0}); DO SLEEP(0.01)"


class HotRows(Load):
    statement = "UPDATE hot SET n = n + 1 WHERE id IN (7, 1900); DO SLEEP(0.01)"


def filled(name, row, count):
    return f"INSERT INTO load_test.{name} VALUES {','.join(row(number) for number in range(1, count + 1))};"


class Verify(unittest.TestCase):
    def prepare(self, servers, engines):
        engines[0].lead(solo=True)
        make_table(servers[0])
        servers[0].sql(TABLES)
        servers[0].sql(filled("kinds", lambda n: f"('key''{n % 7}', {n}, NULL, {n}.25, X'00FF{n % 10}0', 'grün {n}',"
                                                 f" 'y', {n} / 3, 5, '2026-01-02 03:04:05')", 500))
        servers[0].sql(filled("days", lambda n: f"(DATE '2020-01-01' + INTERVAL {n} DAY, {n})", 300))
        servers[0].sql(filled("bytes", lambda n: f"(UNHEX(LPAD(HEX({n * 37}), 8, '0')), {n})", 300))
        servers[0].sql(filled("plain", lambda n: f"({n % 5})", 100))
        servers[0].sql(filled("hot", lambda n: f"({n}, 0)", ROWS))
        servers[0].sql(filled("`od``d 'n.ame`", lambda n: f"({n})", 3))
        engines[1].follow()
        engines[0].wait_synced()

    def verify(self, engine):
        former = engine.progress.get("verify", {}).get("started_ms")
        engine.ask("verify")

        def is_over():
            engine.listen(0.05)
            newest = engine.progress.get("verify", {})
            return newest.get("started_ms") not in (None, former) and newest["state"] != "running"
        self.assertTrue(soon(is_over, PATIENCE_S), engine.progress)
        return engine.progress["verify"]

    def by_hand(self, server, statements):
        """On a standby, so that nobody notices."""
        server.sql_in_spite(f"SET SESSION sql_log_bin = 0; {statements}")

    def test_nothing_is_called_different_while_the_application_writes(self):
        with pair() as (servers, engines):
            self.prepare(servers, engines)
            load, hot = NewRows(clients=2).on(servers[0]), HotRows(clients=2).on(servers[0])
            try:
                found = self.verify(engines[0])
            finally:
                load.end()
                hot.end()
            self.assertEqual(("done", 0), (found["state"], found["differences"]), found)
            self.assertEqual((8, 7, 1), (found["tables_all"], found["tables"], found["left_out"]), found)
            self.assertIn("MyISAM", found["first_left_out"][0]["what"])
            self.assertGreater(found["rows"], ROWS + 1200)
            self.assertGreater(int(servers[0].sql("SELECT n FROM load_test.hot WHERE id = 7")), 100)
            self.assertEqual([], engines[0].progress.get("alarms", []))
            print(f"{found['rows']} rows in {found['lasted_ms']} ms, {found['busy']} ranges not judged")

    def test_what_differs_is_found_and_named(self):
        with pair() as (servers, engines):
            self.prepare(servers, engines)
            self.by_hand(servers[1], "UPDATE load_test.kinds SET c = '2026-01-01' WHERE b = 77;"
                                     "DELETE FROM load_test.days WHERE n = 5;"
                                     "INSERT INTO load_test.hot VALUES (999999, 1);"
                                     "INSERT INTO load_test.plain VALUES (1)")
            load = NewRows(clients=2).on(servers[0])
            try:
                found = self.verify(engines[0])
            finally:
                load.end()
            self.assertEqual(("done", 4), (found["state"], found["differences"]), found)
            said = {each["path"]: each["what"] for each in found["first"]}
            self.assertEqual({"load_test.kinds", "load_test.days", "load_test.hot", "load_test.plain"}, set(said))
            self.assertRegex(said["load_test.kinds"], r"^a, b behind 'key'0', 7\d up to 'key'0', 77: other values in 1")
            self.assertRegex(said["load_test.days"], r"2020-01-06: 1 row\(s\) on the primary, 0 on the standby")
            self.assertIn("id behind 3000: 0 row(s) on the primary, 1 on the standby", said["load_test.hot"])
            self.assertIn("all rows: 100 row(s) on the primary, 101", said["load_test.plain"])
            alarm = engines[0].wait(lambda said: said["is"] == "alarm" and said["id"] == "differs", "alarm")
            self.assertIn("differ from the primary's in 4 place(s)", alarm["text"])
            # It is known after a restart of the engine, and over when it is mended.
            engines[0].stop()
            engines[0].said.clear()
            engines[0].start()
            engines[0].lead(solo=True)
            engines[0].wait_synced()
            engines[0].wait(lambda said: said["is"] == "alarm" and said["id"] == "differs", "alarm again")
            self.by_hand(servers[1], "UPDATE load_test.kinds SET c = NULL WHERE b = 77;"
                                     "INSERT INTO load_test.days VALUES (DATE '2020-01-06', 5);"
                                     "DELETE FROM load_test.hot WHERE id = 999999;"
                                     "DELETE FROM load_test.plain WHERE x = 1 LIMIT 1")
            self.assertEqual(0, self.verify(engines[0])["differences"])
            engines[0].wait(lambda said: said.get("id") == "differs" and not said["raised"], "end of the alarm")

    def test_only_a_primary_with_a_standby_that_is_up_to_date_compares(self):
        with pair() as (servers, engines):
            self.prepare(servers, engines)
            self.assertIn("ask the primary", engines[1].ask("verify", check=False)["detail"])
            self.assertIn("provisioned anew", engines[0].ask("verify", check=False, repair=True)["detail"])
            self.by_hand(servers[1], "DELETE FROM load_test.days WHERE n = 5")
            engines[0].ask("verify")
            self.assertIn("under way", engines[0].ask("verify", check=False)["detail"])
            engines[0].wait_progress(lambda now: now["verify"]["state"] == "running", "begin")
            servers[1].kill()
            engines[0].wait_behind()
            engines[0].wait_progress(lambda now: now["verify"]["state"] == "ended", "end")
            self.assertEqual(0, engines[0].progress["verify"]["differences"])
            self.assertIn("not up to date", engines[0].ask("verify", check=False)["detail"])


if __name__ == "__main__":
    enter_own_network()
    unittest.main(verbosity=2)
