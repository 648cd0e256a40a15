#!/usr/bin/python3
"""A small server around one SQLite database in WAL mode: each line is a statement, and is answered once it is on disk.
  sqlite_server.py DATABASE PORT
  insert ID PAYLOAD -> acknowledged ID, after COMMIT with synchronous=FULL
  ids               -> a line an id, and then: end
What fails is answered with `error` and a reason, and is rolled back. When the disk itself fails, the server ends: what
it holds in memory may differ from what is there by now.
"""
import ctypes
import os
import signal
import socketserver
import sqlite3
import sys
import threading

PR_SET_NAME = 15
NAME = b"sqlite_server"


class Database:
    """One connection, one statement at a time."""

    def __init__(self, path):
        self.lock = threading.Lock()
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        mode = self.connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        if mode != "wal":
            raise sqlite3.OperationalError(f"the journal is {mode}, not wal")
        self.connection.execute("PRAGMA synchronous=FULL")
        self.connection.execute("CREATE TABLE IF NOT EXISTS entries (number INTEGER PRIMARY KEY, id INTEGER, "
                                "payload TEXT)")

    def insert(self, identity, payload):
        with self.lock:
            try:
                self.connection.execute("BEGIN IMMEDIATE")
                self.connection.execute("INSERT INTO entries (id, payload) VALUES (?, ?)", (identity, payload))
                self.connection.execute("COMMIT")
            except sqlite3.Error as error:
                if error.sqlite_errorcode & 0xff not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY):
                    print(f"ending: {error}", file=sys.stderr, flush=True)
                    os._exit(1)
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def ids(self):
        with self.lock:
            return [identity for identity, in self.connection.execute("SELECT id FROM entries")]


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            words = line.decode().split()
            try:
                if words[:1] == ["insert"] and len(words) == 3:
                    self.server.database.insert(int(words[1]), words[2])
                    answer = f"acknowledged {words[1]}\n"
                elif words == ["ids"]:
                    answer = "".join(f"{one}\n" for one in self.server.database.ids()) + "end\n"
                else:
                    answer = "error: insert ID PAYLOAD, or ids\n"
            except sqlite3.Error as error:
                answer = f"error: {error}\n"
            self.wfile.write(answer.encode())


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


def main():
    ctypes.CDLL(None).prctl(PR_SET_NAME, NAME, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    database = Database(sys.argv[1])
    with Server(("0.0.0.0", int(sys.argv[2])), Handler) as server:
        server.database = database
        server.serve_forever()


if __name__ == "__main__":
    main()
