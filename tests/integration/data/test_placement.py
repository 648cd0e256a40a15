"""On which processors the threads of an engine run: on one while that is enough, unless an operator says where."""
import contextlib
import os
import sys
import threading
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TESTS, "support"))
from engine_pair import enter_own_namespaces, pair, soon  # noqa: E402


def processors_of(process):
    """Of each of its threads."""
    found = []
    for thread in os.listdir(f"/proc/{process.pid}/task"):
        with contextlib.suppress(ProcessLookupError):
            found.append(frozenset(os.sched_getaffinity(int(thread))))
    return found


def are_together(process):
    found = set(processors_of(process))
    return len(found) == 1 and len(next(iter(found))) == 1


@contextlib.contextmanager
def promises(path):
    """An application that waits for one promise after the other."""
    is_over = threading.Event()

    def work():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        while not is_over.is_set():
            os.pwrite(descriptor, b"x" * 4096, 0)
            os.fsync(descriptor)
        os.close(descriptor)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        is_over.set()
        worker.join()


class Placement(unittest.TestCase):
    def setUp(self):
        enter_own_namespaces()
        self.all = frozenset(os.sched_getaffinity(0))

    def run_pair(self, test):
        with pair() as (one, two):
            two.follow()
            one.lead()
            one.wait_synced()
            with promises(os.path.join(one.directory, "file")):
                test(one.process)

    def test_threads_are_together_while_there_is_little_to_do(self):
        def test(engine):
            self.assertTrue(soon(lambda: are_together(engine)), processors_of(engine))
        self.run_pair(test)

    def test_an_operator_who_places_them_is_obeyed(self):
        def test(engine):
            self.assertTrue(soon(lambda: are_together(engine)), processors_of(engine))
            wanted = frozenset(self.all - processors_of(engine)[0]) or self.all
            for thread in os.listdir(f"/proc/{engine.pid}/task"):
                os.sched_setaffinity(int(thread), wanted)
            self.assertFalse(soon(lambda: set(processors_of(engine)) != {wanted}, 4), processors_of(engine))
        self.run_pair(test)


if __name__ == "__main__":
    unittest.main()
