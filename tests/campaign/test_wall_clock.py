#!/usr/bin/env python3
"""The stepped wall clock: programs that are loaded with it see the step at once, and on no other clock."""
import os
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "e2e")]

from harness import tool  # noqa: E402

NEAR_S = 30
PROGRAM = """import sys, time
for _ in sys.stdin:
    print(time.time(), time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME), flush=True)
"""


class WallClock(unittest.TestCase):
    def setUp(self):
        self.file = tempfile.NamedTemporaryFile()
        self.step(0)
        self.environment = dict(os.environ, LD_PRELOAD=tool("libwall_clock.so"), CLUSTERAGENT_WALL_CLOCK=self.file.name)

    def tearDown(self):
        self.file.close()

    def step(self, seconds):
        self.file.seek(0)
        self.file.write(struct.pack("=q", int(seconds * 1e9)))
        self.file.flush()

    def test_a_running_program_sees_the_step_on_the_wall_clock_alone(self):
        with subprocess.Popen([sys.executable, "-B", "-c", PROGRAM], env=self.environment, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True, bufsize=1) as program:
            for step in (0, 86400, -3600, 0):
                self.step(step)
                program.stdin.write("\n")
                wall, monotonic, since_boot = map(float, program.stdout.readline().split())
                self.assertAlmostEqual(wall - time.time(), step, delta=NEAR_S)
                self.assertAlmostEqual(monotonic, time.monotonic(), delta=NEAR_S)
                self.assertAlmostEqual(since_boot, time.clock_gettime(time.CLOCK_BOOTTIME), delta=NEAR_S)
            program.stdin.close()

    def test_date(self):
        self.step(-86400)
        done = subprocess.run(["date", "+%s"], env=self.environment, capture_output=True, text=True, check=True)
        self.assertAlmostEqual(int(done.stdout) - time.time(), -86400, delta=NEAR_S)


if __name__ == "__main__":
    unittest.main()
