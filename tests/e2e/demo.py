"""What scripts/demo shows: MariaDB on two nodes, the power of one goes away, and what happened when, as a timeline."""
import concurrent.futures
import datetime
import os
import sys
import time

import mariadb
from harness import Lab, LabError, wait_for

PATIENCE_S = 30
ASK_EVERY_S = 0.05


def answered_by(lab, node):
    """When the client got its answer from that node. Asks again without waiting for the answer to the last question:
    a connection that is begun while nobody holds the address is repeated by the kernel only a second later."""
    def ask(_):
        return datetime.datetime.now() if mariadb.ask(lab) == node else None
    end, asked = time.monotonic() + PATIENCE_S, []
    with concurrent.futures.ThreadPoolExecutor(max_workers=32) as clients:
        while time.monotonic() < end:
            asked.append(clients.submit(ask, len(asked)))
            time.sleep(ASK_EVERY_S)
            answers = [one.result() for one in asked if one.done() and one.result()]
            if answers:
                return min(answers)
    raise LabError("the client is not served again")


def timeline(lab, node, since):
    """The log lines of the node from that moment on: (moment, text)."""
    path = os.path.join(lab.sandbox.root(node), "var/log/clusteragent/demo/module.log")
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            words = line.rstrip("\n").split(" | ", 3)
            try:
                moment = datetime.datetime.strptime(words[0], "%Y-%m-%d %H:%M:%S.%f")
            except ValueError:
                continue
            if moment >= since and len(words) == 4:
                yield moment, words[3]


def main():
    with Lab(on_disk=True) as lab:
        print("two nodes, a client and a switch in network namespaces; MariaDB on both nodes")
        mariadb.install(lab)
        lab.write_module(pulse=20, timeout=200, scripts=mariadb.scripts(lab.directory), errd=mariadb.ERRD)
        lab.start_cluster()
        if not wait_for(lambda: mariadb.ask(lab) == "node1", PATIENCE_S):
            raise LabError("node1 does not serve")
        print(lab.agent("node2", "status", "-m", "demo"))
        print("the client asks the virtual address and is answered by node1. Now node1 loses its power.\n")
        fault = datetime.datetime.now()
        lab.sandbox.power_off("node1")
        served = answered_by(lab, "node2")
        events = [(fault, "FAULT: node1 loses its power"), *timeline(lab, "node2", fault),
                  (served, "the client's query is answered by node2")]
        for moment, text in sorted(events, key=lambda event: event[0]):
            print(f"  {(moment - fault).total_seconds() * 1000:8.1f} ms  {text}")
        print()
        print(lab.agent("node2", "status", "-m", "demo"))
        print("everything that the demo made is removed again")


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(f"demo: {error}")
