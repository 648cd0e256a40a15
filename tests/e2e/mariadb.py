"""A real MariaDB on each node, with a database of its own, started by the scripts."""
import os
import shutil
import subprocess

from harness import NODES, VIRTUAL_ADDRESS, LabError

DATA = "/var/lib/mysql"  # private to each sandbox host
RUN = "/run/mysqld"
PORT = 3306
USERS = """CREATE USER IF NOT EXISTS 'client'@'%';
GRANT SELECT ON *.* TO 'client'@'%';
"""
ERRD = """<errd polltimer="10">
      <proc name="mariadbd" atleast="1" action="restart" class="prim"/>
    </errd>"""


# The hosts of a sandbox share /tmp, and a server that starts removes the temporary tables there, whosever they are.
def install_command(data=DATA):
    return ["mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={data}", "--skip-test-db",
            f"--tmpdir={data}"]


def scripts(folder, data=DATA, run=RUN, port=PORT, setup=USERS, options=""):
    """start_prim and stop_prim; folder is seen by both nodes. setup: SQL that each start carries out first; options:
    more of the server's."""
    users, socket, pid_file = os.path.join(folder, "users.sql"), f"{run}/mysqld.sock", f"{run}/mysqld.pid"
    with open(users, "w", encoding="utf-8") as file:
        file.write(setup)
    start = f"""install -d -o mysql {run}
setsid mariadbd --no-defaults --user=mysql --datadir={data} --socket={socket} --pid-file={pid_file} \\
  --bind-address=0.0.0.0 --port={port} --init-file={users} --log-error={data}/error.log --tmpdir={run} \\
  --innodb-buffer-pool-size=32M --skip-name-resolve {options} </dev/null >/dev/null 2>&1 &
for _ in $(seq 400); do
  mariadb-admin --no-defaults --socket={socket} ping >/dev/null 2>&1 && exit 0
  kill -0 $! 2>/dev/null || break
  sleep 0.05
done
tail -n 5 {data}/error.log
exit 1
"""
    stop = f"""[ -e {pid_file} ] && kill -0 "$(cat {pid_file})" 2>/dev/null || exit 0
if [ "$1" = force ]; then
  kill -KILL "$(cat {pid_file})"
else
  mariadb-admin --no-defaults --socket={socket} shutdown
fi
"""
    return {"start_prim": start, "stop_prim": stop}


def install(lab):
    """Makes an empty database on both nodes; the slow part is done once."""
    if shutil.which("mariadb-install-db") is None:
        raise LabError("MariaDB is missing: scripts/setup test")
    lab.sandbox.execute_quietly(NODES[0], install_command())
    first, second = (os.path.join(lab.sandbox.host_directory(node), "private", DATA.strip("/")) for node in NODES)
    subprocess.run(["cp", "-a", f"{first}/.", second], check=True, timeout=60)


def ask(lab, question="SELECT @@hostname", patience_s=1):
    """The answer the client gets from the virtual address, or None."""
    done = subprocess.run(["nsenter", f"--net=/run/netns/{lab.sandbox.namespace('client')}", "mariadb", "--no-defaults",
                           "-h", VIRTUAL_ADDRESS, "-u", "client", f"--connect-timeout={patience_s}", "-N", "-B", "-e",
                           question], capture_output=True, text=True, timeout=20, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def server_pids(lab, node):
    return lab.sandbox.processes(node, "mariadbd")
