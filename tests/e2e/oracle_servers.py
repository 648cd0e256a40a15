"""A MySQL of Oracle's on each node in the place of MariaDB."""
import os
import subprocess
import sys

import mariadb
from harness import NODES, REPOSITORY, LabError, wait_for
from mysql_servers import SOCKET, START_PATIENCE_S, Servers

sys.path.insert(0, os.path.join(REPOSITORY, "tests", "support"))
import oracle_server  # noqa: E402

LOGINS = "[agent]\nuser=agent\npassword=of-the-agent\n[replication]\nuser=copy\npassword=of-the-copy\n"


class OracleServers(Servers):
    def __init__(self, lab, release):
        super().__init__(lab)
        self.release = release
        self.folder = oracle_server.folder_of(release)

    def start_servers(self, options=(), **replacements):
        made = os.path.join(self.lab.directory, "new-data")
        subprocess.run([f"{self.folder}/new-data", made], check=True, timeout=120, capture_output=True)
        if os.path.exists(f"{made}/auto.cnf"):
            os.remove(f"{made}/auto.cnf")  # the identity, which each has for itself
        for number, node in enumerate(NODES, 1):
            data = os.path.join(self.lab.sandbox.host_directory(node), "private", mariadb.DATA.strip("/"))
            subprocess.run(["cp", "-r", f"{made}/.", data], check=True, timeout=60)
            subprocess.run(["chown", "-R", "mysql", data], check=True, timeout=60)
            words = " ".join([f"{self.folder}/start", "--user=mysql", f"--datadir={mariadb.DATA}", f"--socket={SOCKET}",
                              f"--pid-file={mariadb.RUN}/mysqld.pid", "--bind-address=0.0.0.0",
                              f"--port={mariadb.PORT}", f"--log-error={mariadb.DATA}/error.log",
                              f"--server-id={number}", *oracle_server.COMMON, *oracle_server.OPTIONS[self.release],
                              *options])
            self.lab.sandbox.boot(node, ["sh", "-c", f"install -d -o mysql {mariadb.RUN}; exec {words}"])
            if not wait_for(lambda node=node: self.answers(node), START_PATIENCE_S):
                raise LabError(f"the server of {node} does not start: {self.error_log(node)}")
        self.write_module(**replacements)

    def initialise(self):
        """By hand: `mysql init` asks for more than these tests need (plugins, and no root without a password)."""
        for node in NODES:
            with open(self.accounts(node), "w", encoding="utf-8") as file:
                file.write(LOGINS)
            os.chmod(self.accounts(node), 0o600)
            self.sql(node, oracle_server.accounts_sql(self.release, ("agent", "'of-the-agent'"),
                                                      ("copy", "'of-the-copy'")))

    def is_writable(self, node):
        variable = "read_only" if self.release == "5.6" else "super_read_only"
        return self.sql(node, f"SELECT @@{variable}") == "0"
