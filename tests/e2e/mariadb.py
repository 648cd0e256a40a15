"""A real MariaDB on each node, with a database of its own (nothing is mirrored yet), started by the scripts."""
import os
import shutil
import subprocess

from harness import NODES, VIRTUAL_ADDRESS, LabError

DATA = "/var/lib/mysql"  # private to each sandbox host
SOCKET = "/run/mysqld/mysqld.sock"
USERS = """CREATE USER IF NOT EXISTS 'client'@'%';
GRANT SELECT ON *.* TO 'client'@'%';
"""
INSTALL = f"mariadb-install-db --no-defaults --user=mysql --datadir={DATA} --skip-test-db"
ERRD = """<errd polltimer="10">
      <proc name="mariadbd" atleast="1" action="restart" class="prim"/>
    </errd>"""


def scripts(folder):
    """start_prim and stop_prim; folder is seen by both nodes."""
    users = os.path.join(folder, "users.sql")
    with open(users, "w", encoding="utf-8") as file:
        file.write(USERS)
    start = f"""install -d -o mysql /run/mysqld
setsid mariadbd --no-defaults --user=mysql --datadir={DATA} --socket={SOCKET} --pid-file=/run/mysqld/mysqld.pid \\
  --bind-address=0.0.0.0 --init-file={users} --log-error={DATA}/error.log --innodb-buffer-pool-size=32M \\
  --skip-name-resolve </dev/null >/dev/null 2>&1 &
for _ in $(seq 400); do
  mariadb-admin --no-defaults --socket={SOCKET} ping >/dev/null 2>&1 && exit 0
  sleep 0.05
done
tail -n 5 {DATA}/error.log
exit 1
"""
    stop = f"""[ -e /run/mysqld/mysqld.pid ] || exit 0
if [ "$1" = force ]; then
  kill -KILL "$(cat /run/mysqld/mysqld.pid)"
else
  mariadb-admin --no-defaults --socket={SOCKET} shutdown
fi
"""
    return {"start_prim": start, "stop_prim": stop}


def install(lab):
    """Makes an empty database on both nodes; the slow part is done once."""
    if shutil.which("mariadb-install-db") is None:
        raise LabError("MariaDB is missing: scripts/setup test")
    lab.sandbox.execute_quietly(NODES[0], INSTALL.split())
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
