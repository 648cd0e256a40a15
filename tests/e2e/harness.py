"""What the end-to-end tests and the benchmarks share: a sandbox of their own, modules written on the spot, and the
measuring tools of tests/support started where they belong.

Nothing here waits by sleeping for a fixed time and hoping: every wait has a condition and a bound.
"""
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(REPOSITORY, "scripts"))

from sandboxlib.cluster import Sandbox  # noqa: E402
from sandboxlib.kernel import SandboxError, is_alive, wait_for  # noqa: E402
from sandboxlib.layout import NODES, VIRTUAL_ADDRESS, agent_binary  # noqa: E402
from witness_backend import OwnWitness  # noqa: E402

MODULE = "demo"
PORT = 7000
START_PATIENCE_S = 20.0
TOOL_PATIENCE_S = 15.0
MEMORY_BYTES_MIN = 2 << 30
OBSERVER_ADDRESS = "10.77.1.11"

USERCONFIG = """<safe>
  <service mode="mirror" defaultprim="{defaultprim}" maxloop="{maxloop}" loop_interval="24" failover="{failover}">
    <heart pulse="{pulse}" timeout="{timeout}" restart_grace="{restart_grace}">
      {heartbeats}
    </heart>
    <vip>
      <interface_list>
        <interface check="{check}" arpreroute="on">
          <real_interface><virtual_addr addr="{vip}" where="one_side_alias"/></real_interface>
        </interface>
      </interface_list>
    </vip>
    {check_section}
    {errd}
    {rfs}
    <user nicestoptimeout="{nicestoptimeout}" forcestoptimeout="{forcestoptimeout}" logging="userlog"/>
  </service>
</safe>
"""
WITNESS = OwnWitness.check_section
ONE_NETWORK = '<heartbeat name="default"/>'
DEFAULTS = {"defaultprim": "alone", "maxloop": 3, "failover": "on", "pulse": 50, "timeout": 300, "check": "on",
            "heartbeats": ONE_NETWORK + '<heartbeat name="net2"/>', "vip": VIRTUAL_ADDRESS, "errd": "", "rfs": "",
            "check_section": "", "nicestoptimeout": 20, "forcestoptimeout": 10,
            "restart_grace": 10}


class LabError(Exception):
    """A step of the experiment did not come about; the message says which and what was seen instead."""


def tool(name):
    folder = os.environ.get("CLUSTERAGENT_TOOLS", os.path.join(REPOSITORY, "build/release/tests/support"))
    path = os.path.join(folder, name)
    if not os.access(path, os.X_OK):
        raise LabError(f"{path} is not built: cmake --build --preset release")
    return path


def memory_directory():
    """Where files are in memory and may be run; the temporary directory where there is no such place."""
    shared = "/dev/shm"
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        options = [line.split()[2:4] for line in mounts if line.split()[1] == shared]
    is_usable = bool(options) and options[-1][0] == "tmpfs" and "noexec" not in options[-1][1].split(",")
    free_bytes = shutil.disk_usage(shared).free if is_usable else 0
    return shared if free_bytes >= MEMORY_BYTES_MIN else "/tmp"


def other(node):
    return NODES[1 - NODES.index(node)]


@contextlib.contextmanager
def naming(**what):
    """Around one round of several in a test: its failure says which round it was."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in the round with {what}")
        raise


class Measurement:
    """A tool that runs until it is asked for its result, one line of JSON at the end of its output."""

    def __init__(self, namespace, argv):
        self.argv = argv
        self.process = subprocess.Popen(["nsenter", f"--net=/run/netns/{namespace}", *argv], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.result = None

    def finish(self):
        """Ends the tool and returns what it measured."""
        if self.result is None:
            self.process.terminate()
            try:
                output, errors = self.process.communicate(timeout=TOOL_PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.communicate()
                raise LabError(f"{self.argv[0]} does not end") from None
            if self.process.returncode != 0:
                raise LabError(f"{os.path.basename(self.argv[0])} failed: {errors.strip()}")
            self.result = json.loads(output.strip().split("\n")[-1])
        return self.result

    def abandon(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class Lab:
    """A sandbox with what an experiment needs. Use it in a `with` statement: whatever happens, it cleans up."""

    def __init__(self, keep_logs_in=None, on_disk=False):
        """on_disk: state files on the machine's own disk, for measurements; otherwise a disk that is busy with what
        was built a minute ago is none of the test's business."""
        self.directory = tempfile.mkdtemp(prefix="ca-lab-", dir="/tmp" if on_disk else memory_directory())
        os.chmod(self.directory, 0o755)
        self.sandbox = Sandbox(self.directory)
        self.keep_logs_in = keep_logs_in
        self.measurements = []

    def __enter__(self):
        if os.geteuid() != 0:
            raise LabError("needs root: it makes network namespaces")
        self.sandbox.up()
        return self

    def __exit__(self, kind, error, trace):
        for measurement in self.measurements:
            measurement.abandon()
        if kind is not None:
            self.show_logs()
        self.sandbox.down()
        if os.path.isdir(self.directory):
            shutil.rmtree(self.directory)

    def show_logs(self, lines_max=60):
        """The last lines of every agent's log: a failed test that shows nothing teaches nothing."""
        for node in NODES:
            folder = self.sandbox.host_directory(node)
            for name in sorted(os.listdir(folder)):
                if name.endswith(".log"):
                    with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                        tail = file.read().split("\n")[-lines_max:]
                    print(f"--- {node} {name}", *tail, sep="\n", file=sys.stderr)

    # --- measuring --------------------------------------------------------------------------------

    def measure(self, argv):
        measurement = Measurement(self.sandbox.namespace("client"), argv)
        self.measurements.append(measurement)
        return measurement

    def start_probe(self, period_us=1000):
        """The client on the virtual address."""
        return self.measure([tool("probe"), "--address", VIRTUAL_ADDRESS, "--port", str(PORT), "--period-us",
                             str(period_us)])

    def start_observer(self, period_us=1000):
        """Asks each node's kernel whether it answers for the virtual address."""
        argv = [tool("observer"), "--interface", "net1", "--address", VIRTUAL_ADDRESS, "--self", OBSERVER_ADDRESS,
                "--period-us", str(period_us)]
        for node in NODES:
            argv += ["--node", f"{node}={self.sandbox.mac(node)}"]
        return self.measure(argv)

    def start_responders(self):
        """The application for experiments in which it is not what moves: it runs on both nodes all the time."""
        for node in NODES:
            self.sandbox.boot(node, [tool("responder"), "--port", str(PORT)])

    def served_by(self):
        """Which host has answered every question of the client for a second, or None."""
        done = subprocess.run(["nsenter", f"--net=/run/netns/{self.sandbox.namespace('client')}", tool("probe"),
                               "--address", VIRTUAL_ADDRESS, "--port", str(PORT), "--seconds", "1", "--period-us",
                               "20000", "--deadline-ms", "200"],
                              capture_output=True, text=True, timeout=TOOL_PATIENCE_S, check=True)
        seen = json.loads(done.stdout.strip().split("\n")[-1])
        return seen["owners"][0]["host"] if len(seen["owners"]) == 1 and not seen["outages"] else None

    def wait_served_by(self, node, patience_s=START_PATIENCE_S):
        if not wait_for(lambda: self.served_by() == node, patience_s):
            raise LabError(f"the client is served by {self.served_by()}, not {node}, after {patience_s:g} s")

    # --- the witness ------------------------------------------------------------------------------

    def start_witness(self, backend=None):
        """The third voter, on its own host; backend: one of witness_backend, our own witness where nothing is said."""
        (backend or OwnWitness()).start(self)

    # --- the cluster agent ------------------------------------------------------------------------

    def write_module(self, name=MODULE, scripts=None, **options):
        """userconfig.xml from DEFAULTS and options; scripts: {file name: text of a shell script}."""
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "bin"))
            with open(os.path.join(folder, "userconfig.xml"), "w", encoding="utf-8") as file:
                file.write(USERCONFIG.format(**{**DEFAULTS, **options}))
            for script, text in (scripts or {}).items():
                path = os.path.join(folder, "bin", script)
                with open(path, "w", encoding="utf-8") as file:
                    file.write("#!/bin/bash\n" + text)
                os.chmod(path, 0o755)
            self.sandbox.install_module(name, folder)

    def agent(self, node, *words, check=True):
        """A verb of the command line, on a node; returns its output."""
        done = self.agent_result(node, *words)
        if check and done.returncode != 0:
            raise LabError(f"{' '.join(words)} on {node}: exit code {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def agent_result(self, node, *words):
        """The same, where the exit code is what matters: the finished process."""
        return subprocess.run(self.agent_argv(node, *words), capture_output=True, text=True, timeout=60, check=False)

    def agent_argv(self, node, *words):
        return ["nsenter", "-t", str(self.sandbox.running(node)["pid"]), "-a", agent_binary(), "--root",
                self.sandbox.root(node), "--node", node, *words]

    def status(self, node, module=MODULE):
        return json.loads(self.agent(node, "status", "-m", module, "--json"))

    def state(self, node, module=MODULE):
        return self.sandbox.module_state(node, module)

    def wait_states(self, expected, module=MODULE, patience_s=START_PATIENCE_S):
        """expected: {node: state}."""
        def seen():
            return {node: self.state(node, module) for node in expected}
        if not wait_for(lambda: seen() == expected, patience_s):
            raise LabError(f"expected {expected} within {patience_s:g} s, found {seen()}")

    def wait_one_primary(self, module=MODULE, patience_s=START_PATIENCE_S):
        """Waits for one primary with its secondary, whichever; returns the primary's name."""
        def primary():
            states = {node: self.state(node, module) for node in NODES}
            return next((node for node in NODES if states == {node: "PRIM", other(node): "SECOND"}), None)
        if not wait_for(lambda: primary() is not None, patience_s):
            raise LabError(f"no primary with a secondary within {patience_s:g} s: "
                           f"{ {node: self.state(node, module) for node in NODES} }")
        return primary()

    def is_protected(self, node, module=MODULE):
        """Whether a guard runs beside the agent."""
        agent = self.sandbox.host(node)["agents"].get(module)
        return is_alive(agent) and bool(self.sandbox.processes(node, "clusteragent-guard"))

    def start_agents(self, module=MODULE, nodes=NODES):
        for node in nodes:
            process = self.sandbox.start_agent(node, module)
            answers = lambda node=node: self.state(node, module) is not None
            settled = lambda process=process, answers=answers: answers() or not is_alive(process)
            if not wait_for(settled, START_PATIENCE_S) or not is_alive(process):
                said = self.agent_log(node, module).strip().split("\n")[-1]
                raise LabError(f"the agent of {module} on {node} "
                               f"{'does not answer' if is_alive(process) else 'has ended'}: {said}")

    def start_cluster(self, module=MODULE, primary="node1"):
        """Both agents, the module started, the named node primary and the other ready to take over."""
        self.start_agents(module)
        self.agent(primary, "start", "-m", module)
        self.wait_states({primary: "ALONE"}, module)
        self.agent(other(primary), "start", "-m", module)
        self.wait_states({primary: "PRIM", other(primary): "SECOND"}, module)

    def agent_log(self, node, module=MODULE):
        with contextlib.suppress(FileNotFoundError):
            path = os.path.join(self.sandbox.host_directory(node), f"{module}.log")
            with open(path, encoding="utf-8", errors="replace") as file:
                return file.read()
        return ""


def owner_changes(observation, settle_ms=2.0):
    """Hosts in the order in which they began to answer for the virtual address; shorter gaps than settle_ms, such as
    a frame that the measuring itself lost, are not a change."""
    holders, changes = {}, []
    for interval in observation["intervals"]:
        for host in interval["hosts"]:
            last_end = holders.get(host)
            if last_end is None or (interval["from_ns"] - last_end) / 1e6 > settle_ms:
                changes.append((interval["from_ns"], host))
            holders[host] = interval["to_ns"]
    return changes


def monotonic_ns():
    return time.monotonic_ns()


__all__ = ["Lab", "LabError", "MODULE", "Measurement", "SandboxError", "VIRTUAL_ADDRESS", "agent_binary", "is_alive",
           "monotonic_ns", "naming", "other", "owner_changes", "tool", "wait_for", "NODES", "PORT", "REPOSITORY"]
