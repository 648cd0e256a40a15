"""Clients that insert ids, each once, through libmariadb in one process, and say when each was acknowledged. One that
is a process of its own needs longer to connect again than a swap takes, and would measure itself.
  sql_load.py HOST PORT USER CLIENTS [ARRIVAL_MS]
      prints `MILLISECONDS ID` for each acknowledged id, by the monotonic clock; ends with its standard input. With
      ARRIVAL_MS a new client comes that often besides, inserts one id and goes: an outage then ends when the service
      does answer, not when a client that waits tries again"""
import ctypes
import itertools
import sys
import threading
import time

CONNECT_TIMEOUT, READ_TIMEOUT, WRITE_TIMEOUT = 0, 11, 12  # enum mysql_option
IDS_OF_A_CLIENT = 10_000_000
PAUSE_S = 0.002


def library():
    lib = ctypes.CDLL("libmariadb.so.3")
    lib.mysql_init.restype = ctypes.c_void_p
    lib.mysql_init.argtypes = [ctypes.c_void_p]
    lib.mysql_options.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
    lib.mysql_real_connect.restype = ctypes.c_void_p
    lib.mysql_real_connect.argtypes = [ctypes.c_void_p, *[ctypes.c_char_p] * 4, ctypes.c_uint, ctypes.c_char_p,
                                       ctypes.c_ulong]
    lib.mysql_query.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    lib.mysql_close.argtypes = [ctypes.c_void_p]
    return lib


class Client(threading.Thread):
    def __init__(self, lib, host, port, user, number, is_passing=False):
        super().__init__(daemon=True)
        self.lib, self.host, self.port, self.user = lib, host.encode(), int(port), user.encode()
        self.next_id, self.is_passing = number * IDS_OF_A_CLIENT, is_passing

    def connect(self):
        handle = self.lib.mysql_init(None)
        second = ctypes.c_uint(1)
        for option in (CONNECT_TIMEOUT, READ_TIMEOUT, WRITE_TIMEOUT):
            self.lib.mysql_options(handle, option, ctypes.byref(second))
        if self.lib.mysql_real_connect(handle, self.host, self.user, b"", None, self.port, None, 0):
            return handle
        self.lib.mysql_close(handle)
        return None

    def insert(self, handle):
        self.next_id += 1
        if self.lib.mysql_query(handle, f"INSERT INTO shop.orders VALUES ({self.next_id})".encode()) != 0:
            return False
        print(f"{time.monotonic() * 1000:.1f} {self.next_id}\n", end="", flush=True)
        return not self.is_passing

    def run(self):
        while True:
            handle = self.connect()
            while handle and self.insert(handle):
                pass
            if handle:
                self.lib.mysql_close(handle)
            if self.is_passing:
                return
            time.sleep(PAUSE_S)


def arrivals(lib, period_s):
    """Each has one id: those of the client that would come after the last."""
    for number in itertools.count():
        client = Client(lib, *sys.argv[1:4], int(sys.argv[4]) + 1, is_passing=True)
        client.next_id += number
        client.start()
        time.sleep(period_s)


if __name__ == "__main__":
    mariadb, count = library(), int(sys.argv[4])
    for number in range(1, count + 1):
        Client(mariadb, *sys.argv[1:4], number).start()
    if len(sys.argv) > 5:
        threading.Thread(target=arrivals, args=(mariadb, float(sys.argv[5]) / 1000), daemon=True).start()
    sys.stdin.read()
