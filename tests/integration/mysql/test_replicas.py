"""Further replicas: repointed by GTID to whichever node leads; what must not be repointed is told and left alone.
  test_replicas.py [mariadb|5.6|current] [tests]      exit code 77: this machine cannot get that one"""
import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mysql_pair import PORT, Load, enter_own_network, make_table, needs_semi_sync, soon, use  # noqa: E402
from replica_servers import KINDS, SKIPPED, Unavailable, prepare, with_replicas  # noqa: E402


class FurtherReplicas(unittest.TestCase):
    def expect_state(self, engine, replica, state, word=""):
        def is_so(now):
            found = replica.shown(now)
            return found.get("state") == state and word in found.get("problem", "") + found.get("remark", "")
        engine.wait_progress(is_so, f"'{state}' {word} of {replica.node}")

    def wait_alarm(self, engine, replica, word=""):
        name = f"replica-{replica.address}-{PORT}"
        return engine.wait(lambda said: said["is"] == "alarm" and said["raised"] and said["id"] == name
                           and word in said["text"], f"alarm {name} {word}")

    def begin(self, servers, engines, replicas):
        engines[0].lead(solo=True)
        make_table(servers[0])
        engines[1].follow()
        engines[0].wait_synced()
        for replica in replicas:
            replica.point(servers[0].address)
            self.expect_state(engines[0], replica, "following")

    def swap(self, engines, epoch):
        old, new = engines if epoch % 2 == 0 else reversed(engines)
        old.release()
        new.lead(solo=True, epoch=epoch)
        old.follow(epoch)
        new.wait_synced()

    def test_follow_through_a_swap_and_a_failover(self):
        with with_replicas(2) as (servers, engines, replicas):
            self.begin(servers, engines, replicas)
            healthy, errant = replicas
            # Somebody wrote to it.
            errant.write_beside("CREATE DATABASE by_hand")
            self.expect_state(engines[0], errant, "errant transactions", "1 transaction(s)")
            self.swap(engines, 2)
            self.expect_state(engines[1], healthy, "following")
            self.assertEqual(healthy.source(), servers[1].address)
            self.expect_state(engines[1], errant, "errant transactions")
            self.assertIn("errant", self.wait_alarm(engines[1], errant)["text"])
            self.assertEqual(errant.source(), servers[0].address, "it was touched")
            engines[0].wait_progress(lambda now: "further_replicas" not in now, "standby without a word of them")
            servers[1].sql("INSERT INTO load_test.t VALUES (1)", user="app")
            self.assertTrue(soon(lambda: healthy.rows() == {1}))
            # Without a word to anybody.
            servers[1].kill()
            engines[0].lead(solo=True, epoch=3)
            servers[0].sql("INSERT INTO load_test.t VALUES (2)", user="app")
            self.expect_state(engines[0], healthy, "following")
            self.assertEqual(healthy.source(), servers[0].address)
            self.assertTrue(soon(lambda: healthy.rows() == {1, 2}))
            engines[0].wait_progress(lambda now: healthy.shown(now).get("transactions_behind") == 0,
                                     "replica that is up to date")
            self.assertEqual(0, healthy.shown(engines[0].progress)["lag_ms"])
            self.assertEqual(healthy.shown(engines[0].progress)["server_id"], healthy.number)
            engines[0].wait(lambda said: said["is"] == "note" and "repoint it to this node: done" in said["text"]
                            and healthy.address in said["text"], "line in the log")
            self.assertIn("by_hand", errant.sql("SHOW DATABASES"))

    def test_what_a_crash_left_on_a_replica_alone_keeps_it_out(self):
        """It had a transaction of the dead primary's that the standby never got."""
        with with_replicas(1) as (servers, engines, (replica,)):
            self.begin(servers, engines, [replica])
            engines[1].process.send_signal(signal.SIGSTOP)
            servers[1].stop_receiver()
            engines[0].wait_behind()
            engines[0].send({"do": "allow_solo"})
            servers[0].sql("INSERT INTO load_test.t VALUES (7)", user="app")
            self.assertTrue(soon(lambda: replica.rows() == {7}))
            servers[0].kill()
            engines[1].process.send_signal(signal.SIGCONT)
            engines[1].lead(solo=True, epoch=2)
            self.expect_state(engines[1], replica, "errant transactions")
            self.assertEqual(replica.source(), servers[0].address)

    def test_one_that_is_not_there_is_repointed_when_it_comes_back(self):
        with with_replicas(1) as (servers, engines, (replica,)):
            self.begin(servers, engines, [replica])
            replica.kill()
            self.expect_state(engines[0], replica, "not reached")
            self.wait_alarm(engines[0], replica, "not reached")
            self.swap(engines, 2)
            self.expect_state(engines[1], replica, "not reached")
            replica.start()
            self.expect_state(engines[1], replica, "following")
            self.assertEqual(replica.source(), servers[1].address)

    def test_one_that_was_stopped_by_hand_stays_so(self):
        with with_replicas(1) as (servers, engines, (replica,)):
            self.begin(servers, engines, [replica])
            replica.stop_replica("SQL_THREAD")
            self.expect_state(engines[0], replica, "stopped", "applier is stopped, and by no error")
            self.swap(engines, 2)
            self.expect_state(engines[1], replica, "stopped")
            self.wait_alarm(engines[1], replica, "stopped")
            self.assertEqual(replica.source(), servers[0].address)
            self.assertEqual(replica.threads()[1], "No")
            replica.start_replica()
            self.expect_state(engines[1], replica, "following")
            self.assertEqual(replica.source(), servers[1].address)

    def test_a_stopped_applier_purged_logs_and_a_wrong_password_are_told(self):
        with with_replicas(2) as (servers, engines, replicas):
            self.begin(servers, engines, replicas)
            duplicate, late = replicas
            duplicate.write_beside("INSERT INTO load_test.t VALUES (5)", in_log=False)
            late.kill()
            servers[0].sql("INSERT INTO load_test.t VALUES (5)", user="app")
            self.expect_state(engines[0], duplicate, "applier stopped", "1062")
            self.swap(engines, 2)
            self.expect_state(engines[1], duplicate, "applier stopped", "1062")
            self.assertEqual(duplicate.source(), servers[0].address)
            for server in servers:
                server.purge_logs()  # the standby's would do: it comes back to its former source
            late.start()
            self.expect_state(engines[1], late, "logs purged")
            self.assertEqual(late.source(), servers[0].address)
            late.lock_out()
            late.kill()
            late.start()
            self.expect_state(engines[1], late, "not reached", "make the agent's account there")

    def test_a_source_of_its_own_or_none_is_not_changed(self):
        with with_replicas(2) as (servers, engines, (foreign, none)):
            engines[0].lead(solo=True)
            make_table(servers[0])
            foreign.point("127.0.0.77")
            self.expect_state(engines[0], foreign, "another source", "127.0.0.77")
            self.expect_state(engines[0], none, "another source", "no source")
            self.assertEqual(foreign.source(), "127.0.0.77")
            self.assertIsNone(none.source())
            none.set_server_id(servers[1].number)
            engines[1].follow()
            engines[0].wait_synced()
            self.expect_state(engines[0], none, "refused", "server_id")

    def test_without_gtid_it_is_refused_with_the_way(self):
        with with_replicas(1) as (servers, engines, (replica,)):
            self.begin(servers, engines, [replica])
            replica.leave_gtid()
            self.expect_state(engines[0], replica, "no GTID", "it does not replicate by GTID")
            self.swap(engines, 2)
            self.expect_state(engines[1], replica, "no GTID")
            self.assertEqual(replica.source(), servers[0].address)

    def test_that_it_takes_writes_is_told_and_not_changed(self):
        with with_replicas(1) as (servers, engines, (replica,)):
            self.begin(servers, engines, [replica])
            replica.open_for_writes()
            self.expect_state(engines[0], replica, "following", "it takes writes")
            self.wait_alarm(engines[0], replica, "it takes writes")
            self.assertTrue(replica.is_writable())

    @needs_semi_sync
    def test_it_acknowledges_no_commit_in_the_place_of_the_standby(self):
        """The worst day: commits that are answered because a replica has them, and the standby does not."""
        with with_replicas(1) as (servers, engines, (replica,)):
            self.begin(servers, engines, [replica])
            replica.acknowledge_commits()
            # From now on the standby does not count, and the agent puts that on record.
            self.assertIn("2 replicas acknowledge", engines[0].wait_behind()["reason"])
            engines[0].send({"do": "allow_solo"})
            self.assertTrue(soon(lambda: not replica.acknowledges()), "it goes on")
            self.wait_alarm(engines[0], replica, "acknowledged commits")
            self.expect_state(engines[0], replica, "following", "which was turned off")
            engines[0].wait_synced()
            engines[0].wait_progress(lambda now: now["semi_sync"]["replicas"] == 1, "standby that acknowledges alone")
            # With the standby lost, its answer would be the only one: a commit must wait.
            load = Load(clients=2).on(servers[0])
            try:
                self.assertTrue(soon(lambda: len(load.acknowledged) > 10))
                servers[1].kill()
                engines[0].wait_behind()
                before = len(load.acknowledged)
                self.assertFalse(soon(lambda: len(load.acknowledged) > before, 2), "answered without the standby")
            finally:
                engines[0].release()
                load.end()

    @needs_semi_sync
    def test_a_standby_that_does_not_acknowledge_is_not_counted_on_because_another_one_does(self):
        """One replica acknowledges, as it should be, and it is the wrong one."""
        with with_replicas(1, listed=False) as (servers, engines, (replica,)):
            engines[0].lead(solo=True)
            make_table(servers[0])
            engines[1].follow()
            engines[0].wait_synced()
            replica.point(servers[0].address)
            replica.acknowledge_commits()
            servers[1].acknowledge_commits(False)
            self.assertIn("acknowledge", engines[0].wait_behind()["reason"])
            engines[0].wait_progress(lambda now: now.get("state") != "up to date", "state of a lost standby")

    def test_the_looks_cost_the_primary_nothing(self):
        with with_replicas(2) as (servers, engines, replicas):
            self.begin(servers, engines, replicas)
            for server in (servers[0], replicas[0]):
                before = server.questions()
                self.assertFalse(soon(lambda: False, 10))
                cost = (server.questions() - before) / 10
                print(f"{server.node}: {cost:.1f} statements a second")
                self.assertLess(cost, 10)


if __name__ == "__main__":
    release = sys.argv.pop(1) if len(sys.argv) > 1 and sys.argv[1] in KINDS else "mariadb"
    try:
        use(prepare(release))
    except Unavailable as reason:
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    enter_own_network()
    unittest.main(verbosity=2)
