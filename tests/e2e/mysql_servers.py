"""A MariaDB on each node that runs whatever the agent does, the agent's module that replicates between them, and a
client that writes through the virtual address and remembers what was acknowledged."""
import contextlib
import os
import shutil
import subprocess
import tempfile
import threading

import mariadb
from harness import NODES, REPOSITORY, VIRTUAL_ADDRESS, LabError, other, wait_for

MODULE = "demo"
SHIPPED = os.path.join(REPOSITORY, "modules", "mysql_replication")
ACCOUNTS = "/srv/mysql-accounts"  # /srv is each node's own
SOCKET = f"{mariadb.RUN}/mysqld.sock"
START_PATIENCE_S = 40.0
ROLE_PATIENCE_S = 60.0
APPLICATION = """SET SESSION sql_log_bin = 0;
CREATE USER app@'%'; GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON *.* TO app@'%';
"""
OPTIONS = ["--log-bin=binlog", "--gtid-strict-mode=ON", "--log-slave-updates=ON", "--binlog-format=ROW",
           "--sync-binlog=1", "--innodb-flush-log-at-trx-commit=1", "--relay-log=relay", "--relay-log-recovery=ON",
           "--skip-slave-start", "--slave-parallel-threads=4", "--read-only=ON", "--rpl-semi-sync-slave-enabled=1",
           f"--tmpdir={mariadb.RUN}", "--slave-net-timeout=10", "--innodb-buffer-pool-size=32M", "--skip-name-resolve"]


HALTED = f"{mariadb.RUN}/halted"
ADMIN = f"mariadb-admin --no-defaults --socket={SOCKET}"
# What a service manager does: it starts the server again whenever it ends, unless it was told to stop it.
MANAGED = f"while true; do [ -e {HALTED} ] || %s; sleep 0.2; done"
PROVISIONED = {'port="3306"/>': f"""port="3306" errant="provision" stop_command="touch {HALTED}; {ADMIN} shutdown"
      start_command="rm -f {HALTED}; until {ADMIN} ping; do sleep 0.1; done"/>"""}


class Servers:
    """The pair, and the module over it. Managed: a server that ends is started again, and a node that cannot catch up
    gets the other one's data."""

    def __init__(self, lab, is_managed=False):
        self.lab, self.is_managed, self.options = lab, is_managed, ()

    def start(self, **replacements):
        self.start_servers(**replacements)
        self.initialise()

    def start_servers(self, options=(), **replacements):
        """`options`: of both servers, after those that the replication needs."""
        mariadb.install(self.lab)
        self.options = options
        for node in NODES:
            self.boot(node)
            if not wait_for(lambda node=node: self.answers(node), START_PATIENCE_S):
                raise LabError(f"the server of {node} does not start: {self.error_log(node)}")
            self.sql(node, APPLICATION)
        self.write_module(**(PROVISIONED if self.is_managed else {}), **replacements)

    def boot(self, node):
        """Now, and whenever its power comes back."""
        words = " ".join(["mariadbd", "--no-defaults", "--user=mysql", f"--datadir={mariadb.DATA}",
                          f"--socket={SOCKET}", f"--pid-file={mariadb.RUN}/mysqld.pid", "--bind-address=0.0.0.0",
                          f"--port={mariadb.PORT}", f"--log-error={mariadb.DATA}/error.log",
                          f"--server-id={NODES.index(node) + 1}", *OPTIONS, *self.options])
        run = MANAGED % words if self.is_managed else f"exec {words}"
        self.lab.sandbox.boot(node, ["sh", "-c", f"install -d -o mysql {mariadb.RUN}; {run}"])

    def initialise(self):
        """As an administrator does: the accounts come about on the first node and are copied to the second."""
        self.init("node1")
        shutil.copy2(self.accounts("node1"), self.accounts("node2"))
        for node in reversed(NODES):
            done = self.init(node)
            if done.returncode != 0 or "This node is ready." not in done.stdout:
                raise LabError(f"mysql init on {node}: {done.stdout}{done.stderr}")

    def init(self, node, *words):
        return self.lab.agent_result(node, "mysql", "init", "-m", MODULE, *words)

    def accounts(self, node):
        return os.path.join(self.lab.sandbox.host_directory(node), "private", ACCOUNTS.strip("/"))

    def write_module(self, alarm="", **replacements):
        """What is shipped, with what an administrator sets: the address, the accounts, times that suit a test. A server
        is started by nobody but the test: there is no service manager here."""
        changes = {"192.0.2.10": VIRTUAL_ADDRESS, 'pulse="700" timeout="30000"': 'pulse="50" timeout="300"',
                   "/etc/clusteragent/mysql-accounts": ACCOUNTS, "systemctl start mariadb": "true",
                   **replacements}
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(os.path.join(SHIPPED, "bin"), os.path.join(folder, "bin"))
            if alarm:
                with open(os.path.join(folder, "bin", "alarm"), "w", encoding="utf-8") as file:
                    file.write(alarm)
                os.chmod(os.path.join(folder, "bin", "alarm"), 0o755)
            with open(os.path.join(SHIPPED, "userconfig.xml"), encoding="utf-8") as file:
                text = file.read()
            for old, new in changes.items():
                if old not in text:
                    raise LabError(f"the shipped userconfig.xml has no {old}")
                text = text.replace(old, new)
            with open(os.path.join(folder, "userconfig.xml"), "w", encoding="utf-8") as file:
                file.write(text)
            self.lab.sandbox.install_module(MODULE, folder)

    def start_cluster(self):
        self.lab.start_agents()
        self.lab.agent("node1", "prim", "-m", MODULE)
        self.lab.wait_states({"node1": "ALONE"}, patience_s=ROLE_PATIENCE_S)
        self.lab.agent("node2", "start", "-m", MODULE)
        self.wait_pair("node1")

    def wait_pair(self, primary):
        """The roles, and both copies equal to the last commit."""
        self.lab.wait_states({primary: "PRIM", other(primary): "SECOND"}, patience_s=ROLE_PATIENCE_S)
        if not wait_for(lambda: self.replication(primary).get("state") == "up to date", ROLE_PATIENCE_S):
            raise LabError(f"the standby is not up to date: {self.replication(primary)}, "
                           f"{self.replication(other(primary))}")

    def replication(self, node):
        return self.lab.status(node).get("replication") or {}

    # --- one server -------------------------------------------------------------------------------

    def client(self, node, user):
        return ["nsenter", "-t", str(self.lab.sandbox.running(node)["pid"]), "-a", "mariadb", "--no-defaults",
                f"--socket={SOCKET}", "-u", user, "-N", "-B", "--unbuffered"]

    def run(self, node, statements, user="root"):
        return subprocess.run([*self.client(node, user), "-e", statements], capture_output=True, text=True, timeout=60,
                              check=False)

    def sql(self, node, statements, user="root"):
        done = self.run(node, statements, user)
        if done.returncode != 0:
            raise LabError(f"the server of {node}: {done.stderr.strip()}")
        return done.stdout.strip()

    def answers(self, node):
        return self.run(node, "SELECT 1").returncode == 0

    def is_writable(self, node):
        return self.sql(node, "SELECT @@read_only") == "0"

    def rows(self, node):
        return [int(word) for word in self.sql(node, "SELECT id FROM shop.orders ORDER BY id").split()]

    def data(self, node):
        """The data directory, from outside of the node."""
        return os.path.join(self.lab.sandbox.host_directory(node), "private", mariadb.DATA.strip("/"))

    def checksum(self, node, tables="shop.orders"):
        return self.run(node, f"CHECKSUM TABLE {tables}").stdout

    def are_equal(self, tables="shop.orders"):
        one, two = (self.checksum(node, tables) for node in NODES)
        return one == two and "NULL" not in one and one != ""

    def error_log(self, node):
        path = os.path.join(self.data(node), "error.log")
        with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]
        return ""


class SqlLoad:
    """Clients behind the virtual address in one process (tests/support/sql_load.py)."""

    def __init__(self, lab, clients=8, arrival_ms=None):
        self.words = ["nsenter", f"--net=/run/netns/{lab.sandbox.namespace('client')}", "python3", "-B",
                      os.path.join(REPOSITORY, "tests", "support", "sql_load.py"), VIRTUAL_ADDRESS, str(mariadb.PORT),
                      "app", str(clients), *([] if arrival_ms is None else [str(arrival_ms)])]
        self.path = os.path.join(lab.directory, "sql-load")

    def __enter__(self):
        with open(self.path, "w", encoding="utf-8") as file:
            self.process = subprocess.Popen(self.words, stdin=subprocess.PIPE, stdout=file)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()

    def acknowledged(self):
        """(milliseconds, id); the last line may be cut."""
        with open(self.path, encoding="utf-8") as file:
            lines = [line.split() for line in file if line.endswith("\n") and line.count(" ") == 1]
        return [(float(moment), int(number)) for moment, number in lines]


class Writer:
    """A client behind the virtual address: one row after the other, and after a failure a new connection."""

    def __init__(self, lab):
        self.lab = lab
        self.acknowledged = []
        self.next_id = 1
        self.process = None
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        # Until the thread has seen it: it may be between two connections.
        while self.thread.is_alive():
            if self.process:
                self.process.kill()
            self.thread.join(0.2)

    def connect(self):
        return subprocess.Popen(["nsenter", f"--net=/run/netns/{self.lab.sandbox.namespace('client')}", "mariadb",
                                 "--no-defaults", "-h", VIRTUAL_ADDRESS, "-u", "app", "--connect-timeout=1", "-N", "-B",
                                 "--unbuffered", "--skip-reconnect"], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1)

    def run(self):
        while not self.is_over.wait(0.02):
            # Around both: closing its input writes what is left.
            with contextlib.suppress(BrokenPipeError), self.connect() as process:
                self.process = process
                with contextlib.suppress(BrokenPipeError):
                    while self.write_one(process):
                        pass
                process.kill()

    def write_one(self, process):
        number, self.next_id = self.next_id, self.next_id + 1
        process.stdin.write(f"INSERT INTO shop.orders VALUES ({number}); SELECT {number};\n")
        if process.stdout.readline().strip() != str(number):
            return False
        self.acknowledged.append(number)
        return True

    def wait_for_more(self, count=20, patience_s=ROLE_PATIENCE_S):
        wanted = len(self.acknowledged) + count
        if not wait_for(lambda: len(self.acknowledged) >= wanted, patience_s):
            raise LabError(f"no row is acknowledged through {VIRTUAL_ADDRESS} within {patience_s:g} s")
