"""A directory that is mirrored: what one node writes is on the other, survives it, and is brought back to it."""
import contextlib
import os
import signal
import subprocess
import sys
import threading
import unittest

import mariadb
from harness import REPOSITORY, VIRTUAL_ADDRESS, WITNESS, Lab, other, wait_for
from steady import on_a_steady_machine

sys.path.insert(0, os.path.join(REPOSITORY, "tests", "support"))
from tree import compare  # noqa: E402

DIRECTORY = "/var/lib/mysql"  # each host of the sandbox has one of its own
RFS = f'<rfs><replicated dir="{DIRECTORY}" mode="read_only"/></rfs>'
ENGINE = "clusteragent-filesync"
COPY_PATIENCE_S = 30.0


class Mirror:
    """The two copies, seen from outside, and the mount, seen from inside."""

    def __init__(self, lab):
        self.lab = lab

    def backing(self, node):
        return os.path.join(self.lab.sandbox.host_directory(node), "private", DIRECTORY.strip("/"))

    def shell(self, node, script, check=True):
        argv = ["nsenter", "-t", str(self.lab.sandbox.running(node)["pid"]), "-a", "bash", "-ec",
                f"cd {DIRECTORY}\n{script}"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"on {node}: {script}: {done.stdout}{done.stderr}")
        return done

    def state(self, node):
        return self.lab.status(node).get("replication", {}).get("state")

    def reported_death(self, node):
        return "replication engine was ended by signal 9" in self.lab.agent_log(node)

    def start_writer(self, node):
        """Says each number that it has a promise for."""
        return subprocess.Popen(
            ["nsenter", "-t", str(self.lab.sandbox.running(node)["pid"]), "-a", "python3", "-c",
             "import os, time\n"
             f"file = os.open('{DIRECTORY}/file', os.O_CREAT | os.O_APPEND | os.O_WRONLY)\n"
             "for number in range(1000000):\n"
             "    os.write(file, b'%d\\n' % number)\n"
             "    os.fsync(file)\n"
             "    print(number, flush=True)\n"
             "    time.sleep(0.01)\n"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def start(self, **options):
        self.lab.write_module(**{"rfs": RFS, **options})
        self.lab.start_agents()
        self.lab.agent("node1", "prim", "-m", "demo")
        self.lab.wait_states({"node1": "ALONE"})
        self.lab.agent("node2", "start", "-m", "demo")
        self.wait_up_to_date("node1")

    def wait_alone(self, node):
        """Until its directory is there: what it took over is written to disk before."""
        self.lab.wait_states({node: "ALONE"})
        if not wait_for(lambda: self.state(node) == "degraded", COPY_PATIENCE_S):
            raise AssertionError(f"does not lead: {self.lab.status(node).get('replication')}")

    def wait_up_to_date(self, primary):
        self.lab.wait_states({primary: "PRIM", other(primary): "SECOND"})
        if not wait_for(lambda: self.state(primary) == "up to date", COPY_PATIENCE_S):
            raise AssertionError(f"not up to date: {self.lab.status(primary).get('replication')}")

    def differences(self):
        return compare(self.backing("node1"), self.backing("node2"))

    def equal_soon(self):
        """Times of change follow within a second or two."""
        return wait_for(lambda: not self.differences(), 10.0)


@on_a_steady_machine
class MirroredDirectory(unittest.TestCase):
    def test_what_is_written_survives_the_node(self):
        with Lab(on_disk=True) as lab:
            mirror = Mirror(lab)
            os.makedirs(mirror.backing("node1"), exist_ok=True)
            with open(os.path.join(mirror.backing("node1"), "before"), "wb") as file:
                file.write(os.urandom(300_000))
            mirror.start()
            mirror.shell("node1", "mkdir -p a/b; echo one > a/b/c; ln a/b/c a/d; ln -s c a/b/e; chmod 640 a/b/c\n"
                                  "dd if=/dev/urandom of=big bs=1M count=8 conv=fsync status=none\n"
                                  "truncate -s 64M sparse; echo x | dd of=sparse bs=1 seek=30M conv=notrunc "
                                  "status=none\n"
                                  "mv a/d moved; sync big\n"
                                  "python3 -c 'import os; os.setxattr(\"moved\", \"user.k\", b\"value\")'")
            self.assertTrue(mirror.equal_soon(), mirror.differences())
            refused = mirror.shell("node2", "echo x > forbidden", check=False)
            self.assertIn("Read-only", refused.stderr)
            self.assertEqual(mirror.shell("node2", "cat a/b/c").stdout, "one\n")

            lab.sandbox.power_off("node1")
            mirror.wait_alone("node2")
            self.assertEqual(mirror.shell("node2", "cat a/b/c").stdout, "one\n")
            mirror.shell("node2", "echo two >> a/b/c; rm sparse; mv big bigger; echo new > new\n"
                                  "dd if=/dev/urandom of=bigger bs=64k seek=3 count=2 conv=notrunc,fsync status=none")
            lab.sandbox.power_on("node1")
            mirror.wait_up_to_date("node2")
            self.assertTrue(mirror.equal_soon(), mirror.differences())

            lab.agent("node2", "swap", "-m", "demo")
            mirror.wait_up_to_date("node1")
            mirror.shell("node1", "echo three >> a/b/c; sync a/b/c")
            self.assertTrue(mirror.equal_soon(), mirror.differences())
            self.assertEqual(mirror.shell("node2", "cat a/b/c").stdout, "one\ntwo\nthree\n")

    def test_with_a_witness_the_link_may_break(self):
        with Lab(on_disk=True) as lab:
            mirror = Mirror(lab)
            lab.start_witness()
            mirror.start(check_section=WITNESS)
            mirror.shell("node1", "echo one > file; sync file")
            lab.sandbox.cut("node1", "node2")
            mirror.wait_alone("node1")
            # The answer comes once the other node is on record as out of date.
            mirror.shell("node1", "echo two >> file; sync file")
            self.assertTrue(wait_for(lambda: mirror.state("node1") == "degraded", 10.0), mirror.state("node1"))
            lab.sandbox.heal()
            mirror.wait_up_to_date("node1")
            self.assertTrue(mirror.equal_soon(), mirror.differences())
            lab.sandbox.power_off("node1")
            mirror.wait_alone("node2")
            self.assertEqual(mirror.shell("node2", "cat file").stdout, "one\ntwo\n")

    def test_goes_on_over_another_network(self):
        self.goes_on_without("net1")

    def test_goes_on_without_the_network_that_is_named_flow(self):
        self.goes_on_without("net2", heartbeats='<heartbeat name="default"/><heartbeat name="net2" ident="flow"/>')

    def goes_on_without(self, network, **options):
        with Lab(on_disk=True) as lab:
            mirror = Mirror(lab)
            mirror.start(**options)
            lab.sandbox.cut("node1", "node2", network)
            mirror.shell("node1", "echo two > file; sync file")
            # That the stream was there shows in that it broke.
            self.assertTrue(wait_for(lambda: "is not reached any more" in lab.agent_log("node1"), 10.0))
            mirror.wait_up_to_date("node1")
            mirror.shell("node1", "echo three >> file; sync file")
            self.assertTrue(mirror.equal_soon(), mirror.differences())

    def test_an_engine_that_dies_loses_nothing(self):
        with Lab(on_disk=True) as lab:
            mirror = Mirror(lab)
            mirror.start()
            mirror.shell("node1", "echo kept > file; sync file")
            for node in ("node1", "node2"):
                engines = lab.sandbox.processes(node, ENGINE)
                self.assertEqual(len(engines), 1)
                os.kill(engines[0], signal.SIGKILL)
                self.assertTrue(wait_for(lambda node=node: mirror.reported_death(node), 10.0))
                primary = lab.wait_one_primary()
                mirror.wait_up_to_date(primary)
                mirror.shell(primary, f"echo {node} >> file; sync file")
                self.assertTrue(mirror.equal_soon(), mirror.differences())
            self.assertEqual(mirror.shell("node2", "cat file").stdout, "kept\nnode1\nnode2\n")

    def test_an_application_goes_on_when_the_engine_of_the_primary_dies(self):
        with Lab(on_disk=True) as lab:
            mirror = Mirror(lab)
            mirror.start()
            writer = mirror.start_writer("node1")
            self.addCleanup(writer.wait)
            self.addCleanup(writer.kill)
            for _ in range(20):
                writer.stdout.readline()
            (engine,) = lab.sandbox.processes("node1", ENGINE)
            os.kill(engine, signal.SIGKILL)
            self.assertTrue(wait_for(lambda: "the application went on" in lab.agent_log("node1"), 15.0))
            for _ in range(20):
                last = writer.stdout.readline()
            self.assertIsNone(writer.poll())
            mirror.wait_up_to_date("node1")
            told = lab.status("node1")["replication"]["taken_over"]
            self.assertEqual((told["count"], told["signal"]), (1, signal.SIGKILL))
            self.assertNotIn("what the application tries on", lab.agent_log("node1"))
            self.assertGreaterEqual(len(mirror.shell("node1", "cat file").stdout.split()), int(last))
            # Twice within a minute: as an engine that dies of what it is asked to do.
            (engine,) = lab.sandbox.processes("node1", ENGINE)
            os.kill(engine, signal.SIGKILL)
            self.assertTrue(wait_for(lambda: writer.poll() is not None, 15.0))
            for last in writer.stdout:
                pass
            writer.stdout.close()
            mirror.wait_up_to_date(lab.wait_one_primary())
            self.assertGreaterEqual(len(mirror.shell("node1", "cat file").stdout.split()), int(last))
            self.assertTrue(mirror.equal_soon(), mirror.differences())

    def test_an_engine_that_dies_while_the_witness_is_cut_off_loses_nothing(self):
        with Lab(on_disk=True) as lab:
            mirror = Mirror(lab)
            lab.start_witness()
            mirror.start(check_section=WITNESS)
            mirror.shell("node1", "echo kept > file; sync file")
            (engine,) = lab.sandbox.processes("node1", ENGINE)
            lab.sandbox.cut("node1", "witness")
            os.kill(engine, signal.SIGKILL)
            self.assertTrue(wait_for(lambda: mirror.reported_death("node1"), 10.0))
            primary = lab.wait_one_primary()
            mirror.wait_up_to_date(primary)
            mirror.shell(primary, "echo without the witness >> file; sync file")
            lab.sandbox.heal()
            lab.agent(primary, "swap", "-m", "demo")
            mirror.wait_up_to_date(other(primary))
            self.assertEqual(mirror.shell(other(primary), "cat file").stdout, "kept\nwithout the witness\n")
            self.assertTrue(mirror.equal_soon(), mirror.differences())

    def test_without_the_device_of_fuse_it_is_said_why_and_tried_again(self):
        with Lab(on_disk=True) as lab:
            mirror = Mirror(lab)
            lab.write_module(rfs=RFS, maxloop=100)
            lab.sandbox.execute_quietly("node1", ["sh", "-c", "mount -t tmpfs -o mode=755 none /dev\n"
                                                  "mknod -m 666 /dev/null c 1 3; mknod -m 666 /dev/urandom c 1 9"])
            lab.start_agents()
            refused = lab.agent_result("node1", "prim", "-m", "demo")
            self.assertEqual(refused.returncode, 3)
            for text in (refused.stderr, lab.agent("node1", "status", "-m", "demo", "--json")):
                self.assertIn("cannot open /dev/fuse: No such file or directory; load the kernel module", text)
            lab.sandbox.execute_quietly("node1", ["umount", "-l", "/dev"])
            mirror.wait_alone("node1")
            mirror.shell("node1", "echo kept > file; sync file")

    def test_an_agent_that_dies_while_its_engine_stands_still_comes_back(self):
        """Without a witness, as the primary and as the secondary."""
        with Lab(on_disk=True) as lab:
            mirror = Mirror(lab)
            mirror.start()
            mirror.shell("node1", "echo kept > file; sync file")
            for node in ("node1", "node2"):
                (former,) = lab.sandbox.processes(node, ENGINE)
                os.kill(former, signal.SIGSTOP)
                lab.sandbox.signal_agent(node, signal.SIGKILL)
                lab.wait_states({other(node): "ALONE"})
                mirror.wait_alone(other(node))
                mirror.shell(other(node), f"echo without {node} >> file; sync file")
                lab.sandbox.start_agent(node, "demo")
                self.assertTrue(wait_for(lambda node=node, former=former: former not in
                                         lab.sandbox.processes(node, ENGINE), COPY_PATIENCE_S))
                mirror.wait_up_to_date(other(node))
                self.assertIn("did not end by itself", lab.agent_log(node))
                self.assertTrue(mirror.equal_soon(), mirror.differences())
                lab.agent(other(node), "swap", "-m", "demo")
                mirror.wait_up_to_date(node)
                mirror.shell(node, f"echo {node} >> file; sync file")
                lab.agent(node, "swap", "-m", "demo")
                mirror.wait_up_to_date(other(node))
            self.assertEqual(mirror.shell("node1", "cat file").stdout,
                             "kept\nwithout node1\nnode1\nwithout node2\nnode2\n")


class Writer(threading.Thread):
    """A client that inserts one row after another through the virtual address, and remembers those it was told of."""

    def __init__(self, lab, first):
        super().__init__(daemon=True)
        self.acknowledged, self.next = [], first
        argv = ["nsenter", f"--net=/run/netns/{lab.sandbox.namespace('client')}", "mariadb", "--no-defaults", "-h",
                VIRTUAL_ADDRESS, "-u", "writer", "-n", "-N", "-B", "book"]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, bufsize=1)
        self.start()

    def run(self):
        with contextlib.suppress(OSError, ValueError):
            while True:
                self.process.stdin.write(f"INSERT INTO page VALUES ({self.next}, REPEAT('x', 500)); "
                                         f"SELECT {self.next};\n")
                if self.process.stdout.readline().strip() != str(self.next):
                    return
                self.acknowledged.append(self.next)
                self.next += 1

    def end(self):
        self.process.kill()
        self.join()
        with contextlib.suppress(BrokenPipeError):
            self.process.communicate()
        return self.acknowledged


@on_a_steady_machine
class MirroredDatabase(unittest.TestCase):
    @staticmethod
    def begin(lab):
        mirror = Mirror(lab)
        scripts = mariadb.scripts(lab.directory)
        with open(os.path.join(lab.directory, "users.sql"), "a", encoding="utf-8") as users:
            users.write("CREATE DATABASE IF NOT EXISTS book;\nCREATE USER IF NOT EXISTS 'writer'@'%';\n"
                        "GRANT ALL ON book.* TO 'writer'@'%';\n"
                        "CREATE TABLE IF NOT EXISTS book.page (id INT PRIMARY KEY, text TEXT);\n")
        # On one node only: the other one gets it.
        lab.sandbox.execute_quietly("node1", mariadb.install_command())
        mirror.start(scripts=scripts)
        return mirror

    def test_goes_on_when_the_engine_dies(self):
        with Lab(on_disk=True) as lab:
            mirror = self.begin(lab)
            self.assertTrue(wait_for(lambda: mariadb.ask(lab) == "node1", 20))
            writer = Writer(lab, 1)
            self.assertTrue(wait_for(lambda: len(writer.acknowledged) > 200, 60))
            (engine,) = lab.sandbox.processes("node1", ENGINE)
            os.kill(engine, signal.SIGKILL)
            self.assertTrue(wait_for(lambda: "the application went on" in lab.agent_log("node1"), 15))
            mirror.wait_up_to_date("node1")
            seen = len(writer.acknowledged)
            # Over the same connection to the same server.
            self.assertTrue(wait_for(lambda: len(writer.acknowledged) > seen + 200, 60))
            lab.sandbox.power_off("node1")
            self.assertTrue(wait_for(lambda: mariadb.ask(lab) == "node2", 30))
            kept = writer.end()
            rows = {int(row) for row in mariadb.ask(lab, "SELECT id FROM book.page", 10).split()}
            self.assertEqual([row for row in kept if row not in rows], [])

    def test_no_acknowledged_row_is_lost(self):
        with Lab(on_disk=True) as lab:
            mirror = self.begin(lab)
            kept = []
            for primary, how in (("node1", "power_off"), ("node2", "swap")):
                self.assertTrue(wait_for(lambda node=primary: mariadb.ask(lab) == node, 20))
                writer = Writer(lab, len(kept) * 2 + 1)
                self.assertTrue(wait_for(lambda writer=writer: len(writer.acknowledged) > 200, 60))
                if how == "power_off":
                    lab.sandbox.power_off(primary)
                else:
                    lab.sandbox.power_on(other(primary))
                    mirror.wait_up_to_date(primary)
                    seen = len(writer.acknowledged)
                    self.assertTrue(wait_for(lambda writer=writer, seen=seen: len(writer.acknowledged) > seen, 20))
                    lab.agent(primary, "swap", "-m", "demo")
                self.assertTrue(wait_for(lambda node=primary: mariadb.ask(lab) == other(node), 30))
                kept += writer.end()
                rows = {int(row) for row in mariadb.ask(lab, "SELECT id FROM book.page", 10).split()}
                self.assertEqual([row for row in kept if row not in rows], [])
            mirror.wait_up_to_date("node1")
            lab.agent("node1", "stop", "-m", "demo")
            lab.wait_states({"node1": "STOP"})
            print(f"{len(kept)} rows were acknowledged, and are there")


if __name__ == "__main__":
    unittest.main()
