"""What a client says to an application. A session is one connection: insert() returns once the id was acknowledged and
raises otherwise; after that the connection is of no use, and whether the id is there nobody knows."""
import os
import select
import socket
import subprocess
import time

CONNECT_PATIENCE_S = 1
ANSWER_PATIENCE_S = 3
LIST_PATIENCE_S = 60
LINE_BYTES_MAX = 4096


class SessionError(Exception):
    """The application did not do, or did not say, what was asked."""


def told_lines(argv, environment=None):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIST_PATIENCE_S,
                          env={**os.environ, **(environment or {})}, check=False)
    if done.returncode != 0:
        raise SessionError(done.stderr.strip() or f"{argv[0]}: exit code {done.returncode}")
    return done.stdout.split("\n")


class CommandSession:
    """Through the client program that the database comes with."""
    environment = {}
    list_statement = "SELECT id FROM entries"

    def __init__(self, address, port):
        self.address, self.port, self.buffer = address, port, b""
        self.process = subprocess.Popen(self.argv(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, bufsize=0, env={**os.environ, **self.environment})

    def argv(self):
        raise NotImplementedError

    def insert(self, identity, payload):
        text = f"INSERT INTO entries (id, payload) VALUES ({identity}, '{payload}');\n" \
               f"SELECT 'acknowledged', {identity};\n"
        try:
            self.process.stdin.write(text.encode())
        except OSError as error:
            raise SessionError(f"the client program has ended: {error}") from None
        line = self.read_line(time.monotonic() + ANSWER_PATIENCE_S)
        if line.split() != ["acknowledged", str(identity)]:
            raise SessionError(f"answered {line!r}")

    def read_line(self, deadline):
        descriptor = self.process.stdout.fileno()
        while b"\n" not in self.buffer:
            if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise SessionError("no answer in time")
            if not (read := os.read(descriptor, LINE_BYTES_MAX)):
                raise SessionError("the connection is closed")
            self.buffer += read
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.decode()

    def close(self):
        self.process.kill()
        self.process.communicate()


class MariaDbSession(CommandSession):
    def argv(self):
        return [*self.client(self.address, self.port), "--unbuffered"]

    @staticmethod
    def client(address, port):
        return ["mariadb", "--no-defaults", "-h", address, "-P", str(port), "--protocol=tcp", "-u", "client", "-N",
                "-B", "--skip-reconnect", f"--connect-timeout={CONNECT_PATIENCE_S}", "rounds"]

    @classmethod
    def ids(cls, address, port):
        return [int(line) for line in told_lines([*cls.client(address, port), "-e", cls.list_statement]) if line]


class PostgreSqlSession(CommandSession):
    environment = {"PGCONNECT_TIMEOUT": "2"}  # what is less counts as 2

    def argv(self):
        return self.client(self.address, self.port)

    @staticmethod
    def client(address, port):
        return ["psql", "-X", "-q", "-A", "-t", "-F", " ", "-v", "ON_ERROR_STOP=1", "-h", address, "-p", str(port),
                "-U", "postgres", "postgres"]

    @classmethod
    def ids(cls, address, port):
        lines = told_lines([*cls.client(address, port), "-c", cls.list_statement], cls.environment)
        return [int(line) for line in lines if line]


class SqliteSession:
    def __init__(self, address, port):
        try:
            self.socket = socket.create_connection((address, port), CONNECT_PATIENCE_S)
        except OSError as error:
            raise SessionError(f"no connection: {error}") from None
        self.socket.settimeout(ANSWER_PATIENCE_S)
        self.file = self.socket.makefile("rb")

    def insert(self, identity, payload):
        line = self.ask(f"insert {identity} {payload}")
        if line != f"acknowledged {identity}":
            raise SessionError(f"answered {line!r}")

    def ask(self, text):
        try:
            self.socket.sendall(f"{text}\n".encode())
            line = self.file.readline()
        except OSError as error:
            raise SessionError(str(error)) from None
        if not line.endswith(b"\n"):
            raise SessionError("the connection is closed")
        return line.decode().strip()

    def close(self):
        self.file.close()
        self.socket.close()

    @classmethod
    def ids(cls, address, port):
        session = cls(address, port)
        session.socket.settimeout(LIST_PATIENCE_S)
        try:
            found, line = [], session.ask("ids")
            while line != "end":
                found.append(int(line))
                line = session.file.readline().decode().strip()
            return found
        except (OSError, ValueError) as error:
            raise SessionError(f"the list of ids broke off: {error}") from None
        finally:
            session.close()


SESSIONS = {"mariadb": MariaDbSession, "postgresql": PostgreSqlSession, "sqlite": SqliteSession}
