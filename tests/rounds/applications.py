"""The applications of the rounds: how each keeps its data in one directory, and how it is started and stopped.

What clients say to them is in sessions.py. An id is a row of a table that would hold the same id twice: what is there
twice shall be seen. Each acknowledges what is on disk by its own rules, at their strictest.
"""
import os
import shlex
import shutil
import subprocess

import mariadb
from harness import LabError

HERE = os.path.dirname(os.path.abspath(__file__))
PREPARE_PATIENCE_S = 120
ERRD = """<errd polltimer="10">
      <proc name="{process}" atleast="1" action="restart" class="prim"/>
    </errd>"""
LISTENS = """for _ in $(seq 400); do
  {check} && exit 0
  kill -0 "$pid" 2>/dev/null || break
  sleep 0.05
done
"""
STOP = """[ -e {pid_file} ] || exit 0
pid=$(cat {pid_file})
signals={gentle}
[ "$1" = force ] && signals={hard}
for signal in $signals; do
  kill -"$signal" "$pid" 2>/dev/null || exit 0
  for _ in $(seq 200); do
    kill -0 "$pid" 2>/dev/null || exit 0
    sleep 0.05
  done
done
echo "process $pid does not end"
exit 1
"""


class Application:
    """name: what scripts/rounds calls it; process: what the kernel calls it; directory: the one that is replicated, on
    a node; run: a folder for what a restart of the machine may forget."""
    name = process = directory = run = program = package = ""
    port = 0

    def require(self):
        if shutil.which(self.program) is None and not os.access(self.program, os.X_OK):
            raise LabError(f"{self.program} is missing: sudo scripts/setup rounds ({self.package})")

    def errd(self):
        return ERRD.format(process=self.process)

    def prepare(self, data):
        """Makes what a new installation has in its data directory, in an empty one that is reached from here."""

    def scripts(self, folder, data, run, port):
        """{start_prim, stop_prim}; folder keeps what the scripts need and is seen wherever they run."""
        raise NotImplementedError


class MariaDb(Application):
    name, process, directory, run, port = "mariadb", "mariadbd", mariadb.DATA, mariadb.RUN, mariadb.PORT
    program, package = "mariadb-install-db", "mariadb-server"
    setup = """CREATE USER IF NOT EXISTS 'client'@'%';
CREATE DATABASE IF NOT EXISTS rounds;
CREATE TABLE IF NOT EXISTS rounds.entries (number BIGINT AUTO_INCREMENT PRIMARY KEY, id BIGINT, payload TEXT);
CREATE TABLE IF NOT EXISTS rounds.ballast (payload LONGTEXT);
GRANT SELECT, INSERT, DELETE ON rounds.* TO 'client'@'%';
"""
    options = "--innodb-flush-log-at-trx-commit=1 --sync-binlog=1 --log-bin=binlog --server-id=1"

    def prepare(self, data):
        subprocess.run(mariadb.install_command(data), check=True, capture_output=True, timeout=PREPARE_PATIENCE_S)

    def scripts(self, folder, data, run, port):
        return mariadb.scripts(folder, data, run, port, self.setup, self.options)


class PostgreSql(Application):
    name, process, directory, run, port = "postgresql", "postgres", "/var/lib/postgresql", "/run/postgresql", 5432
    binaries = "/usr/lib/postgresql/15/bin"
    program, package = f"{binaries}/postgres", "postgresql"
    as_postgres = "setpriv --reuid=postgres --regid=postgres --init-groups"
    settings = """listen_addresses = '*'
fsync = on
synchronous_commit = on
full_page_writes = on
shared_buffers = 32MB
max_wal_size = 64MB
min_wal_size = 32MB
"""

    def prepare(self, data):
        shutil.chown(data, "postgres", "postgres")
        os.chmod(data, 0o700)
        self.call(f"{self.binaries}/initdb", "-D", data, "--auth=trust", "--no-locale", "--encoding=UTF8", "--no-sync")
        for name, text in (("postgresql.conf", self.settings), ("pg_hba.conf", "host all all all trust\n")):
            with open(os.path.join(data, name), "a", encoding="utf-8") as file:
                file.write(text)
        table = "CREATE TABLE entries (number BIGSERIAL PRIMARY KEY, id BIGINT, payload TEXT);"
        self.call(self.program, "--single", "-D", data, "postgres", text=table)

    def call(self, *argv, text=None):
        subprocess.run([*self.as_postgres.split(), *argv], input=text, text=True, check=True, capture_output=True,
                       timeout=PREPARE_PATIENCE_S, cwd="/")

    def scripts(self, folder, data, run, port):
        """The pid file lies among the data: on another node, or after a boot, its number is somebody else's."""
        start = f"""install -d -o postgres -m 775 {run}
for _ in $(seq 100); do  # what a killed server leaves behind ends by itself, and soon
  pgrep -x -u postgres postgres >/dev/null || break
  sleep 0.05
done
pgrep -x -u postgres postgres >/dev/null || rm -f {data}/postmaster.pid
setsid {self.as_postgres} {self.program} -D {data} -p {port} -k {run} </dev/null >>{run}/server.log 2>&1 &
pid=$!
echo $pid >{run}/server.pid
{LISTENS.format(check=f"{self.binaries}/pg_isready -q -h {run} -p {port}")}tail -n 5 {run}/server.log
exit 1
"""
        return {"start_prim": start, "stop_prim": STOP.format(pid_file=f"{run}/server.pid", gentle="INT",
                                                              hard="'QUIT KILL'")}


class Sqlite(Application):
    name, process, directory, run, port = "sqlite", "sqlite_server", "/srv", "/run/sqlite", 7002
    program, package = os.path.join(HERE, "sqlite_server.py"), "python3"

    def scripts(self, folder, data, run, port):
        start = f"""mkdir -p {run}
setsid {shlex.quote(self.program)} {data}/entries.sqlite {port} </dev/null >>{run}/server.log 2>&1 &
pid=$!
echo $pid >{run}/server.pid
{LISTENS.format(check=f"grep -qi ':{port:04X} 00000000:0000 0A' /proc/net/tcp")}tail -n 5 {run}/server.log
exit 1
"""
        return {"start_prim": start, "stop_prim": STOP.format(pid_file=f"{run}/server.pid", gentle="TERM", hard="KILL")}


APPLICATIONS = {one.name: one for one in (MariaDb(), PostgreSql(), Sqlite())}
