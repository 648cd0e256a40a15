"""The attributes of <rfs> that say how long, how fast, and what is acknowledged."""
import os
import re
import signal
import sys
import threading
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TESTS, "support"))
from engine_pair import enter_own_namespaces, pair, stand_still  # noqa: E402

MEGABYTE = 1 << 20
LONG_NS = 60_000_000_000
IDLE_S = 4


def write(path, content):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    os.write(descriptor, content)
    os.close(descriptor)


def sleeps_of(process):
    """How often one of its threads has waited for something, and was woken."""
    threads = f"/proc/{process}/task"
    count = 0
    for thread in os.listdir(threads):
        with open(os.path.join(threads, thread, "status"), encoding="ascii") as status:
            count += int(re.search(r"\nvoluntary_ctxt_switches:\t(\d+)", status.read())[1])
    return count


class Limits(unittest.TestCase):
    def copied_in(self, **options):
        with pair(**options) as (one, two):
            write(os.path.join(one.backing, "large"), os.urandom(8 * MEGABYTE))
            two.follow()
            begun = time.monotonic()
            one.lead()
            one.wait_synced()
            return time.monotonic() - begun

    def test_of_the_bandwidth_holds_a_copy_up(self):
        self.assertGreater(self.copied_in(copy_bytes_per_second=4 * MEGABYTE), 1.9)

    def test_of_the_bandwidth_does_not_hold_up_what_is_written_meanwhile(self):
        with pair(copy_bytes_per_second=2 * MEGABYTE) as (one, two):
            write(os.path.join(one.backing, "large"), os.urandom(8 * MEGABYTE))
            two.follow()
            one.lead()
            time.sleep(0.5)
            begun = time.monotonic()
            write(os.path.join(one.directory, "meanwhile"), b"w" * 16 * MEGABYTE)
            self.assertLess(time.monotonic() - begun, 2.0)
            one.wait_synced()
            self.assertEqual(os.path.getsize(os.path.join(two.backing, "meanwhile")), 16 * MEGABYTE)

    def test_every_write_waits_where_that_is_asked_for(self):
        for every in (False, True):
            with self.subTest(acknowledges_writes=every), pair(acknowledges_writes=every) as (one, two):
                two.follow()
                one.lead()
                one.wait_synced()
                stand_still(two.process)
                done = threading.Event()

                def work(path=os.path.join(one.directory, "plain"), done=done):
                    write(path, b"no sync")
                    done.set()
                thread = threading.Thread(target=work)
                thread.start()
                self.assertEqual(done.wait(0.7), not every)
                os.kill(two.process.pid, signal.SIGCONT)
                thread.join()

    def test_of_a_send_that_stalls_loses_the_replica(self):
        with pair(send_limit_ns=1_000_000_000, silence_limit_ns=LONG_NS // 15, confirm_limit_ns=LONG_NS) as (one, two):
            two.follow()
            one.lead()
            one.wait_synced()
            stand_still(two.process)
            try:
                write(os.path.join(one.directory, "much"), b"m" * 24 * MEGABYTE)
                self.assertIn("it has taken nothing for", one.wait_behind()["reason"])
            finally:
                os.kill(two.process.pid, signal.SIGCONT)

    def test_an_idle_engine_sleeps(self):
        with pair(silence_limit_ns=8_000_000_000) as (one, two):
            two.follow()
            one.lead()
            one.wait_synced()
            time.sleep(1)
            before = [sleeps_of(engine.process.pid) for engine in (one, two)]
            time.sleep(IDLE_S)
            for engine, at in zip((one, two), before):
                self.assertLess((sleeps_of(engine.process.pid) - at) / IDLE_S, 5, engine.node)


if __name__ == "__main__":
    enter_own_namespaces()
    unittest.main()
