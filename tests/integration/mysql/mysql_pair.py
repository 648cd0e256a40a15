"""Two database servers and two engines without agents: the test says what the agent would say. Loopback is that of a
network namespace which the test makes for itself, so the servers have an address each and one port."""
import contextlib
import ctypes
import functools
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

CLONE_NEWNET, CLONE_NEWNS = 0x40000000, 0x00020000
PORT = 3306
ADDRESSES = {"node1": "127.0.0.1", "node2": "127.0.0.2"}
PATIENCE_S = 40.0
COPY_PORT = 9000
KEYS = [{"identity": "test", "key": list(range(32))}]
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
    """And own mounts, which go with the process."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET | CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "cannot make a network namespace; the test needs root")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
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

    users = USERS
    has_semi_sync = True
    applier_error = "1062"
    commit_delay = "binlog_commit_wait_usec"

    def __init__(self, folder, node, number, address=""):
        self.node, self.folder, self.number = node, os.path.join(folder, node), number
        self.address = address or ADDRESSES[node]
        self.data, self.socket = os.path.join(self.folder, "data"), os.path.join(self.folder, "socket")
        os.makedirs(self.folder)
        shutil.chown(self.folder, "mysql")
        # A server that starts removes temporary tables of the directory for them, whosever they are.
        self.temporary = f"--tmpdir={self.folder}"
        self.process = None
        self.make_data()
        try:
            self.start()
            self.sql(self.users)
        except BaseException:
            self.stop()  # nobody else knows of it yet
            raise

    def make_data(self):
        self.made(["mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={self.data}",
                   "--auth-root-authentication-method=normal", "--skip-test-db", self.temporary])

    def made(self, command):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f"{command[0]} of {self.node}: {done.stdout[-1500:]} {done.stderr[-1500:]}")

    def argv(self):
        return ["mariadbd", "--no-defaults", "--user=mysql", f"--datadir={self.data}", f"--socket={self.socket}",
                f"--pid-file={self.folder}/pid", f"--bind-address={self.address}", f"--port={PORT}",
                f"--log-error={self.folder}/error.log", f"--server-id={self.number}", "--skip-name-resolve",
                "--log-bin=binlog", "--gtid-strict-mode=ON", "--log-slave-updates=ON", "--binlog-format=ROW",
                "--sync-binlog=1", "--innodb-flush-log-at-trx-commit=1", "--relay-log=relay", "--relay-log-recovery=ON",
                "--skip-slave-start", "--read-only=ON", "--rpl-semi-sync-slave-enabled=1", "--slave-net-timeout=10",
                "--innodb-buffer-pool-size=32M", self.temporary, f"--report-host={self.address}"]

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

    def column(self, name, question="SHOW SLAVE STATUS"):
        said = subprocess.run(["mariadb", "--no-defaults", f"--socket={self.socket}", "-u", "root", "-E", "-e",
                               question], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        for line in said.stdout.splitlines():
            if line.strip().startswith(name + ":"):
                return line.split(":", 1)[1].strip()
        return None

    def rows(self):
        return {int(word) for word in self.sql("SELECT id FROM load_test.t").split()}

    def is_writable(self):
        return self.sql("SELECT @@read_only") == "0"

    def is_closed(self):
        """Who asks at the moment in which it closes loses the connection, and asks again."""
        with contextlib.suppress(AssertionError):
            return not self.is_writable()
        return False

    def sql_in_spite(self, statements):
        """On a server that is read-only."""
        return self.sql(statements)

    def source(self):
        return self.column("Master_Host")

    def commits_wait(self):
        return self.sql("SELECT @@rpl_semi_sync_master_enabled") == "1"

    def all_wait(self, load):
        """Each client with a commit for a second or more: of the former ones it has read the answer."""
        waiting = self.sql("SELECT COUNT(*) FROM information_schema.processlist"
                           " WHERE user = 'app' AND time >= 1 AND command = 'Query'")
        return int(waiting) == len(load.threads)

    def stop_receiver(self):
        self.sql("STOP SLAVE IO_THREAD")


class Manager:
    """Does for one server what a service manager does: starts it again when it ends, until stop_command, and from
    start_command on."""

    def __init__(self, server):
        self.server, self.halted = server, os.path.join(server.folder, "halted")
        ping = f"mariadb-admin --no-defaults --socket={server.socket} ping"
        self.commands = {"stop_command": f"touch {self.halted}; kill $(cat {server.folder}/pid) 2>/dev/null; true",
                         "start_command": f"rm -f {self.halted}; for i in $(seq 200); do {ping} >/dev/null 2>&1 && "
                                          "exit 0; sleep 0.1; done; exit 1"}
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.is_over.wait(0.1):
            if self.server.process.poll() is not None and not os.path.exists(self.halted):
                self.server.process = subprocess.Popen(self.server.argv(), stdin=subprocess.DEVNULL,
                                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end(self):
        self.is_over.set()
        self.thread.join()


class Engine:
    """One engine process and its end of the socket. An option that depends on the node is a function of its name."""

    more_accounts = ""

    wrapper = ()  # words in front of its program
    def __init__(self, folder, server, **options):
        self.node, self.server = server.node, server
        peer = next(name for name in ADDRESSES if name != self.node)
        self.state_path = os.path.join(folder, self.node, "state")
        self.accounts = os.path.join(folder, self.node, "accounts")
        with open(self.accounts, "w", encoding="utf-8") as file:
            file.write(ACCOUNTS + self.more_accounts)
        os.chmod(self.accounts, 0o600)
        self.options = {"do": "configure", "module": "demo", "node": self.node, "state_path": self.state_path,
                        "own_address": ADDRESSES[self.node], "peer_address": ADDRESSES[peer], "port": PORT,
                        "socket": server.socket, "user_file": self.accounts, "semi_sync": True, "errant": "ask",
                        "drain_limit_ns": 20_000_000_000, "switch_limit_ns": 10_000_000_000, "lag_limit_ms": 10_000,
                        "binlog_bytes_max": 0, "data_directory": server.data, "start_command": "false",
                        "stop_command": "false", "keys": KEYS, "copy_port": COPY_PORT, "copy_bytes_per_second": 0,
                        **{name: of(self.node) if callable(of) else of for name, of in options.items()}}
        self.said, self.token, self.progress = [], 0, {}
        self.start()

    def start(self):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = subprocess.Popen([*self.wrapper, ENGINE], stdin=subprocess.DEVNULL, close_fds=False,
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

    statement = "INSERT INTO t VALUES ({0})"

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
             "-v", "-v", "--unbuffered", "--skip-reconnect", "load_test"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1)
        try:
            while not self.is_ending:
                following += 1
                self.asked.append(following)
                client.stdin.write(f"{self.statement.format(following)};\n")
                client.stdin.flush()
                if not self.is_answered(client.stdout):
                    break
                self.acknowledged.append(following)
                self.when.append(time.monotonic())
                for _ in range(self.statement.count(";")):
                    self.is_answered(client.stdout)
        except OSError:
            pass
        finally:
            client.kill()
            client.wait()
            client.stdout.close()
            with contextlib.suppress(OSError):
                client.stdin.close()
        return following

    @staticmethod
    def is_answered(said):
        """The server's word on one statement; it is the promise, whatever becomes of the connection after it."""
        return any(line.startswith("Query OK") for line in iter(said.readline, ""))

    def end(self):
        self.is_ending = True
        for thread in self.threads:
            thread.join(PATIENCE_S)

    def longest_gap_s(self, since):
        times = sorted(moment for moment in self.when if moment >= since)
        return max((later - earlier for earlier, later in zip(times, times[1:])), default=float("inf"))


used = [Server]


def use(server):
    """From now on pairs are of this class."""
    used[0] = server


def needs_semi_sync(test):
    """A promise that a server without semi-synchronous replication does not make."""
    @functools.wraps(test)
    def run(self):
        if used[0].has_semi_sync:
            return test(self)
        self.skipTest(f"{used[0].__name__} has no semi-synchronous replication")
    return run


@contextlib.contextmanager
def pair(server=None, **options):
    """`server`: of which class; unless told, that of the process (use())."""
    folder = tempfile.mkdtemp(prefix="clusteragent-mysql-")
    os.chmod(folder, 0o755)
    servers, engines = [], []
    try:
        for number, node in enumerate(ADDRESSES, 1):
            servers.append((server or used[0])(folder, node, number))
        for server in servers:
            engines.append(Engine(folder, server, **options))
        yield servers, engines
    finally:
        for one in (*engines, *servers):
            one.stop()
        shutil.rmtree(folder, ignore_errors=True)


def make_table(primary):
    primary.sql("CREATE DATABASE load_test; CREATE TABLE load_test.t (id BIGINT PRIMARY KEY) ENGINE=InnoDB")
