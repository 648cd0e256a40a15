"""A verdict in milliseconds needs a machine that gives its processors to the test. Virtual machines are not always such
a machine: when the host takes a processor away for longer than a heartbeat's patience, a take-over is the right answer
and no defect.

@on_a_steady_machine measures that beside each test of a class (tests/support/stall_meter.cpp). A test that fails while
the machine stood still is said so and made again; one that fails while it did not, fails. So does one that finds no
steady time in ATTEMPTS_MAX attempts: nothing is passed over.
"""
import functools
import json
import subprocess
import sys

from harness import TOOL_PATIENCE_S, tool

ATTEMPTS_MAX = 4
STALL_MS_MAX = 15.0


class StallMeter:
    """Use in a `with` statement; longest_ms is known afterwards."""

    def __enter__(self):
        self.longest_ms = None
        self.process = subprocess.Popen([tool("stall_meter")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        text=True)
        self.process.stdout.readline()  # from now on a SIGTERM is an order, not its death
        return self

    def __exit__(self, kind, error, trace):
        self.process.terminate()
        try:
            output, _ = self.process.communicate(timeout=TOOL_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        self.longest_ms = json.loads(output)["longest_ms"]


def steadied(test):
    @functools.wraps(test)
    def run(self):
        for attempt in range(1, ATTEMPTS_MAX + 1):
            meter = StallMeter()
            try:
                with meter:
                    return test(self)
            except Exception as error:  # pylint: disable=broad-except
                stalled_ms = meter.longest_ms or 0.0
                if stalled_ms <= STALL_MS_MAX or attempt == ATTEMPTS_MAX:
                    error.add_note(f"attempt {attempt} of {ATTEMPTS_MAX}; the machine stood still for at most "
                                   f"{stalled_ms:.1f} ms meanwhile")
                    raise
                print(f"{self.id()}: failed while the machine stood still for {stalled_ms:.1f} ms; again: {error}",
                      file=sys.stderr)
        return None
    return run


def on_a_steady_machine(case):
    for name in [name for name in vars(case) if name.startswith("test")]:
        setattr(case, name, steadied(vars(case)[name]))
    return case
