"""The verification of the two copies: what somebody changed behind the replication is found and repaired, and what the
application writes meanwhile is no difference."""
import os
import random
import shutil
import sys
import threading
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TESTS, "support"))
from engine_pair import PATIENCE_S, enter_own_namespaces, pair, soon  # noqa: E402
from test_engine import play, write  # noqa: E402
from test_random import FOLDERS, work  # noqa: E402
from tree import compare  # noqa: E402

LOAD_S = float(os.environ.get("CLUSTERAGENT_VERIFY_LOAD_S", "20"))
WRITERS = 3


def start(one, two):
    two.follow()
    one.lead()
    one.wait_synced()


def verify(engine, repair=False):
    """The result, once there is one: what the agent would show of it."""
    began = int(time.time() * 1000)
    engine.ask("verify", repair=repair)

    def is_ended(said):
        found = said.get("status", {}).get("verify", {}) if said["is"] == "progress" else {}
        return found.get("state") in ("done", "ended") and found["started_ms"] >= began
    return engine.wait(is_ended, "result of the verification", 60)["status"]["verify"]


def backing(engine, name):
    return os.path.join(engine.backing, name)


def found_in(result):
    return sorted((each["path"], each["what"]) for each in result["first"])


class Verification(unittest.TestCase):
    def setUp(self):
        enter_own_namespaces()

    @staticmethod
    def damage(two):
        """Content beneath the mount, a hole that is none there, names, attributes."""
        write(backing(two, "large"), b"\xff", os.O_WRONLY, 5 * 65536 + 17)
        write(backing(two, "sparse"), b"x", os.O_WRONLY, 3 << 20)
        os.truncate(backing(two, "short"), 1000)
        os.chmod(backing(two, "plain"), 0o600)
        os.setxattr(backing(two, "d"), "user.one", b"other")
        os.unlink(backing(two, "e"))
        os.unlink(backing(two, "g"))
        write(backing(two, "g"), b"made anew")
        write(backing(two, "extra"), b"not on the primary")
        shutil.rmtree(backing(two, "tree/inner"))

    @staticmethod
    def fill(one):
        play(one.backing)
        os.truncate(backing(one, "allocated"), 500_000)
        write(backing(one, "large"), os.urandom(8 << 20))
        write(backing(one, "short"), os.urandom(300_000))
        os.truncate(os.open(backing(one, "sparse"), os.O_CREAT | os.O_WRONLY), 40 << 20)
        os.makedirs(backing(one, "tree/inner/deep"))
        write(backing(one, "tree/inner/deep/file"), b"deep" * 50_000)

    def test_equal_copies_have_no_difference(self):
        with pair() as (one, two):
            self.fill(one)
            start(one, two)
            result = verify(one)
            self.assertEqual((result["state"], result["differences"], result["first"]), ("done", 0, []))
            self.assertGreater(result["bytes"], 48 << 20)
            self.assertGreater(result["files"], 20)

    def test_each_kind_of_difference_is_found_and_repaired(self):
        with pair() as (one, two):
            self.fill(one)
            start(one, two)
            self.damage(two)
            expected = [("d", "extended attributes"), ("e", "missing on the other node"),
                        ("extra", "on the other node only"), ("g", "another file on the other node"),
                        ("large", "content"), ("plain", "mode"), ("short", "content"), ("short", "size"),
                        ("sparse", "content"), ("tree/inner", "missing on the other node")]
            result = verify(one)
            self.assertEqual(found_in(result), expected)
            self.assertEqual((result["differences"], result["repaired"]), (10, 0))
            content = next(each for each in result["first"] if each["path"] == "large")
            self.assertEqual((content["offset"], content["bytes"]), (5 * 65536, 65536))
            alarm = one.wait(lambda said: said["is"] == "note" and said["level"] == "C", "alarm")["text"]
            self.assertIn("differs in 10 places", alarm)
            self.assertIn("clusteragent rfs verify --repair", alarm)
            self.assertNotEqual(compare(one.backing, two.backing), [])

            result = verify(one, repair=True)
            self.assertGreaterEqual(result["repaired"], 10)
            self.assertEqual(result["differences"], result["repaired"])
            self.assertTrue(soon(lambda: not compare(one.backing, two.backing, without=("data",)), 5),
                            compare(one.backing, two.backing, without=("data",)))
            self.assertEqual(verify(one)["differences"], 0)
            # What was repaired is the stream's again.
            write(os.path.join(one.directory, "g"), b"later", sync=True)
            os.rename(os.path.join(one.directory, "tree/inner/deep/file"), os.path.join(one.directory, "moved"))
            self.assertTrue(soon(lambda: not compare(one.backing, two.backing, without=("data",)), 5),
                            compare(one.backing, two.backing, without=("data",)))

    def test_each_directory_and_not_what_is_a_node_s_own(self):
        with pair(names=("one", "two"), excluded=[{"path": "own"}, {"regex": r"\.pid$"}]) as (one, two):
            for path in one.backings:
                os.makedirs(os.path.join(path, "d"))
                write(os.path.join(path, "file"), b"content" * 30_000)
            for engine in (one, two):
                for path in engine.backings:
                    os.makedirs(os.path.join(path, "own"))
                    write(os.path.join(path, "own", engine.node), engine.node.encode())
            start(one, two)
            for path in two.backings:
                write(os.path.join(path, "d", "two.pid"), b"2")
            write(os.path.join(one.directories[1], "d", "one.pid"), b"1")
            result = verify(one)
            self.assertEqual((result["state"], result["first"]), ("done", []))

            write(os.path.join(two.backings[0], "extra"), b"not on the primary")
            write(os.path.join(two.backings[1], "file"), b"!", os.O_WRONLY, 100_000)
            expected = sorted([(one.seen(one.directories[0]) + "/extra", "on the other node only"),
                               (one.seen(one.directories[1]) + "/file", "content")])
            self.assertEqual(found_in(verify(one)), expected)
            self.assertEqual(verify(one, repair=True)["repaired"], 2)
            self.assertEqual(verify(one)["differences"], 0)
            self.assertFalse(os.path.exists(os.path.join(two.backings[0], "extra")))
            for path in two.backings:
                self.assertEqual(sorted(os.listdir(os.path.join(path, "own"))), ["node2"])
                self.assertTrue(os.path.exists(os.path.join(path, "d", "two.pid")))

    def test_names_that_somebody_exchanged_are_put_right(self):
        with pair() as (one, two):
            for name in ("a", "b", "c"):
                write(backing(one, name), name.encode() * 100_000)
            os.link(backing(one, "c"), backing(one, "c too"))
            start(one, two)
            os.rename(backing(two, "a"), backing(two, "x"))
            os.rename(backing(two, "b"), backing(two, "a"))
            os.rename(backing(two, "x"), backing(two, "b"))
            os.unlink(backing(two, "c too"))
            os.unlink(backing(two, "c"))
            self.assertEqual(verify(one, repair=True)["state"], "done")
            self.assertTrue(soon(lambda: not compare(one.backing, two.backing), 5),
                            compare(one.backing, two.backing))

    def test_what_the_application_writes_is_no_difference(self):
        with pair() as (one, two):
            for folder in range(FOLDERS):
                os.makedirs(backing(one, str(folder)))
            write(backing(one, "hot"), b"h" * (8 << 20))
            start(one, two)
            stop, failures = threading.Event(), []
            threads = [threading.Thread(target=work, args=(one.directory, random.Random(number), stop, failures))
                       for number in range(WRITERS)]
            threads.append(threading.Thread(target=self.hammer, args=(one.directory, stop)))
            for thread in threads:
                thread.start()
            results = []
            try:
                until = time.monotonic() + LOAD_S
                while time.monotonic() < until:
                    results.append(verify(one))
            finally:
                stop.set()
                for thread in threads:
                    thread.join()
            self.assertEqual(failures, [])
            self.assertEqual([result for result in results if result["differences"] or result["state"] != "done"], [])
            self.assertGreater(len(results), 3)
            # And under the same load a byte that nobody wrote is found.
            write(backing(two, "hot"), b"!", os.O_WRONLY, 1_000_000)
            self.assertEqual([each["path"] for each in verify(one)["first"]], ["hot"])

    @staticmethod
    def hammer(directory, stop):
        places = random.Random(7)
        descriptor = os.open(os.path.join(directory, "hot"), os.O_WRONLY)
        while not stop.is_set():
            os.pwrite(descriptor, places.randbytes(300), places.randrange((8 << 20) - 300))
        os.close(descriptor)

    def test_is_refused_where_it_would_say_nothing(self):
        with pair() as (one, two):
            self.assertIn("is not primary", one.ask("verify", False, repair=False)["detail"])
            one.lead()
            self.assertIn("not up to date or not reached", one.ask("verify", False, repair=False)["detail"])
            two.follow()
            one.wait_synced()
            self.assertIn("is not primary", two.ask("verify", False, repair=False)["detail"])
            self.assertEqual(verify(one)["state"], "done")

    def test_ends_with_the_connection_and_says_so(self):
        with pair() as (one, two):
            write(backing(one, "large"), os.urandom(64 << 20))
            start(one, two)
            two.process.send_signal(19)
            one.ask("verify", repair=False)
            self.assertIn("under way", one.ask("verify", False, repair=False)["detail"])
            two.kill()
            said = one.wait(lambda each: each["is"] == "note" and "ended before its end" in each["text"], "end",
                            PATIENCE_S)
            self.assertIn("the other node is not reached", said["text"])
            one.wait_behind()
            one.send({"do": "allow_solo"})
            two.start()
            two.follow()
            one.wait_synced()
            self.assertEqual(verify(one)["state"], "done")

    def test_the_result_outlives_the_engine(self):
        with pair() as (one, two):
            write(backing(one, "file"), b"content")
            start(one, two)
            write(backing(two, "file"), b"CONTENT", os.O_WRONLY)
            before = verify(one)
            one.kill()
            one.said.clear()
            one.start()
            now = one.wait(lambda said: said["is"] == "progress", "status")["status"]["verify"]
            self.assertEqual(now, before)


if __name__ == "__main__":
    unittest.main()
