"""Hosts as small machines: power, processes, and the namespaces that keep them apart."""
import contextlib
import errno
import glob
import os
import shutil
import signal
import sys
import time
import uuid

from .kernel import (CLONE_FLAGS, MS_BIND, MS_PRIVATE, MS_REC, PR_SET_NAME, SandboxError, check, is_alive,
                     join_namespace, libc, mount, run, start_time)
from .layout import NODES, agent_binary
from .network import Network

# Directories of which each host has its own, empty at first, where the machine has them at all.
PRIVATE_DIRECTORIES = ("/var/lib/mysql", "/var/log/mysql", "/var/lib/postgresql", "/srv")
# The client's ARP entries stay valid this long by themselves: a take-over counts once it is announced, not earlier.
CLIENT_ARP_LIFETIME_MS = 7_200_000
SHARED_MEMORY = "/dev/shm"
BOOT_ID = "/proc/sys/kernel/random/boot_id"


class Machines(Network):
    """Starts and ends hosts and what runs on them. Process ids are those seen from outside the host."""

    def __init__(self, directory=None):
        super().__init__(directory)
        self.extra_environment = {}  # {host: {name: value}}, for what this program starts there

    def make_host(self, name):
        """Cables, addresses and the first process: what a machine has when its power comes on."""
        namespace, switch = self.namespace(name), self.namespace("switch")
        run(["ip", "netns", "add", namespace])
        switch_lines, host_lines = [], ["link set lo up"]
        for network in self.networks(name):
            port = f"{name}-{network}"
            switch_lines += [f"link add {port} type veth peer name {network} address {self.mac(name, network)} "
                             f"netns {namespace}",
                             f"link set {port} master br-{network}"]
            if [name, network] not in self.state["unplugged"]:
                switch_lines.append(f"link set {port} up")
            host_lines += [f"addr add {self.address(name, network)}/24 dev {network}",
                           f"addr add {self.address(name, network, 6)}/64 dev {network} nodad",
                           f"link set {network} up"]
        run(["ip", "-n", switch, "-batch", "-"], "\n".join(switch_lines))
        run(["ip", "-n", namespace, "-batch", "-"], "\n".join(host_lines))
        os.makedirs(self.root(name), exist_ok=True)
        self.host(name)["init"] = self.start_init(name)
        self.save()

    def start_init(self, name):
        """Starts process 1 of the host. It reaps orphans and nothing else; when it is killed, the kernel kills every
        process of the host at the same moment, as a pulled plug does."""
        reader, writer = os.pipe()
        helper = os.fork()
        if helper == 0:
            try:
                os.close(reader)
                join_namespace(f"/run/netns/{self.namespace(name)}", "net")
                check(libc.unshare(CLONE_FLAGS["pid"] | CLONE_FLAGS["mnt"] | CLONE_FLAGS["uts"] | CLONE_FLAGS["ipc"]),
                      "unshare")
                child = os.fork()
                if child == 0:
                    self.become_init(name, writer)
                os.write(writer, f"{child}\n".encode())
            except (SandboxError, OSError) as error:
                os.write(writer, f"failed: {error}\n".encode())
            finally:
                os._exit(0)
        os.close(writer)
        os.waitpid(helper, 0)
        with os.fdopen(reader) as file:
            lines = file.read().split("\n")  # ends once the child has closed its end, ready or failed
        pid = next((int(line) for line in lines if line.isdigit()), None)
        if pid is None or "ready" not in lines:
            raise SandboxError(f"cannot start host {name}: {' '.join(lines).strip() or 'no answer'}")
        return {"pid": pid, "since": start_time(pid)}

    def become_init(self, name, writer):
        try:
            os.setsid()
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
            check(libc.prctl(PR_SET_NAME, b"sandbox-init", 0, 0, 0), "prctl")
            mount("none", "/", flags=MS_REC | MS_PRIVATE)
            mount("proc", "/proc", "proc")
            mount("sysfs", "/sys", "sysfs")
            for path in glob.glob("/sys/fs/cgroup"):
                self.mount_cgroup(path)
            mount("tmpfs", "/run", "tmpfs")
            os.chmod("/run", 0o755)
            self.give_boot_id()
            self.give_shared_memory()
            for path in filter(os.path.isdir, PRIVATE_DIRECTORIES):
                self.mount_private(name, path)
            check(libc.sethostname(name.encode(), len(name)), "sethostname")
            self.set_kernel_parameters(name)
            os.chdir("/")
            null = os.open("/dev/null", os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(null, descriptor)
            os.write(writer, b"ready\n")
            os.closerange(3, 1024)
            while True:
                signal.sigwait([signal.SIGCHLD])
                with contextlib.suppress(ChildProcessError):
                    while os.waitpid(-1, os.WNOHANG)[0] != 0:
                        pass
        except (SandboxError, OSError) as error:
            os.write(writer, f"failed: {error}\n".encode())
        finally:
            os._exit(1)

    @staticmethod
    def mount_cgroup(path):
        """The new /sys hides the control groups: the unified hierarchy is shown again, where the kernel has it."""
        with contextlib.suppress(SandboxError):
            mount("cgroup2", path, "cgroup2")

    @staticmethod
    def give_boot_id():
        """Each power-on is a boot of its own, as programs see it that must know what they forgot."""
        own = "/run/sandbox-boot-id"
        with open(own, "w", encoding="ascii") as file:
            file.write(f"{uuid.uuid4()}\n")
        mount(own, BOOT_ID, flags=MS_BIND)

    def give_shared_memory(self):
        """What a killed server leaves in it goes with the host. The sandbox may be kept there, and stays to be seen."""
        if not os.path.isdir(SHARED_MEMORY):
            return
        sandbox = os.open(self.directory, os.O_PATH)
        mount("tmpfs", SHARED_MEMORY, "tmpfs")
        os.chmod(SHARED_MEMORY, 0o1777)
        if not os.path.isdir(self.directory):
            os.makedirs(self.directory)
            mount(f"/proc/self/fd/{sandbox}", self.directory, flags=MS_BIND | MS_REC)
        os.close(sandbox)

    def mount_private(self, name, path):
        own = os.path.join(self.host_directory(name), "private", path.strip("/"))
        if not os.path.isdir(own):
            os.makedirs(own)
            shutil.copystat(path, own)
            original = os.stat(path)
            os.chown(own, original.st_uid, original.st_gid)
        mount(own, path, flags=MS_BIND)

    @staticmethod
    def set_kernel_parameters(name):
        if name == "client":
            with open("/proc/sys/net/ipv4/neigh/net1/base_reachable_time_ms", "w", encoding="ascii") as file:
                file.write(str(CLIENT_ARP_LIFETIME_MS))

    def running(self, name):
        """The host's process 1, or an error that says that the host is off."""
        host = self.host(name)
        if not is_alive(host["init"]):
            raise SandboxError(f"{name} is off: `scripts/sandbox power-on {name}`")
        return host["init"]

    def power_off(self, name):
        """Pulls the cables first, so that not even a goodbye of the kernel gets out; then everything dies at once and
        the kernel's state (addresses, packet filter) is gone with it. Files stay, but for /run. Returns when the cable
        was out, in seconds of CLOCK_MONOTONIC."""
        init = self.running(name)
        self.set_ports(name, self.networks(name), "down")
        cable_out = time.monotonic()
        os.kill(init["pid"], signal.SIGKILL)
        host = self.host(name)
        host["init"], host["agents"] = None, {}
        self.save()
        self.remove_namespace(self.namespace(name))
        shutil.rmtree(os.path.join(self.root(name), "run"), ignore_errors=True)
        # The kernel clears a namespace away in its own time; a port that still stood there would be in the way of the
        # next power-on.
        for network in self.networks(name):
            with contextlib.suppress(SandboxError):
                run(["ip", "-n", self.namespace("switch"), "link", "delete", f"{name}-{network}"])
        return cable_out

    def power_on(self, name):
        if is_alive(self.host(name)["init"]):
            raise SandboxError(f"{name} is on already")
        self.make_host(name)
        for command in self.host(name)["boot"]:
            self.start_registered(name, command)

    def enter(self, name):
        """From here on this process's children live on the host (its own process namespace stays: fork next)."""
        pid = self.running(name)["pid"]
        for kind in ("ipc", "uts", "net", "pid", "mnt"):
            join_namespace(f"/proc/{pid}/ns/{kind}", kind)

    def environment(self, name):
        result = dict(os.environ, CLUSTERAGENT_SANDBOX=self.directory)
        if name in NODES:
            result["CLUSTERAGENT_ROOT"] = self.root(name)
        result.update(self.extra_environment.get(name, {}))
        with contextlib.suppress(SandboxError):
            result["PATH"] = os.path.dirname(agent_binary()) + os.pathsep + result.get("PATH", os.defpath)
        return result

    def execute(self, name, argv):
        """Runs argv on the host with this program's terminal; returns its exit code."""
        self.running(name)
        environment, directory = self.environment(name), os.getcwd()
        middle = os.fork()
        if middle == 0:
            os._exit(self.execute_inside(name, argv, environment, directory))
        forward = lambda number, frame: os.kill(middle, number)
        signal.signal(signal.SIGTERM, forward)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to the child by itself
        return os.waitstatus_to_exitcode(os.waitpid(middle, 0)[1]) & 0xff

    def execute_quietly(self, name, argv):
        """Runs argv on the host; returns its output, or raises with what it said."""
        pid = str(self.running(name)["pid"])
        return run(["nsenter", "--target", pid, "--all", *argv])

    def execute_inside(self, name, argv, environment, directory):
        try:
            self.enter(name)
            child = os.fork()
            if child == 0:
                self.replace_process(argv, environment, directory)
            signal.signal(signal.SIGTERM, lambda number, frame: os.kill(child, number))
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            return code if code >= 0 else 128 - code
        except (SandboxError, OSError) as error:
            print(f"sandbox: {error}", file=sys.stderr)
            return 126

    @staticmethod
    def replace_process(argv, environment, directory):
        try:
            os.chdir(directory if os.path.isdir(directory) else "/")
            os.execvpe(argv[0], argv, environment)
        except OSError as error:
            print(f"sandbox: {argv[0]}: {error.strerror}", file=sys.stderr)
            os._exit(127 if error.errno == errno.ENOENT else 126)

    def spawn(self, name, argv, log):
        """Starts argv on the host in the background, output appended to log; returns {pid, since} as outside."""
        self.running(name)
        environment, (reader, writer) = self.environment(name), os.pipe()
        middle = os.fork()
        if middle == 0:
            try:
                self.enter(name)
                child = os.fork()
                if child == 0:
                    os.setsid()
                    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
                    for source, target in ((os.open("/dev/null", os.O_RDONLY), 0), (output, 1), (output, 2)):
                        os.dup2(source, target)
                    os.closerange(3, 1024)
                    self.replace_process(argv, environment, "/")
                os.write(writer, str(child).encode())
            except (SandboxError, OSError) as error:
                os.write(writer, f"failed: {error}".encode())
            finally:
                os._exit(0)
        os.close(writer)
        os.waitpid(middle, 0)
        with os.fdopen(reader) as file:
            answer = file.read()
        if not answer.isdigit():
            raise SandboxError(f"cannot start {argv[0]} on {name}: {answer or 'no answer'}")
        return {"pid": int(answer), "since": start_time(int(answer))}

    def start_registered(self, name, command):
        process = self.spawn(name, command["argv"], os.path.join(self.host_directory(name), command["log"]))
        if command["module"]:
            self.host(name)["agents"][command["module"]] = process
        self.save()
        return process

    def boot(self, name, argv, module=None):
        """Starts argv now and at every power-on."""
        command = {"argv": argv, "module": module, "log": f"{module or os.path.basename(argv[0])}.log"}
        process = self.start_registered(name, command)
        self.host(name)["boot"].append(command)
        self.save()
        return process

    def processes(self, name, program=None):
        """Pids (seen from outside) on the host, process 1 left out; with program: only those of that name."""
        init = self.running(name)
        own = os.readlink(f"/proc/{init['pid']}/ns/pid")
        found = []
        for entry in os.listdir("/proc"):
            with contextlib.suppress(OSError):
                if entry.isdigit() and int(entry) != init["pid"] and os.readlink(f"/proc/{entry}/ns/pid") == own:
                    with open(f"/proc/{entry}/cmdline", "rb") as file:
                        words = file.read().split(b"\0")
                    if program is None or os.path.basename(words[0].decode(errors="replace")) == program:
                        found.append(int(entry))
        return sorted(found)
