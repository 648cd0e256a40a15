#!/usr/bin/env python3
"""The counter's client: an increment every 10 ms, and a read after every fifth, one after the other. What is not
answered within the deadline is given up and never asked again, but an answer that comes later still counts: it was
acknowledged.
  counter_client.py ADDRESS PORT
Ends at SIGTERM with one line of JSON; see counter.judge."""
import json
import signal
import socket
import sys
import time

PERIOD_S = 0.01
DEADLINE_S = 0.1
READ_EVERY = 5


class Client:
    def __init__(self, address, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.target = (address, port)
        self.reads_open = {}
        self.acknowledged, self.reads = [], []
        self.number, self.longest, self.served_ns = 0, (0, 0), None
        self.is_stopping = False

    def stop(self, *_):
        self.is_stopping = True

    def ask(self, verb):
        """One question; returns once it is answered or the deadline is over."""
        self.number += 1
        identity = f"{verb[0]}{self.number}"
        sent_ns = time.monotonic_ns()
        if verb == "get":
            self.reads_open[identity] = sent_ns
        try:
            self.socket.sendto(f"{verb} {identity}".encode(), self.target)
        except OSError:
            time.sleep(PERIOD_S)  # unreachable is unanswered
            return
        deadline = time.monotonic() + DEADLINE_S
        while (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                answer = self.socket.recv(512).decode()
            except OSError:
                continue
            if self.note(answer) == identity:
                return

    def note(self, answer):
        identity, value, _ = answer.split()
        now = time.monotonic_ns()
        if identity.startswith("g"):
            if identity in self.reads_open:
                self.reads.append([self.reads_open.pop(identity), int(value)])
        else:
            self.acknowledged.append([identity, int(value), now])
        if self.served_ns is not None:
            self.longest = max(self.longest, (now - self.served_ns, self.served_ns))
        self.served_ns = now
        return identity

    def run(self):
        due = time.monotonic()
        while not self.is_stopping:
            self.ask("add")
            if self.number % READ_EVERY == 0:
                self.ask("get")
            due = max(due + PERIOD_S, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
        print(json.dumps({"asked": self.number, "acknowledged": self.acknowledged, "reads": self.reads,
                          "longest_ms": self.longest[0] / 1e6, "longest_from_ns": self.longest[1]}))


def main():
    client = Client(sys.argv[1], int(sys.argv[2]))
    signal.signal(signal.SIGTERM, client.stop)
    client.run()


if __name__ == "__main__":
    main()
