#!/usr/bin/env python3
"""Restarts and upgrades of the agent that the application does not notice: a client asks a small TCP server of the
module through the virtual address all the time, each question on a connection of its own."""
import os
import shutil
import subprocess
import sys
import time
import unittest

from harness import Lab, VIRTUAL_ADDRESS, agent_binary, is_alive, owner_changes, wait_for
from steady import on_a_steady_machine

PORT = 7100
GRACE_S = 2
SERVER = """import os, socket, socketserver, sys
class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        self.rfile.readline()
        self.wfile.write(f"{socket.gethostname()} {os.getpid()}\\n".encode())
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 64
Server(("", int(sys.argv[1])), Answer).serve_forever()
"""
CLIENT = """import json, signal, socket, sys, time
seen = {"asked": 0, "failures": [], "servers": []}
# An exception here would be lost where the signal meets a finalizer.
ended = []
signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
while not ended:
    seen["asked"] += 1
    try:
        with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1) as connection:
            connection.settimeout(1)
            connection.sendall(b"?\\n")
            answer = connection.makefile().readline().strip()
            if not answer:
                raise OSError("no answer")
            if answer not in seen["servers"]:
                seen["servers"].append(answer)
    except OSError as error:
        seen["failures"].append(f"{time.monotonic():.3f} {error}")
    time.sleep(0.002)
print(json.dumps(seen), flush=True)
"""


@on_a_steady_machine
class Handover(unittest.TestCase):
    def set_up(self, lab, **options):
        self.server = os.path.join(lab.directory, "server.py")
        self.client = os.path.join(lab.directory, "client.py")
        for path, text in ((self.server, SERVER), (self.client, CLIENT)):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        start = (f"setsid {sys.executable} -B {self.server} {PORT} </dev/null >/dev/null 2>&1 &\n"
                 "echo $! >/run/server.pid\n")
        stop = "if [ -e /run/server.pid ]; then kill $(cat /run/server.pid) 2>/dev/null; rm -f /run/server.pid; fi\n"
        lab.write_module(scripts={"start_prim": start, "stop_prim": stop}, **options)
        lab.start_cluster()

    def load(self, lab):
        client = lab.measure([sys.executable, "-B", self.client, VIRTUAL_ADDRESS, str(PORT)])
        observer = lab.start_observer()
        time.sleep(0.5)
        return client, observer

    @staticmethod
    def ask_once(lab):
        question = (f"import socket; c = socket.create_connection(('{VIRTUAL_ADDRESS}', {PORT}), 1); "
                    "c.sendall(b'?\\n'); print(c.makefile().readline())")
        done = subprocess.run(["nsenter", f"--net=/run/netns/{lab.sandbox.namespace('client')}", sys.executable, "-c",
                               question], capture_output=True, text=True, timeout=10, check=False)
        return done.stdout

    def hand_over(self, lab, node):
        """Ends the agent with the announcement and waits until its process is gone."""
        process = lab.sandbox.agents(node, "demo")["demo"]
        lab.agent(node, "hand-over", "-m", "demo")
        self.assertTrue(wait_for(lambda: not is_alive(process), 5), "the agent ends by itself")

    def check_untouched(self, lab, client, observer):
        time.sleep(4)  # longer than every timeout, lifetime and permit of the former life
        self.assertEqual({node: lab.state(node) for node in ("node1", "node2")}, {"node1": "PRIM", "node2": "SECOND"})
        seen, kernels = client.finish(), observer.finish()
        self.assertEqual(seen["failures"], [])
        self.assertGreater(seen["asked"], 100)
        self.assertEqual(len(seen["servers"]), 1, seen["servers"])
        self.assertEqual(kernels["dual_ms"], 0)
        self.assertEqual([host for _, host in owner_changes(kernels)], ["node1"])
        self.assertNotIn("Local state ALONE", lab.agent_log("node2"))

    def restart(self, lab, node):
        self.hand_over(lab, node)
        time.sleep(1)  # three timeouts: an unannounced absence would have been noticed
        lab.sandbox.start_agent(node, "demo")
        lab.wait_states({"node1": "PRIM", "node2": "SECOND"})

    def test_of_the_primary(self):
        with Lab() as lab:
            self.set_up(lab)
            client, observer = self.load(lab)
            self.restart(lab, "node1")
            self.check_untouched(lab, client, observer)
            self.assertNotIn("start_prim", lab.agent_log("node1").split("the agent was restarted")[-1])

    def test_of_the_secondary(self):
        with Lab() as lab:
            self.set_up(lab)
            client, observer = self.load(lab)
            alone_before = lab.agent_log("node1").count("Local state ALONE")
            self.restart(lab, "node2")
            self.check_untouched(lab, client, observer)
            self.assertEqual(lab.agent_log("node1").count("Local state ALONE"), alone_before)

    def test_one_after_the_other_with_another_program(self):
        with Lab() as lab:
            self.set_up(lab)
            client, observer = self.load(lab)
            folder = os.path.join(lab.directory, "upgrade")
            os.mkdir(folder)
            build = os.path.dirname(agent_binary())
            upgraded = shutil.copy(agent_binary(), folder)
            shutil.copy(os.path.join(build, "fence/clusteragent-guard"), folder)
            former = os.environ.get("CLUSTERAGENT_BINARY")
            os.environ["CLUSTERAGENT_BINARY"] = upgraded
            try:
                for node in ("node2", "node1"):
                    self.restart(lab, node)
            finally:
                if former is None:
                    del os.environ["CLUSTERAGENT_BINARY"]
                else:
                    os.environ["CLUSTERAGENT_BINARY"] = former
            self.check_untouched(lab, client, observer)

    def test_agent_that_does_not_come_back(self):
        with Lab() as lab:
            self.set_up(lab, restart_grace=GRACE_S)
            client, observer = self.load(lab)
            began = time.monotonic()
            self.hand_over(lab, "node1")
            lab.wait_states({"node2": "ALONE"})
            self.assertGreater(time.monotonic() - began, GRACE_S * 0.9, "nobody takes over before the grace is over")
            self.assertTrue(wait_for(lambda: not lab.sandbox.processes("node1", "clusteragent-guard"), 10))
            lab.sandbox.start_agent("node1", "demo")
            lab.wait_states({"node1": "SECOND", "node2": "PRIM"})
            self.assertTrue(wait_for(lambda: self.ask_once(lab).startswith("node2"), 10))
            time.sleep(1.5)  # longer than the client waits for a connection that nobody answers
            seen, kernels = client.finish(), observer.finish()
        self.assertEqual([answer.split()[0] for answer in seen["servers"]], ["node1", "node2"])
        self.assertEqual(kernels["dual_ms"], 0)

    def test_end_of_the_agent_in_maintenance(self):
        """SIGTERM to one agent after the other, each away for longer than the grace of an announced restart."""
        with Lab() as lab:
            self.set_up(lab, restart_grace=GRACE_S)
            client, observer = self.load(lab)
            lab.agent("node2", "maintenance", "on", "--for", "5m", "-m", "demo")
            for node in ("node1", "node2"):
                shown = lab.status(node)["maintenance"]
                self.assertEqual((shown["said_on"], shown["agreed"]), ("node2", True))
            for node in ("node2", "node1"):
                lab.sandbox.stop_agent(node)
                time.sleep(GRACE_S + 1)
                lab.sandbox.start_agent(node, "demo")
                lab.wait_states({"node1": "PRIM", "node2": "SECOND"})
            lab.agent("node1", "maintenance", "off", "-m", "demo")
            self.assertNotIn("maintenance", lab.status("node2"))
            self.check_untouched(lab, client, observer)

    def test_dead_primary_in_maintenance(self):
        with Lab() as lab:
            self.set_up(lab)
            lab.agent("node1", "maintenance", "on", "-m", "demo")
            lab.sandbox.power_off("node1")
            time.sleep(3)  # ten timeouts
            self.assertEqual(lab.state("node2"), "SECOND")
            self.assertTrue(any("does not take over" in text for text in lab.status("node2")["warnings"]))
            self.assertEqual(lab.agent_result("node2", "prim", "-m", "demo").returncode, 3)
            lab.agent("node2", "maintenance", "off", "-m", "demo")
            lab.wait_states({"node2": "ALONE"})

    def test_without_a_secondary_it_is_refused_and_nothing_changes(self):
        with Lab() as lab:
            self.set_up(lab)
            client, observer = self.load(lab)
            lab.agent("node2", "stop", "-m", "demo")
            lab.wait_states({"node1": "ALONE"})
            done = lab.agent_result("node1", "hand-over", "-m", "demo")
            self.assertEqual(done.returncode, 3, done)
            self.assertIn("ALONE", done.stdout + done.stderr)
            lab.agent("node2", "start", "-m", "demo")
            lab.wait_states({"node1": "PRIM", "node2": "SECOND"})
            self.check_untouched(lab, client, observer)


if __name__ == "__main__":
    unittest.main()
