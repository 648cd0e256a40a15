"""Moments from an agent's log: `date time.usec | component | level | text`, wall time of this machine."""
import datetime
import re

LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}) \| ([^|]*) \| (\w) \| (.*)")
VERDICT = re.compile(r"no heartbeat|silen|process is gone|agent died|let go", re.IGNORECASE)
PROCESS_MISSING = re.compile(r"not running|missing|at ?least", re.IGNORECASE)


def entries(text):
    """(wall clock in ns, component, level, text) of each line that has the form of a log line."""
    for match in LINE.finditer(text):
        moment = datetime.datetime.strptime(match.group(1), "%Y-%m-%d %H:%M:%S.%f")
        yield int(moment.timestamp() * 1e6) * 1000, match.group(2).strip(), match.group(3), match.group(4)


def first_after(text, wall_ns, pattern):
    """Wall clock in ns of the first line after that moment that says what is looked for, or None."""
    return next((at for at, _, _, line in entries(text) if at >= wall_ns and pattern.search(line)), None)
