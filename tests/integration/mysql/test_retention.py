"""Binary logs go when both servers have applied them, and not before, however near their limit they are."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mysql_pair import enter_own_network, make_table, pair, soon  # noqa: E402

LIMIT = 1_000_000
PATIENCE_S = 60  # the logs are looked at every ten seconds
ROW_BYTES = 100_000


def logs(server):
    """Name and size, oldest first."""
    return [(line.split()[0], int(line.split()[1])) for line in server.sql("SHOW BINARY LOGS").splitlines()]


def size(server):
    return sum(each for _, each in logs(server))


class Retention(unittest.TestCase):
    def prepare(self, servers, engines):
        engines[0].lead(solo=True)
        make_table(servers[0])
        servers[0].sql("CREATE TABLE load_test.ballast (id INT AUTO_INCREMENT PRIMARY KEY, payload LONGTEXT) "
                       "ENGINE=InnoDB")
        engines[1].follow()
        engines[0].wait_synced()

    def write(self, server, megabytes):
        for _ in range(int(megabytes * 1_000_000 / ROW_BYTES)):
            server.sql(f"INSERT INTO load_test.ballast (payload) VALUES (REPEAT('x', {ROW_BYTES}))")

    def count(self, server):
        return server.sql("SELECT COUNT(*) FROM load_test.ballast")

    def test_logs_that_both_servers_have_applied_are_purged_on_both(self):
        with pair(binlog_bytes_max=LIMIT) as (servers, engines):
            self.prepare(servers, engines)
            oldest = [logs(server)[0][0] for server in servers]
            self.write(servers[0], 1.5)
            for server, engine, name in zip(servers, engines, oldest):
                self.assertTrue(soon(lambda server=server: size(server) < LIMIT, PATIENCE_S), logs(server))
                self.assertNotIn(name, [each for each, _ in logs(server)])
                engine.wait(lambda said: "are purged" in said.get("text", "") and said["level"] == "I", "word of it")
                engine.wait_progress(lambda now: 0 < now["logs"]["bytes"] < LIMIT, "their size")
            self.assertNotIn("alarms", engines[0].progress)
            # Nobody lost anything by it.
            self.write(servers[0], 0.1)
            self.assertTrue(soon(lambda: self.count(servers[1]) == self.count(servers[0]) == "16"))

    def test_logs_that_the_standby_lacks_stay_and_are_an_alarm(self):
        with pair(binlog_bytes_max=LIMIT) as (servers, engines):
            self.prepare(servers, engines)
            servers[1].kill()
            if servers[0].has_semi_sync:
                engines[0].wait_behind()
                engines[0].send({"do": "allow_solo"})
            self.write(servers[0], 1.5)
            alarm = engines[0].wait(lambda said: said["is"] == "alarm" and said["id"] == "binlog", "alarm", PATIENCE_S)
            self.assertIn("is still needed: the standby has", alarm["text"])
            self.assertGreater(size(servers[0]), LIMIT)
            servers[1].start()
            self.assertTrue(soon(lambda: servers[1].run("SELECT 1 FROM load_test.ballast").stdout.count("1") == 15))
            engines[0].wait(lambda said: said["is"] == "alarm" and said["id"] == "binlog" and not said["raised"], "end",
                            PATIENCE_S)
            self.assertTrue(soon(lambda: size(servers[0]) < LIMIT, PATIENCE_S), logs(servers[0]))


if __name__ == "__main__":
    enter_own_network()
    unittest.main(verbosity=2)
