"""Two database servers and two engines without agents: the test says what the agent would say. Loopback is that of a
network namespace which the test makes for itself, so the servers have an address each and one port."""
import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

CLONE_NEWNET = 0x40000000
PORT = 3306
ADDRESSES = {"node1": "127.0.0.1", "node2": "127.0.0.2"}
PATIENCE_S = 40.0
ENGINE = os.environ.get("CLUSTERAGENT_MYSQL", "")
ACCOUNTS = "[agent]\nuser=agent\npassword=agent's \\ secret\n[replication]\nuser=copy\npassword=copy secret\n"
USERS = """SET SESSION sql_log_bin = 0;
CREATE USER agent@'%' IDENTIFIED BY 'agent\\'s \\\\ secret';
GRANT SELECT, RELOAD, PROCESS, SHOW DATABASES, REPLICATION SLAVE, BINLOG MONITOR, REPLICA MONITOR,
  REPLICATION SLAVE ADMIN, REPLICATION MASTER ADMIN, BINLOG ADMIN, READ_ONLY ADMIN, CONNECTION ADMIN
  ON *.* TO agent@'%';
CREATE USER copy@'%' IDENTIFIED BY 'copy secret';
GRANT REPLICATION SLAVE ON *.* TO copy@'%';
CREATE USER app@'%';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP ON *.* TO app@'%';
"""


def enter_own_network():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "cannot make a network namespace; the test needs root")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def soon(condition, seconds=PATIENCE_S, pause=0.05):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(pause)
    return True


class Server:
    """One MariaDB, read-only when it starts, as its option file is to say."""

    def __init__(self, folder, node, number):
        self.node, self.folder, self.address, self.number = node, os.path.join(folder, node), ADDRESSES[node], number
        self.data, self.socket = os.path.join(self.folder, "data"), os.path.join(self.folder, "socket")
        os.makedirs(self.folder)
        shutil.chown(self.folder, "mysql")
        self.process = None
        made = subprocess.run(["mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={self.data}",
                               "--auth-root-authentication-method=normal", "--skip-test-db"], check=False,
                              capture_output=True, text=True)
        if made.returncode != 0:
            raise AssertionError(f"mariadb-install-db of {node}: {made.stdout[-1500:]} {made.stderr[-1500:]}")
        self.start()
        self.sql(USERS)

    def argv(self):
        return ["mariadbd", "--no-defaults", "--user=mysql", f"--datadir={self.data}", f"--socket={self.socket}",
                f"--pid-file={self.folder}/pid", f"--bind-address={self.address}", f"--port={PORT}",
                f"--log-error={self.folder}/error.log", f"--server-id={self.number}", "--skip-name-resolve",
                "--log-bin=binlog", "--gtid-strict-mode=ON", "--log-slave-updates=ON", "--binlog-format=ROW",
                "--sync-binlog=1", "--innodb-flush-log-at-trx-commit=1", "--relay-log=relay", "--relay-log-recovery=ON",
                "--skip-slave-start", "--read-only=ON", "--rpl-semi-sync-slave-enabled=1", "--slave-net-timeout=10",
                "--innodb-buffer-pool-size=32M", f"--report-host={self.address}"]

    def start(self, *more):
        self.process = subprocess.Popen([*self.argv(), *more], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        if not soon(lambda: self.run("SELECT 1").returncode == 0 or self.process.poll() is not None) or \
                self.process.poll() is not None:
            with open(f"{self.folder}/error.log", encoding="utf-8") as file:
                raise AssertionError(f"the server of {self.node} does not start: {file.read()[-2000:]}")

    def run(self, statements, user="root"):
        return subprocess.run(["mariadb", "--no-defaults", f"--socket={self.socket}", "-u", user, "-N", "-B",
                               "-e", statements], capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    def sql(self, statements, user="root"):
        done = self.run(statements, user)
        if done.returncode != 0:
            raise AssertionError(f"{self.node}: {statements[:100]}: {done.stderr.strip()}")
        return done.stdout.strip()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.kill()

    def column(self, name):
        said = subprocess.run(["mariadb", "--no-defaults", f"--socket={self.socket}", "-u", "root", "-E", "-e",
                               "SHOW SLAVE STATUS"], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        for line in said.stdout.splitlines():
            if line.strip().startswith(name + ":"):
                return line.split(":", 1)[1].strip()
        return None

    def rows(self):
        return {int(word) for word in self.sql("SELECT id FROM load_test.t").split()}

    def is_writable(self):
        return self.sql("SELECT @@read_only") == "0"


class Engine:
    """One engine process and its end of the socket."""

    def __init__(self, folder, server, **options):
        self.node, self.server = server.node, server
        peer = next(name for name in ADDRESSES if name != self.node)
        self.state_path = os.path.join(folder, self.node, "state")
        self.accounts = os.path.join(folder, self.node, "accounts")
        with open(self.accounts, "w", encoding="utf-8") as file:
            file.write(ACCOUNTS)
        os.chmod(self.accounts, 0o600)
        self.options = {"do": "configure", "module": "demo", "node": self.node, "state_path": self.state_path,
                        "own_address": ADDRESSES[self.node], "peer_address": ADDRESSES[peer], "port": PORT,
                        "socket": server.socket, "user_file": self.accounts, "semi_sync": True, "errant": "ask",
                        "drain_limit_ns": 20_000_000_000, "switch_limit_ns": 10_000_000_000, "lag_limit_ms": 10_000,
                        "binlog_bytes_max": 0, "data_directory": server.data, "start_command": "", "stop_command": "",
                        **options}
        self.said, self.token, self.progress = [], 0, {}
        self.start()

    def start(self):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = subprocess.Popen([ENGINE], stdin=subprocess.DEVNULL, close_fds=False,
                                        preexec_fn=lambda: os.dup2(theirs.fileno(), 3))
        theirs.close()
        self.send(self.options)

    def send(self, message):
        self.socket.send(json.dumps(message).encode())

    def listen(self, seconds):
        while select.select([self.socket], [], [], seconds)[0]:
            text = self.socket.recv(65536)
            if not text:
                raise AssertionError(f"the engine of {self.node} ended: {self.said}")
            message = json.loads(text)
            if message["is"] == "progress":
                self.progress = message["status"]
            else:
                self.said.append(message)
            seconds = 0

    def wait(self, condition, what, seconds=PATIENCE_S):
        until = time.monotonic() + seconds
        while True:
            found = next((message for message in self.said if condition(message)), None)
            if found is not None:
                self.said.remove(found)
                return found
            if time.monotonic() > until:
                raise AssertionError(f"{self.node}: no {what} within {seconds:g} s: {self.said} {self.progress}")
            self.listen(0.05)

    def ask_later(self, what, **more):
        self.token += 1
        self.send({"do": what, "token": self.token, **more})
        return self.token

    def answer(self, token, what, check=True):
        done = self.wait(lambda said: said["is"] == "finished" and said["token"] == token, f"answer to {what}")
        if check and not done["ok"]:
            raise AssertionError(f"{self.node}: {what}: {done['detail']}")
        return done

    def ask(self, what, check=True, **more):
        return self.answer(self.ask_later(what, **more), what, check)

    def lead(self, solo=True, epoch=1, check=True):
        return self.ask("lead", check, epoch=epoch, solo=solo)

    def follow(self, epoch=1):
        return self.ask("follow", epoch=epoch, diverged=0)

    def release(self, check=True):
        return self.ask("release", check)

    def wait_synced(self, seconds=PATIENCE_S):
        return self.wait(lambda said: said["is"] == "synced", "word that the standby is up to date", seconds)

    def wait_behind(self):
        return self.wait(lambda said: said["is"] == "behind", "word that the standby is lost")

    def wait_progress(self, condition, what):
        if not soon(lambda: (self.listen(0.05), condition(self.progress))[1]):
            raise AssertionError(f"{self.node}: no {what}: {self.progress} {self.said}")

    def stop(self):
        self.socket.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def kill(self):
        self.process.kill()
        self.process.wait()


class Load:
    """Clients that insert ids, each once, and remember which were acknowledged. Each goes on with a new connection."""

    def __init__(self, clients=4):
        self.acknowledged, self.asked, self.target = [], [], None
        self.is_ending = False
        self.threads = [threading.Thread(target=self.work, args=(number,)) for number in range(1, clients + 1)]
        self.when = []  # of each acknowledgement, by the monotonic clock

    def on(self, server):
        self.target = server
        for thread in self.threads:
            if not thread.is_alive() and not self.is_ending:
                thread.start()
        return self

    def work(self, number):
        following = number * 10_000_000
        while not self.is_ending:
            following = self.one_connection(following)
            time.sleep(0.01)

    def one_connection(self, following):
        client = subprocess.Popen(
            ["mariadb", "--no-defaults", f"--socket={self.target.socket}", "-u", "app", "-N", "-B", "-n",
             "--unbuffered", "--skip-reconnect", "load_test"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, bufsize=1)
        try:
            while not self.is_ending:
                following += 1
                self.asked.append(following)
                client.stdin.write(f"INSERT INTO t VALUES ({following}); SELECT {following};\n")
                client.stdin.flush()
                said = client.stdout.readline()
                if not said:
                    break
                self.acknowledged.append(int(said))
                self.when.append(time.monotonic())
        except OSError:
            pass
        finally:
            client.kill()
            client.wait()
            client.stdout.close()
            with contextlib.suppress(OSError):
                client.stdin.close()
        return following

    def end(self):
        self.is_ending = True
        for thread in self.threads:
            thread.join(PATIENCE_S)

    def longest_gap_s(self, since):
        times = sorted(moment for moment in self.when if moment >= since)
        return max((later - earlier for earlier, later in zip(times, times[1:])), default=float("inf"))


@contextlib.contextmanager
def pair(**options):
    folder = tempfile.mkdtemp(prefix="clusteragent-mysql-")
    os.chmod(folder, 0o755)
    servers, engines = [], []
    try:
        for number, node in enumerate(ADDRESSES, 1):
            servers.append(Server(folder, node, number))
        for server in servers:
            engines.append(Engine(folder, server, **options))
        yield servers, engines
    finally:
        for one in (*engines, *servers):
            one.stop()
        shutil.rmtree(folder, ignore_errors=True)


def make_table(primary):
    primary.sql("CREATE DATABASE load_test; CREATE TABLE load_test.t (id BIGINT PRIMARY KEY) ENGINE=InnoDB")
