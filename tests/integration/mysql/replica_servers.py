"""Servers beside the pair that replicate from whichever node leads, as their administrator makes them: with an account
for the agent that has the grants of modules/mysql_replication/README.md and no more."""
import contextlib
import os
import shutil
import tempfile

import mysql_pair
from mysql_pair import PORT, soon
from oracle_pair import Mysql56, MysqlCurrent, oracle_server

SKIPPED = 77
Unavailable = oracle_server.Unavailable
ADDRESSES = ["127.0.0.3", "127.0.0.4"]
ACCOUNT = "[replicas]\nuser=watcher\npassword=of the replicas\n"
WATCHER = "CREATE USER watcher@'%' IDENTIFIED BY 'of the replicas'"
# They come back by themselves, and acknowledge nothing.
LEFT_OUT = ("--skip-slave-start", "--skip-replica-start=ON", "--rpl-semi-sync-slave-enabled=1",
            "--rpl-semi-sync-replica-enabled=ON")


class Beside:
    """What a test does to such a server, or to one of the pair, in the words of its family."""

    word, source_word, change, by_gtid, without_gtid = "SLAVE", "Master", "CHANGE MASTER TO", \
        "MASTER_USE_GTID = slave_pos", "MASTER_USE_GTID = no"
    acknowledging, writable = "rpl_semi_sync_slave", "SET GLOBAL read_only = 0"

    def argv(self):
        return [word for word in super().argv() if word not in LEFT_OUT]

    def shown(self, progress):
        """What the engine of the primary says of it."""
        return next((one for one in progress.get("further_replicas", []) if one["address"] == self.address), {})

    def change_source(self, options):
        self.sql_in_spite(f"STOP {self.word}; {self.change} {options}; START {self.word}")

    def point(self, address):
        to = self.source_word.upper()
        self.change_source(f"{to}_HOST = '{address}', {to}_PORT = {PORT}, {to}_USER = 'copy', "
                           f"{to}_PASSWORD = 'copy secret', {to}_CONNECT_RETRY = 1, {self.by_gtid}")

    def leave_gtid(self):
        self.change_source(self.without_gtid)

    def threads(self):
        shown, title = f"SHOW {self.word} STATUS", self.word.title()
        return self.column(f"{title}_IO_Running", shown), self.column(f"{title}_SQL_Running", shown)

    def stop_replica(self, thread=""):
        self.sql(f"STOP {self.word} {thread}")

    def start_replica(self):
        self.sql(f"START {self.word}")

    def write_beside(self, statement, in_log=True):
        self.sql_in_spite(("" if in_log else "SET SESSION sql_log_bin = 0; ") + statement)

    def set_server_id(self, number):
        self.sql(f"SET GLOBAL server_id = {number}")

    def open_for_writes(self):
        self.sql(self.writable)

    def acknowledge_commits(self, is_to=True):
        self.sql(f"SET GLOBAL {self.acknowledging}_enabled = {int(is_to)}; STOP {self.word} IO_THREAD; "
                 f"START {self.word} IO_THREAD")

    def acknowledges(self):
        return self.sql(f"SHOW GLOBAL STATUS LIKE '{self.acknowledging}_status'").split()[1] == "ON"

    def lock_out(self):
        self.write_beside("DROP USER watcher@'%'", in_log=False)

    def purge_logs(self):
        """All but the last, which a replica may hold up for a moment."""
        self.sql("FLUSH BINARY LOGS")

        def is_done():
            self.sql("PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY")
            return len(self.sql("SHOW BINARY LOGS").splitlines()) == 1
        if not soon(is_done, pause=0.5):
            raise AssertionError(f"{self.node} does not purge its logs")

    def questions(self):
        return int(self.sql("SHOW GLOBAL STATUS LIKE 'Questions'").split()[1])


class MariadbReplica(Beside, mysql_pair.Server):
    users = f"SET SESSION sql_log_bin = 0; {WATCHER}; " \
            "GRANT REPLICA MONITOR, REPLICATION SLAVE ADMIN ON *.* TO watcher@'%'"

    def argv(self):
        # What it applied is then in no log of its own.
        return [word for word in super().argv() if word != "--log-slave-updates=ON"]


class Replica56(Beside, Mysql56):
    by_gtid, without_gtid = "MASTER_AUTO_POSITION = 1", "MASTER_AUTO_POSITION = 0"

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.users = f"{oracle_server.WITHOUT_LOG['5.6']} DELETE FROM mysql.user WHERE user = ''; FLUSH PRIVILEGES; " \
                    f"{WATCHER}; GRANT SUPER, REPLICATION CLIENT ON *.* TO watcher@'%'"
        return cls


class ReplicaCurrent(Beside, MysqlCurrent):
    word, source_word, change = "REPLICA", "Source", "CHANGE REPLICATION SOURCE TO"
    by_gtid = "SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1"
    without_gtid = "SOURCE_AUTO_POSITION = 0"
    acknowledging = "rpl_semi_sync_replica"
    writable = "SET GLOBAL super_read_only = 0; SET GLOBAL read_only = 0"

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.users = f"{oracle_server.WITHOUT_LOG['current']} {WATCHER}; GRANT REPLICATION CLIENT, " \
                    "REPLICATION_SLAVE_ADMIN, SYSTEM_VARIABLES_ADMIN ON *.* TO watcher@'%'; " \
                    "SET GLOBAL super_read_only = 1"
        return cls


class OfPair(Beside):
    """A node's own server: as it is, with the words above."""

    def argv(self):
        return super(Beside, self).argv()


class Mariadb(OfPair, mysql_pair.Server):
    pass


class Pair56(OfPair, Mysql56):
    pass


class PairCurrent(OfPair, MysqlCurrent):
    word, acknowledging = ReplicaCurrent.word, ReplicaCurrent.acknowledging


KINDS = {"mariadb": (Mariadb, MariadbReplica), "5.6": (Pair56, Replica56), "current": (PairCurrent, ReplicaCurrent)}
replica_class = [MariadbReplica]


def prepare(release):
    """The class of the pair's servers. Raises Unavailable."""
    of_pair, replica_class[0] = KINDS[release]
    if release != "mariadb":
        of_pair.prepare()
        replica_class[0].prepare()
    return of_pair


def options_of(node, addresses):
    """What the agent of that node tells its engine."""
    peer = next(name for name in mysql_pair.ADDRESSES if name != node)
    return [{"address": address, "port": PORT, "own_address": mysql_pair.ADDRESSES[node],
             "peer_address": mysql_pair.ADDRESSES[peer]} for address in addresses]


@contextlib.contextmanager
def with_replicas(count, listed=True):
    """The pair and its engines, and `count` servers that replicate from nobody yet."""
    mysql_pair.Engine.more_accounts = ACCOUNT
    folder = tempfile.mkdtemp(prefix="clusteragent-replicas-")
    os.chmod(folder, 0o755)
    addresses, replicas = ADDRESSES[:count], []
    try:
        for number, address in enumerate(addresses, 1):
            replicas.append(replica_class[0](folder, f"replica{number}", 10 + number, address))
        listing = addresses if listed else []
        with mysql_pair.pair(replicas=lambda node: options_of(node, listing)) as (servers, engines):
            yield servers, engines, replicas
    finally:
        for one in replicas:
            one.stop()
        shutil.rmtree(folder, ignore_errors=True)
