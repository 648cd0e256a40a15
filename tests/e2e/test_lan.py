"""Every heartbeat network is cut and that of the virtual IP lives, or comes back first: the nodes hear each other
there, in signed words behind ARP probes. No witness is configured."""
import subprocess
import sys
import time
import unittest

from harness import Lab, other, owner_changes, wait_for
from steady import on_a_steady_machine

PULSE_MS = 50
TIMEOUT_MS = 300
CUT_S = 4
# A primary asks once a pulse, but not more often than ten times a second; the rest is for a loaded machine.
DUAL_AFTER_HEAL_MS_MAX = 100 + 300
QUIET_S = 20
SEEN = "answers for the virtual IP on its network"

# On the client: writes down the nodes' words as they pass, or plays them back, or claims the address without a key.
ETHERNET_TOOL = """
import socket, sys, time
what, seconds, arguments = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
wire.bind(("net1", 0))
end = time.monotonic() + seconds
if what == "record":
    wire.settimeout(0.2)
    while time.monotonic() < end:
        try:
            frame = wire.recv(256)
        except TimeoutError:
            continue
        if frame[42:46] == b"CLAL":
            print(frame.hex())
else:
    frames = [bytes.fromhex(one) for one in arguments]
    while time.monotonic() < end:
        for frame in frames:
            wire.send(frame)
            time.sleep(0.005)
"""


def arp(operation, mac, sender, target, trailer=b""):
    packet = bytes.fromhex(f"00010800060400{operation:02x}") + mac + bytes(map(int, sender.split("."))) + bytes(6)
    return (b"\xff" * 6 + mac + b"\x08\x06" + packet + bytes(map(int, target.split("."))) + trailer).hex()


@on_a_steady_machine
class VirtualAddressNetwork(unittest.TestCase):
    def prepare(self, lab):
        """Heartbeats on net2 alone; net1 has the clients and the virtual address."""
        lab.write_module(pulse=PULSE_MS, timeout=TIMEOUT_MS, heartbeats='<heartbeat name="net2"/>')
        lab.start_responders()
        lab.start_cluster()
        lab.wait_served_by("node1")

    def on_wire(self, lab, what, seconds, frames=()):
        return subprocess.Popen(["nsenter", f"--net=/run/netns/{lab.sandbox.namespace('client')}", sys.executable, "-B",
                                 "-c", ETHERNET_TOOL, what, str(seconds), *frames],
                                stdout=subprocess.PIPE if what == "record" else None, text=True)

    def join(self, lab, network):
        lab.sandbox.loss("node1", "node2", 0, network)

    def reason(self, lab, node):
        return lab.status(node)["local"]["reason"]

    def test_cut_heartbeats_make_no_second_primary(self):
        with Lab() as lab:
            self.prepare(lab)
            probe, observer = lab.start_probe(), lab.start_observer()
            lab.sandbox.cut("node1", "node2", "net2")
            lab.wait_states({"node1": "ALONE", "node2": "SECOND"})
            self.assertTrue(wait_for(lambda: SEEN in self.reason(lab, "node2"), 5), self.reason(lab, "node2"))
            time.sleep(CUT_S)
            refused = lab.agent_result("node2", "prim", "-m", "demo")
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn(SEEN, refused.stdout + refused.stderr)
            kernels, client = observer.finish(), probe.finish()
            self.assertEqual(kernels["dual_ms"], 0)
            self.assertEqual(client["outages"], [])
            # A primary that dies now is replaced all the same.
            probe = lab.start_probe()
            lab.sandbox.power_off("node1")
            lab.wait_served_by("node2")
            longest_ms = max(one["ms"] for one in probe.finish()["outages"])
            self.assertLess(longest_ms, TIMEOUT_MS + 500)

    def test_older_primary_gives_way_where_only_the_address_network_heals(self):
        with Lab() as lab:
            self.prepare(lab)
            observer = lab.start_observer()
            lab.sandbox.cut("node1", "node2")
            lab.wait_states({"node1": "ALONE", "node2": "ALONE"})
            self.assertGreater(lab.status("node2")["local"]["epoch"], lab.status("node1")["local"]["epoch"])
            lab.sandbox.cut("node1", "node2", "net2")
            healed_ns = time.monotonic_ns()
            self.join(lab, None)
            lab.wait_states({"node1": "WAIT", "node2": "ALONE"})
            self.assertTrue(wait_for(lambda: SEEN in self.reason(lab, "node1"), 5), self.reason(lab, "node1"))
            time.sleep(QUIET_S)
            kernels = observer.finish()
            late = [one for one in kernels["intervals"] if len(one["hosts"]) > 1 and one["to_ns"] > healed_ns]
            self.assertLess(sum(one["to_ns"] - max(one["from_ns"], healed_ns) for one in late) / 1e6,
                            DUAL_AFTER_HEAL_MS_MAX)
            self.assertEqual([host for _, host in owner_changes(kernels)], ["node1", "node2"])
            self.assertEqual({node: lab.state(node) for node in ("node1", "node2")},
                             {"node1": "WAIT", "node2": "ALONE"})
            self.assertIn("split brain", lab.agent_log("node2"))
            self.assertIn("Split brain recovery", lab.agent_log("node1"))
            lab.sandbox.heal()
            lab.wait_states({"node1": "SECOND", "node2": "PRIM"})

    def test_strangers_move_nothing(self):
        mac = bytes.fromhex("020000000099")
        forged = b"CLAL" + bytes([1, 1, 3]) + bytes(16) + (2**40 + 1).to_bytes(8, "big") + b"\x55" * 16
        frames = [arp(2, mac, "10.77.1.100", "10.77.1.100"), arp(1, mac, "0.0.0.0", "10.77.1.100", forged)]
        with Lab() as lab:
            self.prepare(lab)
            observer = lab.start_observer()
            self.assertEqual(self.on_wire(lab, "send", 3, frames).wait(30), 0)
            kernels = observer.finish()
            self.assertEqual([host for _, host in owner_changes(kernels)], ["node1"])
            self.assertEqual({node: lab.state(node) for node in ("node1", "node2")},
                             {"node1": "PRIM", "node2": "SECOND"})

    def test_recorded_words_of_a_dead_primary_keep_nobody_from_taking_over(self):
        with Lab() as lab:
            self.prepare(lab)
            recorder = self.on_wire(lab, "record", 2)
            lab.sandbox.cut("node1", "node2", "net2")
            lab.wait_states({"node1": "ALONE", "node2": "SECOND"})
            recorded = recorder.communicate(timeout=30)[0].split()
            self.assertGreater(len(recorded), 10, "nobody spoke")
            probe = lab.start_probe()
            lab.sandbox.power_off("node1")
            player = self.on_wire(lab, "send", 5, recorded)
            lab.wait_served_by("node2", 5)
            self.assertEqual(player.wait(30), 0)
            self.assertLess(max(one["ms"] for one in probe.finish()["outages"]), TIMEOUT_MS + 500)
            self.assertEqual(lab.state(other("node1")), "ALONE")


if __name__ == "__main__":
    unittest.main()
