"""The sandbox itself, from outside, as a user calls it: faults do what their names say and nothing is left behind."""
import json
import os
import subprocess
import tempfile
import time
import unittest

import harness
from harness import REPOSITORY, Lab, wait_for
from steady import on_a_steady_machine

PROGRAM = os.path.join(REPOSITORY, "scripts/sandbox")


def sandbox(directory, *words, check=True):
    return subprocess.run([PROGRAM, "--dir", directory, *words], capture_output=True, text=True, check=check,
                          timeout=60, cwd="/")


def hears(directory, source, address):
    """Whether an echo request from one host is answered."""
    return sandbox(directory, "exec", source, "ping", "-c", "1", "-W", "1", address, check=False).returncode == 0


@on_a_steady_machine
class CommandLine(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="ca-lab-", dir="/tmp")
        self.addCleanup(lambda: sandbox(self.directory, "down"))
        sandbox(self.directory, "up")

    def test_cut_is_one_way_where_asked(self):
        with tempfile.TemporaryDirectory() as folder:
            heard = os.path.join(folder, "heard")
            sandbox(self.directory, "cut-one-way", "node1", "node2")
            sandbox(self.directory, "boot", "node2", "--", "sh", "-c", f"exec tcpdump -nli net1 icmp >{heard} 2>&1")
            sandbox(self.directory, "boot", "node1", "--", "sh", "-c", f"exec tcpdump -nli net1 icmp >{heard}1 2>&1")
            for path in (heard, heard + "1"):
                self.assertTrue(wait_for(lambda path=path: os.path.exists(path) and "listening" in read(path), 10))
            self.assertFalse(hears(self.directory, "node1", "10.77.1.2"))
            self.assertTrue(hears(self.directory, "client", "10.77.1.2"))
            self.assertNotIn("10.77.1.1 >", read(heard))
        sandbox(self.directory, "heal")
        self.assertTrue(hears(self.directory, "node1", "10.77.1.2"))

    def test_loss_is_about_what_was_asked(self):
        sandbox(self.directory, "loss-one-way", "node1", "node2", "30", "--net", "net2")
        ping = sandbox(self.directory, "exec", "node1", "ping", "-q", "-c", "400", "-i", "0.002", "-W", "1",
                       "10.77.2.2", check=False).stdout
        received = int(ping.split(" received")[0].rsplit(" ", 1)[-1])
        self.assertTrue(200 < received < 340, f"{received} of 400 came through a loss of 30 %")
        self.assertTrue(hears(self.directory, "node1", "10.77.1.2"))

    def test_power_off_kills_everything_and_power_on_brings_it_back(self):
        sandbox(self.directory, "boot", "node1", "--", "sleep", "1000")
        sandbox(self.directory, "exec", "node1", "ip", "address", "add", "10.77.1.100/32", "dev", "net1")
        self.assertTrue(hears(self.directory, "client", "10.77.1.100"))
        sandbox(self.directory, "power-off", "node1")
        self.assertFalse(hears(self.directory, "client", "10.77.1.1"))
        self.assertIn("is off", sandbox(self.directory, "exec", "node1", "true", check=False).stderr)
        sandbox(self.directory, "power-on", "node1")
        self.assertTrue(hears(self.directory, "client", "10.77.1.1"))
        self.assertFalse(hears(self.directory, "client", "10.77.1.100"), "the address outlived its kernel")
        self.assertIn("sleep", sandbox(self.directory, "exec", "node1", "ps", "ax").stdout)

    def test_power_on_is_a_boot_that_has_forgotten_run_and_not_the_disk(self):
        boot = lambda: sandbox(self.directory, "exec", "node1", "cat", "/proc/sys/kernel/random/boot_id").stdout
        root, first = os.path.join(self.directory, "node1/root"), boot()
        for folder in ("run", "var"):
            os.makedirs(os.path.join(root, folder))
            with open(os.path.join(root, folder, "file"), "w", encoding="ascii") as file:
                file.write("kept?")
        sandbox(self.directory, "power-off", "node1")
        sandbox(self.directory, "power-on", "node1")
        self.assertNotEqual(boot(), first)
        self.assertNotEqual(first, read("/proc/sys/kernel/random/boot_id"))
        self.assertFalse(os.path.exists(os.path.join(root, "run/file")))
        self.assertEqual(read(os.path.join(root, "var/file")), "kept?")

    def test_pause_stops_a_program(self):
        sandbox(self.directory, "boot", "node2", "--", "sleep", "1000")
        sandbox(self.directory, "pause", "node2", "--program", "sleep")
        self.assertIn("T", sandbox(self.directory, "exec", "node2", "ps", "-C", "sleep", "-o", "stat=").stdout)
        sandbox(self.directory, "resume", "node2", "--all")
        self.assertNotIn("T", sandbox(self.directory, "exec", "node2", "ps", "-C", "sleep", "-o", "stat=").stdout)

    def test_hosts_do_not_see_each_others_processes(self):
        sandbox(self.directory, "boot", "node2", "--", "sleep", "1000")
        self.assertNotIn("sleep", sandbox(self.directory, "exec", "node1", "ps", "ax").stdout)

    def test_shared_memory_is_each_hosts_own_and_goes_with_its_power(self):
        in_memory = tempfile.mkdtemp(prefix="ca-lab-", dir="/dev/shm")
        self.addCleanup(lambda: sandbox(in_memory, "down"))
        sandbox(in_memory, "up")
        for directory in (self.directory, in_memory):
            left = os.path.join("/dev/shm", os.path.basename(directory) + ".left")
            self.addCleanup(lambda left=left: os.path.exists(left) and os.unlink(left))
            has_it = lambda host, left=left, directory=directory: sandbox(directory, "exec", host, "test", "-e", left,
                                                                          check=False).returncode == 0
            sandbox(directory, "exec", "node1", "sh", "-c", f"echo x > {left}; test -d {directory}/node1")
            self.assertTrue(has_it("node1"))
            self.assertFalse(has_it("node2"))
            self.assertFalse(os.path.exists(left))
            sandbox(directory, "power-off", "node1")
            sandbox(directory, "power-on", "node1")
            self.assertFalse(has_it("node1"))

    def test_exit_codes_and_mistakes(self):
        self.assertEqual(sandbox(self.directory, "exec", "node1", "sh", "-c", "exit 7", check=False).returncode, 7)
        self.assertEqual(sandbox(self.directory, "cut", "node1", "nobody", check=False).returncode, 1)
        self.assertEqual(sandbox(self.directory, "loss", "node1", "node2", "200", check=False).returncode, 1)
        self.assertEqual(sandbox(self.directory, "up", check=False).returncode, 1)
        self.assertEqual(json.loads(sandbox(self.directory, "status", "--json").stdout)["rules"], [])

    def test_down_cleans_up_after_a_crash_and_leaves_others_alone(self):
        other = tempfile.mkdtemp(prefix="ca-lab-", dir="/tmp")
        self.addCleanup(lambda: sandbox(other, "down"))
        sandbox(other, "up")
        prefix = harness.Sandbox(self.directory).prefix
        os.unlink(os.path.join(self.directory, "sandbox.json"))
        sandbox(self.directory, "down")
        left = [name for name in os.listdir("/run/netns") if name.startswith(prefix)]
        self.assertEqual(left, [])
        self.assertTrue(hears(other, "node1", "10.77.1.2"))


@on_a_steady_machine
class Instruments(unittest.TestCase):
    """The probe and the observer, against addresses put in place by hand."""

    def test_gap_and_double_owner_are_seen(self):
        with Lab() as lab:
            lab.start_responders()
            address = f"{harness.VIRTUAL_ADDRESS}/32"
            on = lambda node, verb: lab.sandbox.execute_quietly(node, ["ip", "address", verb, address, "dev", "net1"])
            on("node1", "add")
            lab.wait_served_by("node1")
            probe, observer = lab.start_probe(), lab.start_observer()
            time.sleep(0.3)
            on("node1", "del")
            time.sleep(0.1)
            on("node2", "add")
            time.sleep(0.1)
            on("node1", "add")
            time.sleep(0.5)
            client, kernels = probe.finish(), observer.finish()
        self.assertTrue(90 <= client["longest_ms"] < 400, client)
        self.assertTrue(400 <= kernels["dual_ms"] < 900, kernels["dual_ms"])
        self.assertEqual([host for _, host in harness.owner_changes(kernels)], ["node1", "node2", "node1"])


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


if __name__ == "__main__":
    unittest.main()
