"""Servers of Oracle's in the place of MariaDB's: the same verbs, other words."""
import atexit
import contextlib
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "support"))
import mysql_pair  # noqa: E402
import oracle_server  # noqa: E402


class Mysql(mysql_pair.Server):
    release = ""
    folder_of_server = ""  # set by prepare()
    template = ""  # of a data directory; one process has one kind of server

    @classmethod
    def prepare(cls):
        """Raises Unavailable."""
        cls.folder_of_server = oracle_server.folder_of(cls.release)
        cls.users = oracle_server.accounts_sql(cls.release, ("agent", "'agent\\'s \\\\ secret'"),
                                               ("copy", "'copy secret'"))
        return cls

    def make_data(self):
        """From one that is made once: the newer ones need seconds for it."""
        if not Mysql.template:
            Mysql.template = os.path.join(tempfile.mkdtemp(prefix="clusteragent-mysql-data-"), "data")
            atexit.register(shutil.rmtree, os.path.dirname(Mysql.template), ignore_errors=True)
            self.made([f"{self.folder_of_server}/new-data", Mysql.template])
        self.made(["cp", "-r", Mysql.template, self.data])
        with contextlib.suppress(FileNotFoundError):
            os.remove(os.path.join(self.data, "auto.cnf"))  # the identity, which each has for itself
        self.made(["chown", "-R", "mysql", self.data])

    def argv(self):
        return [f"{self.folder_of_server}/start", "--user=mysql", f"--datadir={self.data}", f"--socket={self.socket}",
                f"--pid-file={self.folder}/pid", f"--bind-address={self.address}", f"--port={mysql_pair.PORT}",
                f"--log-error={self.folder}/error.log", f"--server-id={self.number}",
                f"--report-host={self.address}", *oracle_server.COMMON, *oracle_server.OPTIONS[self.release]]


class Mysql56(Mysql):
    release, has_semi_sync, commit_delay = "5.6", False, None

    def commits_wait(self):
        return False


class MysqlCurrent(Mysql):
    release, commit_delay = "current", "binlog_group_commit_sync_delay"

    def is_writable(self):
        return self.sql("SELECT @@super_read_only") == "0"

    def sql_in_spite(self, statements):
        return self.sql(f"SET GLOBAL super_read_only = 0; {statements}; SET GLOBAL super_read_only = 1")

    def source(self):
        return self.column("Source_Host", "SHOW REPLICA STATUS")

    def commits_wait(self):
        return self.sql("SELECT @@rpl_semi_sync_source_enabled") == "1"

    def stop_receiver(self):
        self.sql("STOP REPLICA IO_THREAD")

    @classmethod
    def prepare(cls):
        super().prepare()
        # What reads the binary logs is that of the server, not of MariaDB, which is installed here as well.
        os.environ["PATH"] = f"{cls.folder_of_server}/bin:{os.environ['PATH']}"
        return cls


SERVERS = {"5.6": Mysql56, "current": MysqlCurrent}
