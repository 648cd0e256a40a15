"""A MariaDB of its own for a measurement, on a host of the sandbox, and the load that sysbench puts on it."""
import os
import re
import shutil
import subprocess

import mariadb
from harness import LabError, wait_for

TABLES, ROWS, THREADS = 4, 50_000, 8
DURABLE = ["--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1", "--log-bin=binlog",
           "--innodb-flush-method=O_DIRECT", "--innodb-buffer-pool-size=256M", "--innodb-log-file-size=128M"]
START_PATIENCE_S = 60
STOP_PATIENCE_S = 60
SEMI_SYNC_NEVER_GIVES_UP_MS = 1_000_000_000


class Database:
    """data: its directory as the host sees it, empty or not there; server: the number in the replication."""

    def __init__(self, lab, host, data, port=3306, server=1, options=()):
        self.lab, self.host, self.data, self.port = lab, host, data, port
        self.folder = os.path.join(lab.directory, f"database-{host}-{port}")
        os.makedirs(self.folder)
        shutil.chown(self.folder, "mysql")
        self.socket = os.path.join(self.folder, "socket")
        self.argv = ["mariadbd", "--no-defaults", "--user=mysql", f"--datadir={data}", f"--socket={self.socket}",
                     f"--pid-file={self.folder}/pid", "--bind-address=0.0.0.0", f"--port={port}",
                     f"--log-error={self.folder}/error.log", f"--server-id={server}", "--skip-name-resolve", *DURABLE,
                     *options]

    def start(self):
        sandbox = self.lab.sandbox
        sandbox.execute_quietly(self.host, ["install", "-d", "-o", "mysql", self.data])
        sandbox.execute_quietly(self.host, mariadb.install_command(self.data))
        sandbox.spawn(self.host, self.argv, os.path.join(self.folder, "log"))
        if not wait_for(self.answers, START_PATIENCE_S):
            raise LabError(f"the database of {self.host} does not start: {self.folder}/error.log")

    def answers(self):
        return subprocess.run(["mariadb-admin", "--no-defaults", f"--socket={self.socket}", "ping"],
                              capture_output=True, check=False).returncode == 0

    def ask(self, statements):
        done = subprocess.run(["mariadb", "--no-defaults", f"--socket={self.socket}", "-u", "root", "-N", "-B", "-e",
                               statements], capture_output=True, text=True, timeout=STOP_PATIENCE_S, check=False)
        if done.returncode != 0:
            raise LabError(f"the database of {self.host}: {done.stderr.strip()}")
        return done.stdout.strip()

    def stop(self):
        subprocess.run(["mariadb-admin", "--no-defaults", f"--socket={self.socket}", "-u", "root", "shutdown"],
                       capture_output=True, timeout=STOP_PATIENCE_S, check=False)

    # --- load -------------------------------------------------------------------------------------

    def sysbench(self, test, *words):
        argv = ["sysbench", test, "--db-driver=mysql", f"--mysql-socket={self.socket}", "--mysql-user=root",
                "--mysql-db=bench", f"--tables={TABLES}", f"--table-size={ROWS}", f"--threads={THREADS}", *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode != 0:
            raise LabError(f"sysbench on {self.host}: {done.stdout[-500:]}{done.stderr[-500:]}")
        return done.stdout

    def fill(self):
        self.ask("CREATE DATABASE bench")
        self.sysbench("oltp_write_only", "prepare")

    def transactions_per_s(self, test, seconds):
        """(transactions a second, the 95th percentile of their time in ms)"""
        said = self.sysbench(test, f"--time={seconds}", "--report-interval=0", "run")
        rate = re.search(r"transactions:\s+\d+\s+\(([\d.]+) per sec", said)
        late = re.search(r"95th percentile:\s+([\d.]+)", said)
        return float(rate[1]), float(late[1])


def semi_synchronous(primary, standby, address):
    """MariaDB's own replication: a commit is answered when the other server has written its events down, and never
    without."""
    primary.ask("CREATE USER 'copy'@'%'; GRANT REPLICATION SLAVE ON *.* TO 'copy'@'%';"
                "SET GLOBAL rpl_semi_sync_master_wait_point = 'AFTER_SYNC';"
                f"SET GLOBAL rpl_semi_sync_master_timeout = {SEMI_SYNC_NEVER_GIVES_UP_MS};")
    standby.ask("SET GLOBAL rpl_semi_sync_slave_enabled = ON;"
                f"CHANGE MASTER TO master_host='{address}', master_port={primary.port}, master_user='copy',"
                " master_use_gtid=slave_pos; START SLAVE;")
    primary.ask("SET GLOBAL rpl_semi_sync_master_enabled = ON")
