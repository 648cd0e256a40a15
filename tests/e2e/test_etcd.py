#!/usr/bin/env python3
"""With a real etcd as third voter: the same promise as with our own, although etcd knows no time."""
import json
import os
import re
import time
import unittest

from harness import MODULE, Lab, wait_for
from steady import on_a_steady_machine
from witness_backend import Etcd, make_certificates

CUT_S = 5
PULSE_MS, TIMEOUT_MS = 20, 300
# The verdict, what is left of the promise as seen from here, and three writes to disks: two of etcd's, one here.
OUTAGE_MS_MAX = 1500


@on_a_steady_machine
class EtcdAsThirdVoter(unittest.TestCase):
    def prepare(self, lab, etcd):
        lab.start_witness(etcd)
        lab.write_module(pulse=PULSE_MS, timeout=TIMEOUT_MS, check_section=etcd.check_section)
        lab.start_responders()
        lab.start_cluster()
        lab.wait_served_by("node1")
        self.assertTrue(wait_for(lambda: "witness promises this role" in self.status(lab, "node1"), 10),
                        self.status(lab, "node1"))
        probe, observer = lab.start_probe(), lab.start_observer()
        time.sleep(0.5)
        return probe, observer

    @staticmethod
    def status(lab, node):
        return lab.agent(node, "status", "-m", MODULE)

    @staticmethod
    def report(lab, node):
        return json.loads(lab.agent(node, "status", "-m", MODULE, "--json"))

    def finish(self, probe, observer, longest_ms):
        client, kernels = probe.finish(), observer.finish()
        self.assertEqual(kernels["dual_ms"], 0, kernels["intervals"])
        self.assertLessEqual(client["longest_ms"], longest_ms, client["outages"])
        return client

    def key(self, lab, etcd):
        keys = etcd.control(lab, "get", "--prefix", "clusteragent/", "--keys-only").stdout.split()
        self.assertEqual(len(keys), 1, keys)
        return keys[0]

    def test_power_off(self):
        with Lab() as lab:
            probe, observer = self.prepare(lab, Etcd())
            witness = self.report(lab, "node1")["witness"]
            self.assertEqual(witness["backend"], "etcd")
            self.assertEqual(witness["address"], "http://10.77.1.20:2379")
            self.assertLess(witness["age_ms"], 5000)
            lab.sandbox.power_off("node1")
            lab.wait_served_by("node2")
            self.finish(probe, observer, OUTAGE_MS_MAX)

    def test_partition_moves_nothing(self):
        with Lab() as lab:
            probe, observer = self.prepare(lab, Etcd())
            lab.sandbox.cut("node1", "node2")
            time.sleep(CUT_S)
            self.assertEqual(lab.state("node2"), "SECOND")
            lab.sandbox.heal()
            lab.wait_states({"node1": "PRIM", "node2": "SECOND"})
            self.assertEqual(self.finish(probe, observer, 0)["outages"], [])

    def test_isolated_primary_gives_way(self):
        with Lab() as lab:
            probe, observer = self.prepare(lab, Etcd())
            lab.sandbox.cut("node1", "node2")
            lab.sandbox.cut("node1", "witness")
            lab.wait_served_by("node2")
            time.sleep(CUT_S)
            self.assertIn("witness does not answer", self.status(lab, "node1"))
            lab.sandbox.heal()
            lab.wait_states({"node2": "PRIM", "node1": "SECOND"})
            self.finish(probe, observer, OUTAGE_MS_MAX)

    def test_etcd_may_come_and_go_while_the_nodes_hear_each_other(self):
        with Lab() as lab:
            etcd = Etcd()
            probe, observer = self.prepare(lab, etcd)
            for _ in range(2):
                etcd.kill(lab)
                self.assertTrue(wait_for(lambda: "does not answer" in self.status(lab, "node1"), 10))
                etcd.restart(lab)
                self.assertTrue(wait_for(lambda: "witness promises this role" in self.status(lab, "node1"), 10),
                                self.status(lab, "node1"))
            self.assertEqual({node: lab.state(node) for node in ("node1", "node2")},
                             {"node1": "PRIM", "node2": "SECOND"})
            self.assertEqual(self.finish(probe, observer, 0)["outages"], [])

    def test_without_etcd_the_death_of_the_peer_stops_the_service_and_status_says_why(self):
        with Lab() as lab:
            etcd = Etcd()
            probe, observer = self.prepare(lab, etcd)
            etcd.kill(lab)
            self.assertTrue(wait_for(lambda: "does not answer" in self.status(lab, "node1"), 10))
            warnings = " ".join(self.report(lab, "node1")["warnings"])
            self.assertIn("http://10.77.1.20:2379: connecting: Connection refused", warnings)
            lab.sandbox.power_off("node2")
            self.assertTrue(wait_for(lambda: lab.state("node1") == "WAIT", 10), self.status(lab, "node1"))
            local = self.report(lab, "node1")["local"]
            self.assertIn("the witness does not answer", local["reason"])
            self.assertEqual(local["blocked"], "no_quorum")
            etcd.restart(lab)
            lab.wait_served_by("node1")
            self.assertEqual(observer.finish()["dual_ms"], 0)
            probe.finish()

    def test_a_value_of_somebody_else_is_refused_by_its_key_and_left_alone(self):
        with Lab() as lab:
            etcd = Etcd()
            probe, observer = self.prepare(lab, etcd)
            key = self.key(lab, etcd)
            self.assertEqual(key, f"clusteragent/{MODULE}")
            self.assertEqual(etcd.control(lab, "put", key, "not ours").returncode, 0)
            self.assertTrue(wait_for(lambda: key in self.status(lab, "node1"), 10), self.status(lab, "node1"))
            self.assertIn("not used and not overwritten", " ".join(self.report(lab, "node1")["warnings"]))
            time.sleep(1)
            self.assertEqual(etcd.control(lab, "get", key, "--print-value-only").stdout.strip(), "not ours")
            self.assertEqual(lab.state("node1"), "PRIM")
            self.assertEqual(self.finish(probe, observer, 0)["outages"], [])

    def test_a_restored_backup_is_noticed(self):
        with Lab() as lab:
            etcd = Etcd()
            probe, observer = self.prepare(lab, etcd)
            etcd.kill(lab)
            os.rename(etcd.data(lab), etcd.data(lab) + ".lost")
            etcd.restart(lab)
            self.assertTrue(wait_for(lambda: re.search("was deleted|went back", self.status(lab, "node1")), 10),
                            self.status(lab, "node1"))
            self.assertEqual(lab.state("node1"), "PRIM")
            self.assertEqual(self.finish(probe, observer, 0)["outages"], [])

    def test_with_certificates(self):
        with Lab() as lab:
            etcd = Etcd(make_certificates(os.path.join(lab.directory, "certificates")))
            probe, observer = self.prepare(lab, etcd)
            lab.sandbox.power_off("node1")
            lab.wait_served_by("node2")
            self.finish(probe, observer, OUTAGE_MS_MAX)

    def test_with_a_user_and_a_member_that_is_dead(self):
        with Lab() as lab:
            etcd = Etcd(dead_members=("http://10.77.1.20:2399",), user_file=os.path.join(lab.directory, "user"))
            probe, observer = self.prepare(lab, etcd)
            lab.sandbox.power_off("node1")
            lab.wait_served_by("node2")
            self.finish(probe, observer, OUTAGE_MS_MAX)

    def test_a_user_that_etcd_does_not_know_is_named_as_the_reason(self):
        with Lab() as lab:
            etcd = Etcd(user_file=os.path.join(lab.directory, "user"))
            lab.start_witness(etcd)
            lab.write_module(pulse=PULSE_MS, timeout=TIMEOUT_MS, check_section=Etcd().check_section)
            lab.start_agents()
            lab.agent("node1", "start", "-m", MODULE)
            self.assertTrue(wait_for(lambda: "etcd_user_file" in self.report(lab, "node1")["witness"]["problem"], 10),
                            self.report(lab, "node1")["witness"])

    def test_an_etcd_that_is_not_trusted_is_not_asked(self):
        with Lab() as lab:
            trusted = make_certificates(os.path.join(lab.directory, "certificates"))
            stranger = make_certificates(os.path.join(lab.directory, "stranger"))
            lab.start_witness(Etcd(trusted))
            lab.write_module(pulse=PULSE_MS, timeout=TIMEOUT_MS, check_section=Etcd(stranger).check_section)
            lab.start_agents()
            lab.agent("node1", "start", "-m", MODULE)
            self.assertTrue(wait_for(lambda: "certificate" in self.report(lab, "node1")["witness"]["problem"], 10),
                            self.report(lab, "node1")["witness"])
            self.assertEqual(self.report(lab, "node1")["witness"]["answered"], 0)


if __name__ == "__main__":
    unittest.main()
