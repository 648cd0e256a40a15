"""MySQL servers of Oracle's for tests: scripts/mysql-server gets them, this says how each is set up for replication."""
import os
import subprocess

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
UNAVAILABLE = 3
COMMON = ["--log-bin=binlog", "--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--binlog-format=ROW",
          "--sync-binlog=1", "--innodb-flush-log-at-trx-commit=1", "--relay-log=relay", "--relay-log-recovery=ON",
          "--innodb-buffer-pool-size=32M", "--skip-name-resolve"]
OPTIONS = {
    "5.6": ["--log-slave-updates=ON", "--skip-slave-start", "--read-only=ON", "--slave-net-timeout=10",
            "--master-info-repository=TABLE", "--relay-log-info-repository=TABLE", "--performance-schema=OFF"],
    "current": ["--log-replica-updates=ON", "--skip-replica-start=ON", "--super-read-only=ON",
                "--replica-net-timeout=10", "--replica-preserve-commit-order=ON",
                "--plugin-load-add=semisync_source.so", "--plugin-load-add=semisync_replica.so",
                "--rpl-semi-sync-replica-enabled=ON"],
}
# To be run as root in a session of its own that has begun with WITHOUT_LOG. %h: from where the accounts come.
WITHOUT_LOG = {"5.6": "SET SESSION sql_log_bin = 0;",
               "current": "SET SESSION sql_log_bin = 0; SET GLOBAL super_read_only = 0;"}
ACCOUNTS = {
    "5.6": """GRANT SELECT, SUPER, RELOAD, PROCESS, REPLICATION SLAVE, REPLICATION CLIENT, SHOW VIEW, TRIGGER, EVENT
  ON *.* TO {agent};
GRANT REPLICATION SLAVE ON *.* TO {copy};
""",
    "current": """GRANT SELECT, RELOAD, PROCESS, REPLICATION SLAVE, REPLICATION CLIENT, SHOW VIEW, TRIGGER, EVENT
  ON *.* TO {agent};
GRANT SYSTEM_VARIABLES_ADMIN, REPLICATION_SLAVE_ADMIN, REPLICATION_APPLIER, CONNECTION_ADMIN, BINLOG_ADMIN,
  BACKUP_ADMIN ON *.* TO {agent};
GRANT REPLICATION SLAVE ON *.* TO {copy};
""",
}
APPLICATION = """CREATE USER app@'%';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP ON *.* TO app@'%';
"""


class Unavailable(Exception):
    """This machine cannot get the server; says why."""


def folder_of(release):
    done = subprocess.run([os.path.join(REPOSITORY, "scripts", "mysql-server"), release], capture_output=True,
                          text=True, check=False, timeout=1200)
    if done.returncode == UNAVAILABLE:
        raise Unavailable(done.stderr.strip())
    if done.returncode != 0:
        raise AssertionError(f"scripts/mysql-server {release}: {done.stderr}")
    return done.stdout.strip()


def accounts_sql(release, agent, copy):
    """`agent`, `copy`: name and password as SQL has them in quotes. Nothing of it gets into the binary log."""
    made = "".join(f"CREATE USER {name}@'%' IDENTIFIED BY {password};\n" for name, password in (agent, copy))
    # The accounts without a name of 5.6 would take every login from this machine that has none of its own.
    old = "DELETE FROM mysql.user WHERE user = ''; FLUSH PRIVILEGES;\n" if release == "5.6" else ""
    again = "" if release == "5.6" else "SET GLOBAL super_read_only = 1;"
    grants = ACCOUNTS[release].format(agent=f"{agent[0]}@'%'", copy=f"{copy[0]}@'%'")
    return f"{WITHOUT_LOG[release]} {old}{made}{grants}{APPLICATION}{again}"
