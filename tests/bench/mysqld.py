"""How soon the death of mysqld is noticed: from SIGKILL to the agent's log line."""
import os
import signal
import time

import agent_log
import mariadb
from harness import Lab, LabError, wait_for

PATIENCE_S = 20.0


def noticed_after_ms():
    """One repetition in a sandbox of its own."""
    with Lab(on_disk=True) as lab:
        mariadb.install(lab)
        lab.write_module(pulse=100, timeout=1000, scripts=mariadb.scripts(lab.directory), errd=mariadb.ERRD)
        lab.start_cluster()
        if not wait_for(lambda: mariadb.ask(lab) == "node1", PATIENCE_S):
            raise LabError("MariaDB does not answer")
        (pid,) = mariadb.server_pids(lab, "node1")
        killed = time.time_ns()
        os.kill(pid, signal.SIGKILL)
        seen = lambda: agent_log.first_after(lab.agent_log("node1"), killed, agent_log.PROCESS_MISSING)
        if not wait_for(lambda: seen() is not None, PATIENCE_S):
            raise LabError("the death of mariadbd is not in the log")
        return (seen() - killed) / 1e6
