"""The application of the campaign: a counter whose ledger both nodes share, the client that makes it count, and the
judgement over what was acknowledged.

The project mirrors no data yet: the shared folder stands in for a mirrored directory. What is checked here is thus
who may write when, not how the data gets to the other node."""
import collections
import os
import struct
import sys

from harness import VIRTUAL_ADDRESS, tool

PORT = 7001
ERRD = """<errd polltimer="10">
      <proc name="counter" atleast="1" action="restart" class="prim"/>
    </errd>"""
CLIENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "counter_client.py")
Written = collections.namedtuple("Written", "value host life id at_ns")


class Counter:
    """The files of one campaign's counter, and the scripts that start and stop it."""

    def __init__(self, lab):
        self.lab = lab
        self.ledger_path = os.path.join(lab.directory, "ledger")
        self.presence_path = os.path.join(lab.directory, "presence")

    def scripts(self):
        os.makedirs(self.presence_path, exist_ok=True)
        start = f"""setsid {tool("counter")} --port {PORT} --ledger {self.ledger_path} \\
  --presence {self.presence_path} </dev/null >/dev/null 2>&1 &
echo $! >/run/counter.pid
for _ in $(seq 200); do  # the process watch begins when this script ends: it must find what it is to watch
  grep -q ":{PORT:04X} " /proc/net/udp && exit 0
  sleep 0.01
done
exit 1
"""
        # Killed outright: what it acknowledged is on disk, and a stop that waits for nothing is soon over.
        stop = """if [ -e /run/counter.pid ]; then
  pid=$(cat /run/counter.pid)
  kill -KILL "$pid" 2>/dev/null
  for _ in $(seq 100); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.01
  done
  rm -f /run/counter.pid
fi
"""
        return {"start_prim": start, "stop_prim": stop}

    def start_client(self):
        return self.lab.measure([sys.executable, "-B", CLIENT, VIRTUAL_ADDRESS, str(PORT)])

    def ledger(self):
        with open(self.ledger_path, encoding="ascii") as file:
            return [parse_line(line) for line in file]

    def lives(self):
        """[(host, [(from_ns, to_ns)])]: each life of the counter, and when it ran without standing still."""
        found = []
        for name in os.listdir(self.presence_path):
            with open(os.path.join(self.presence_path, name), "rb") as file:
                found.append((name.rpartition("-")[0], list(struct.iter_unpack("=qq", file.read()))))
        return found

    def presence(self):
        """[(from_ns, to_ns, host)]: when a life of the counter ran on a host."""
        return sorted((begin, end, host) for host, spans in self.lives() for begin, end in spans)


def parse_line(line):
    value, host, life, identity, at_ns = line.split()
    return Written(int(value), host, int(life), identity, int(at_ns))


def judge(ledger, client):
    """What the ledger and the client's notes say of each other, as numbers; 0 of each but the first is as promised.
    client: {"acknowledged": [[id, value, at_ns]], "reads": [[sent_ns, value]]}."""
    found = collections.Counter((one.id, one.value) for one in ledger)
    acknowledged = {identity: value for identity, value, _ in client["acknowledged"]}
    of_client = [one.value for one in ledger if acknowledged.get(one.id) == one.value]
    return {
        "acknowledged": len(acknowledged),
        "lost": sum(found[entry] == 0 for entry in acknowledged.items()),
        "twice": sum(found[entry] > 1 for entry in acknowledged.items()),
        "not_increasing": sum(later <= earlier for earlier, later in zip(of_client, of_client[1:])),
        "old_reads": old_reads(client),
        "interleaved": interleaved(ledger),
    }


def old_reads(client):
    """Reads that were answered with less than had been acknowledged before they were asked."""
    acknowledged = sorted((at_ns, value) for _, value, at_ns in client["acknowledged"])
    count, newest, index = 0, 0, 0
    for sent_ns, value in sorted(client["reads"]):
        while index < len(acknowledged) and acknowledged[index][0] <= sent_ns:
            newest = max(newest, acknowledged[index][1])
            index += 1
        count += value < newest
    return count


def interleaved(ledger):
    """Lines of a life that another life had written after already."""
    ended, current, count = set(), None, 0
    for one in ledger:
        if one.life != current:
            ended.add(current)
            current = one.life
        count += one.life in ended
    return count


def overlaps(spans):
    """[(from_ns, to_ns)] in which counters ran on two hosts at once."""
    found, latest = [], {}
    for begin, end, host in sorted(spans):
        for other_host, other_end in latest.items():
            if other_host != host and other_end > begin:
                found.append((begin, min(end, other_end)))
        latest[host] = max(end, latest.get(host, 0))
    return found
