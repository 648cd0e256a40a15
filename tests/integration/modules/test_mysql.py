"""modules/mysql with a real MariaDB, started directly, with a directory, socket, port and pid file of its own."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BIN = os.path.join(REPOSITORY, "modules/mysql/bin")
PATIENCE_S = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class MySql(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for program in ("mariadbd", "mariadb-install-db", "mariadb-admin"):
            if shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin") is None:
                raise RuntimeError(f"{program} is missing: scripts/setup test")
        cls.top = tempfile.mkdtemp(prefix="clusteragent-mysql-")
        cls.addClassCleanup(shutil.rmtree, cls.top, ignore_errors=True)
        os.chmod(cls.top, 0o755)
        cls.data = os.path.join(cls.top, "data")
        cls.config = os.path.join(cls.top, "my.cnf")
        with open(cls.config, "w", encoding="utf-8") as file:
            file.write(f"[mysqld]\ndatadir={cls.data}\nport={free_port()}\nbind-address=127.0.0.1\n"
                       f"innodb_buffer_pool_size=16M\nlog_error={cls.top}/run/error.log\n")
        os.mkdir(os.path.join(cls.top, "run"))
        shutil.chown(os.path.join(cls.top, "run"), "mysql")
        install = ["mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={cls.data}", "--skip-test-db"]
        subprocess.run(install, check=True, timeout=120, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.socket = os.path.join(cls.top, "run/db.sock")
        cls.pidfile = os.path.join(cls.top, "run/db.pid")

    def setUp(self):
        self.environment = {
            "PATH": os.environ["PATH"] + ":/usr/sbin", "SAFEUSERBIN": BIN, "SAFE": "/nowhere",
            "CLUSTERAGENT_LIB": os.path.join(REPOSITORY, "scripts/lib"), "MYSQLD_DIRECT": "1",
            "MYSQL_DEFAULTS_FILE": self.config, "MYSQL_SOCKET": self.socket, "MYSQL_PIDFILE": self.pidfile,
            "MYSQL_START_SECONDS": "60", "MYSQL_STOP_SECONDS": "60"}
        self.addCleanup(self.script, "stop_prim", "force")

    def script(self, name, *arguments, **variables):
        # A file, not a pipe: the server keeps it open after the script has ended, as it does under the agent.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run([os.path.join(BIN, name), *arguments, "WAIT", "ALONE", "start"],
                                  env={**self.environment, **variables}, stdin=subprocess.DEVNULL, stdout=output,
                                  stderr=subprocess.STDOUT, timeout=120, check=False)
            output.seek(0)
            return done.returncode, output.read().decode(errors="replace")

    def succeed(self, name, *arguments):
        code, output = self.script(name, *arguments)
        self.assertEqual(code, 0, output)

    def ask(self, statement):
        done = subprocess.run(["mariadb", "--no-defaults", f"--socket={self.socket}", "-N", "-B", "-e", statement],
                              capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    def pid(self):
        with open(self.pidfile, encoding="utf-8") as file:
            return int(file.read())

    @staticmethod
    def is_alive(pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                return file.read().rpartition(") ")[2][0] not in "ZX"
        except FileNotFoundError:
            return False

    def test_started_it_answers_and_stopped_it_is_gone(self):
        self.succeed("start_prim")
        self.assertEqual(self.ask("SELECT 6 * 7"), "42")
        pid = self.pid()
        self.succeed("stop_prim")
        self.assertFalse(self.is_alive(pid))
        self.succeed("stop_prim")

    def test_started_twice_it_is_left_alone(self):
        self.succeed("start_prim")
        pid = self.pid()
        self.succeed("start_prim")
        self.assertEqual(self.pid(), pid)

    def test_force_kills_a_server_that_stands_still_and_nothing_else(self):
        self.succeed("start_prim")
        pid = self.pid()
        bystander_path = os.path.join(self.top, "mysqld_exporter")
        shutil.copy("/bin/sleep", bystander_path)
        with subprocess.Popen([bystander_path, "600"]) as bystander:
            os.kill(pid, signal.SIGSTOP)
            try:
                self.succeed("stop_prim", "force")
                self.assertFalse(self.is_alive(pid))
                self.assertIsNone(bystander.poll(), "an exporter was killed")
            finally:
                bystander.kill()
        self.succeed("start_prim")
        self.assertEqual(self.ask("SELECT 1"), "1", "it recovers from the kill")

    def test_pid_file_that_names_somebody_else_kills_nobody(self):
        with subprocess.Popen(["sleep", "600"]) as stranger:
            with open(self.pidfile, "w", encoding="utf-8") as file:
                file.write(f"{stranger.pid}\n")
            try:
                self.succeed("stop_prim", "force")
                self.succeed("stop_prim")
                self.assertIsNone(stranger.poll())
            finally:
                stranger.kill()
        os.remove(self.pidfile)

    def test_server_that_cannot_start_is_a_failure_at_once(self):
        broken = os.path.join(self.top, "broken.cnf")
        with open(broken, "w", encoding="utf-8") as file:
            file.write("[mysqld]\ndatadir=/nowhere/at/all\n")
        began = time.monotonic()
        code, output = self.script("start_prim", MYSQL_DEFAULTS_FILE=broken)
        self.assertEqual(code, 1)
        self.assertIn("ended while it was starting", output)
        self.assertLess(time.monotonic() - began, 30, "waited for a server that was dead")

    def test_server_that_does_not_answer_in_time_is_a_failure(self):
        silent = os.path.join(self.top, "mariadbd-silent")
        with open(silent, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho $$ >\"$MYSQL_PIDFILE\"\nexec sleep 600\n")
        os.chmod(silent, 0o755)
        code, output = self.script("start_prim", MYSQLD=silent, MYSQL_START_SECONDS="2")
        self.assertEqual(code, 1)
        self.assertIn("does not answer after 2 s", output)
        os.kill(self.pid(), signal.SIGKILL)
        os.remove(self.pidfile)

    def test_missing_option_file_is_named(self):
        code, output = self.script("start_prim", MYSQL_DEFAULTS_FILE="/nowhere/my.cnf")
        self.assertEqual(code, 1)
        self.assertIn("/nowhere/my.cnf cannot be read", output)

    def test_prestart_ends_a_server_from_before(self):
        self.succeed("start_prim")
        pid = self.pid()
        self.succeed("prestart")
        self.assertFalse(self.is_alive(pid))


if __name__ == "__main__":
    unittest.main()
