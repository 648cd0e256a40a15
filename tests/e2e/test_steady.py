"""What decides whether a failed verdict counts must not let a defect through."""
import unittest
from unittest import mock

import steady


def meter_of(stalls_ms):
    """A meter that finds these stalls, one an attempt."""
    remaining = list(stalls_ms)

    class Meter:
        def __enter__(self):
            self.longest_ms = remaining.pop(0)
            return self

        def __exit__(self, *_):
            return None
    return Meter


class Steady(unittest.TestCase):
    def run_case(self, stalls_ms, failures):
        """Runs a test whose first `failures` attempts fail; returns (attempts, whether it passed)."""
        attempts = []

        def test(case):
            attempts.append(case)
            if len(attempts) <= failures:
                raise AssertionError("moved")
        with mock.patch.object(steady, "StallMeter", meter_of(stalls_ms)), mock.patch("builtins.print"):
            try:
                steady.steadied(test)(self)
            except AssertionError as error:
                self.assertIn("stood still", error.__notes__[0])
                return len(attempts), False
        return len(attempts), True

    def test_a_failure_on_a_steady_machine_counts(self):
        self.assertEqual(self.run_case([1.0], failures=1), (1, False))

    def test_a_failure_while_the_machine_stood_still_is_made_again(self):
        self.assertEqual(self.run_case([80.0, 1.0], failures=1), (2, True))

    def test_the_second_failure_counts_where_the_machine_was_steady(self):
        self.assertEqual(self.run_case([80.0, 1.0], failures=2), (2, False))

    def test_without_any_steady_time_it_fails(self):
        self.assertEqual(self.run_case([80.0] * steady.ATTEMPTS_MAX, failures=9), (steady.ATTEMPTS_MAX, False))

    def test_a_machine_that_stood_still_and_a_test_that_passed(self):
        self.assertEqual(self.run_case([80.0], failures=0), (1, True))

    def test_the_meter_measures(self):
        with steady.StallMeter() as meter:
            pass
        self.assertGreaterEqual(meter.longest_ms, 0)


if __name__ == "__main__":
    unittest.main()
