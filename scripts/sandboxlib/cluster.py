"""The sandbox as a cluster: made and removed as a whole, with agents and modules on its nodes."""
import contextlib
import glob
import os
import shutil
import signal
import stat
import subprocess

from .kernel import SandboxError, is_alive, run, start_time, wait_for
from .layout import HOSTS, NETWORKS, NODES, VIRTUAL_ADDRESS, agent_binary
from .machines import Machines

STOP_PATIENCE_S = 15.0
DEATH_PATIENCE_S = 10.0
STATES = {"STOP": 0, "WAIT": 1, "ALONE": 2, "PRIM": 3, "SECOND": 4}  # exit codes of `status --exit-state`


class Sandbox(Machines):
    """Each public method leaves the state file true to the world. Callers that may not be alone hold locked()."""

    def up(self):
        if self.is_up():
            raise SandboxError(f"a sandbox is up at {self.directory}: `scripts/sandbox down` first")
        self.prepare_directory()
        self.state = {"prefix": self.prefix, "rules": [], "unplugged": [],
                      "hosts": {name: {"init": None, "agents": {}, "boot": []} for name in HOSTS}}
        self.save()
        with self.locked():
            try:
                self.make_switch()
                for name in HOSTS:
                    self.make_host(name)
                for name in NODES:
                    self.write_cluster_file(name)
            except BaseException:
                self.remove_everything()
                raise

    def prepare_directory(self):
        os.makedirs(self.directory, mode=0o755, exist_ok=True)
        found = os.lstat(self.directory)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise SandboxError(f"{self.directory} is no directory that only root can write: choose another with --dir")
        if os.listdir(self.directory):
            raise SandboxError(f"{self.directory} is not empty: `scripts/sandbox down`, or choose another with --dir")

    def down(self):
        """Removes what carries our prefix, whether or not the state file tells of it."""
        if self.is_up():
            self.load()
        self.remove_everything()

    def our_namespaces(self):
        return [os.path.basename(path) for path in glob.glob(f"/run/netns/{self.prefix}-*")]

    def remove_everything(self):
        for host in (self.state or {"hosts": {}})["hosts"].values():
            if is_alive(host["init"]):
                os.kill(host["init"]["pid"], signal.SIGKILL)
        for namespace in self.our_namespaces():
            self.remove_namespace(namespace)
        if os.path.exists(self.state_path) or os.path.exists(os.path.join(self.directory, "lock")):
            self.remove_mounts()
            shutil.rmtree(self.directory)
        self.state = None

    def remove_mounts(self):
        """Images that a test mounted below the state directory."""
        with open("/proc/self/mounts", encoding="utf-8") as file:
            targets = [line.split()[1] for line in file]
        for target in reversed([path for path in targets if path.startswith(self.directory + "/")]):
            run(["umount", "--lazy", target])

    @staticmethod
    def remove_namespace(namespace):
        pids = lambda: run(["ip", "netns", "pids", namespace]).split()

        def kill_all():
            alive = [int(pid) for pid in pids() if start_time(pid) is not None]
            for pid in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not alive
        if not wait_for(kill_all, DEATH_PATIENCE_S):
            raise SandboxError(f"processes in {namespace} do not die: {' '.join(pids())}")
        run(["ip", "netns", "delete", namespace])

    def write_cluster_file(self, name):
        folder = os.path.join(self.root(name), "etc/clusteragent")
        os.makedirs(os.path.join(folder, "modules"), exist_ok=True)
        lines = ['<?xml version="1.0"?>', "<cluster>", "  <lans>"]
        for network in NETWORKS:
            lines.append(f'    <lan name="{"default" if network == "net1" else network}">')
            lines += [f'      <node name="{node}" addr="{self.address(node, network)}"/>' for node in NODES]
            lines.append("    </lan>")
        lines += ["  </lans>", "</cluster>", ""]
        with open(os.path.join(folder, "cluster.xml"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines))

    def share_key(self):
        """One cluster key for both nodes, made by the agent's own keygen."""
        first, second = (os.path.join(self.root(node), "etc/clusteragent/cluster.key") for node in NODES)
        if not os.path.exists(first):
            run([agent_binary(), "--root", self.root(NODES[0]), "keygen"])
        if not os.path.exists(second):
            shutil.copy2(first, second)

    def install_module(self, name, source):
        """Copies a module's folder to both nodes under the given name."""
        for node in NODES:
            target = os.path.join(self.root(node), "etc/clusteragent/modules", name)
            shutil.copytree(source, target, dirs_exist_ok=True)

    def start_agent(self, name, module):
        if name not in NODES:
            raise SandboxError(f"{name} runs no agent: nodes are {', '.join(NODES)}")
        if is_alive(self.host(name)["agents"].get(module)):
            raise SandboxError(f"the agent of {module} runs on {name} already")
        self.share_key()
        self.forget_agent(name, module)
        argv = [agent_binary(), "--root", self.root(name), "--node", name, "run", "-m", module]
        return self.boot(name, argv, module)

    def forget_agent(self, name, module):
        host = self.host(name)
        host["boot"] = [command for command in host["boot"] if command["module"] != module]

    def agents(self, name, module=None):
        """Live agents of the node: {module: process}."""
        found = {one: process for one, process in self.host(name)["agents"].items()
                 if is_alive(process) and module in (None, one)}
        if not found:
            raise SandboxError(f"no agent{f' of {module}' if module else ''} runs on {name}: "
                               f"`scripts/sandbox agent-start {name} MODULE`")
        return found

    def stop_agent(self, name, module=None):
        for one, process in self.agents(name, module).items():
            os.kill(process["pid"], signal.SIGTERM)
            if not wait_for(lambda process=process: not is_alive(process), STOP_PATIENCE_S):
                raise SandboxError(f"the agent of {one} on {name} (pid {process['pid']}) does not end")
            self.forget_agent(name, one)
        self.save()

    def signal_agent(self, name, number, module=None):
        """Sends a signal to the agent process itself, not to its guard or its application."""
        for process in self.agents(name, module).values():
            os.kill(process["pid"], number)

    def freeze(self, name, number, everything, program):
        """SIGSTOP or SIGCONT for the agents, for every process of the host, or for those of one program."""
        if not everything and program is None:
            return self.signal_agent(name, number)
        targets = self.processes(name, program)
        if not targets:
            raise SandboxError(f"no process {program or ''} on {name}")
        for pid in targets:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return None

    def module_state(self, name, module):
        """STOP, WAIT, ALONE, PRIM, SECOND, or None while the agent does not answer."""
        argv = [agent_binary(), "--root", self.root(name), "--node", name, "status", "-m", module, "--exit-state"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.stdout.strip() == "":
            return None
        return next((state for state, code in STATES.items() if code == done.returncode), None)

    def wait_state(self, name, state, module, patience_s):
        if state not in STATES:
            raise SandboxError(f"there is no state {state}: states are {', '.join(STATES)}")
        if not wait_for(lambda: self.module_state(name, module) == state, patience_s):
            raise SandboxError(f"{module} on {name} is {self.module_state(name, module) or 'not answering'}, "
                               f"not {state}, after {patience_s:g} s")

    def only_module(self, name):
        modules = sorted(self.host(name)["agents"]) or sorted(
            os.listdir(os.path.join(self.root(name), "etc/clusteragent/modules")))
        if len(modules) != 1:
            raise SandboxError(f"which module? {name} has {', '.join(modules) or 'none'}: name it with --module")
        return modules[0]

    def describe(self):
        result = {"directory": self.directory, "virtual_address": VIRTUAL_ADDRESS, "rules": self.state["rules"],
                  "unplugged": self.state["unplugged"], "hosts": {}}
        for name, host in self.state["hosts"].items():
            result["hosts"][name] = {
                "power": "on" if is_alive(host["init"]) else "off",
                "addresses": [self.address(name, network) for network in self.networks(name)],
                "namespace": self.namespace(name),
                "agents": {module: process["pid"] for module, process in host["agents"].items() if is_alive(process)}}
        return result
