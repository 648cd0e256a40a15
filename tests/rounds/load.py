#!/usr/bin/env python3
"""The client of the rounds, on the client's host.
  load.py load APPLICATION ADDRESS PORT LEDGER FIRST_ID  inserts ids, each once, until SIGTERM
  load.py ids APPLICATION ADDRESS PORT                   prints, as JSON, the ids that are there
The ledger says of each id that it was asked for, before it is, and then that it was acknowledged, once it was. An id is
never asked for again: what comes twice was doubled by somebody else.
"""
import json
import os
import random
import signal
import string
import sys
import threading
import time

from sessions import SESSIONS, SessionError

WORKERS = 4
PERIOD_S = 0.005
RETRY_S = 0.05
PAYLOAD_MAX = 600


class Load:
    def __init__(self, application, address, port, ledger, first):
        self.make_session = lambda: SESSIONS[application](address, port)
        self.descriptor = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        self.lock = threading.Lock()
        self.next_id = first
        self.acknowledged = 0
        self.last_ns = time.monotonic_ns()
        self.longest_ns = 0
        self.is_stopping = threading.Event()

    def take_id(self):
        with self.lock:
            identity, self.next_id = self.next_id, self.next_id + 1
            os.write(self.descriptor, f"asked {identity}\n".encode())
            return identity

    def note(self, identity):
        with self.lock:
            os.write(self.descriptor, f"acknowledged {identity}\n".encode())
            now = time.monotonic_ns()
            self.longest_ns = max(self.longest_ns, now - self.last_ns)
            self.acknowledged, self.last_ns = self.acknowledged + 1, now

    def work(self):
        chance, session = random.Random(), None
        while not self.is_stopping.is_set():
            try:
                session = session or self.make_session()
                identity = self.take_id()
                payload = "".join(chance.choices(string.ascii_letters, k=chance.randint(1, PAYLOAD_MAX)))
                session.insert(identity, payload)
                self.note(identity)
                self.is_stopping.wait(PERIOD_S)
            except SessionError:
                if session:
                    session.close()
                session = None
                self.is_stopping.wait(RETRY_S)
        if session:
            session.close()

    def run(self):
        workers = [threading.Thread(target=self.work) for _ in range(WORKERS)]
        for worker in workers:
            worker.start()
        signal.sigwait([signal.SIGTERM])
        self.is_stopping.set()
        for worker in workers:
            worker.join()
        self.longest_ns = max(self.longest_ns, time.monotonic_ns() - self.last_ns)
        print(json.dumps({"next": self.next_id, "acknowledged": self.acknowledged,
                          "longest_ms": self.longest_ns / 1e6}))


def main():
    verb, application, address, port = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    if verb == "ids":
        print(json.dumps(SESSIONS[application].ids(address, port)))
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    Load(application, address, port, sys.argv[5], int(sys.argv[6])).run()


if __name__ == "__main__":
    try:
        main()
    except SessionError as problem:
        sys.exit(f"load: {problem}")
