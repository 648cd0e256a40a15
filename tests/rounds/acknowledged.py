"""What the client was told against what the application has."""
import collections

Verdict = collections.namedtuple("Verdict", "acknowledged lost twice unasked unacknowledged")
SHOWN_MAX = 5


class Ledger:
    """The client's ledger, read as it grows; lines of load.py."""

    def __init__(self, path):
        self.path, self.offset = path, 0
        self.asked, self.acknowledged = set(), set()

    def read(self):
        """Takes in what was added since the last time; returns itself."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                text = file.read()
        except FileNotFoundError:  # nobody has asked for anything yet
            return self
        whole = text[:text.rfind(b"\n") + 1]
        self.offset += len(whole)
        for line in whole.decode("ascii").splitlines():
            what, identity = line.split()
            {"asked": self.asked, "acknowledged": self.acknowledged}[what].add(int(identity))
        return self


def judge(ledger, ids):
    """Lists of ids: what was acknowledged and is not there; what is there more than once, acknowledged or not; what is
    there and was never asked for. unacknowledged: how many are there without having been acknowledged, which may be."""
    count = collections.Counter(ids)
    return Verdict(acknowledged=len(ledger.acknowledged), lost=sorted(ledger.acknowledged - count.keys()),
                   twice=sorted(one for one, times in count.items() if times > 1),
                   unasked=sorted(count.keys() - ledger.asked),
                   unacknowledged=len(count.keys() & (ledger.asked - ledger.acknowledged)))


def is_kept(verdict):
    return not (verdict.lost or verdict.twice or verdict.unasked)


def describe(verdict):
    return f"{verdict.acknowledged} acknowledged, {named(verdict.lost)} lost, {named(verdict.twice)} twice, " \
           f"{named(verdict.unasked)} that nobody asked for"


def named(ids):
    shown = ", ".join(map(str, ids[:SHOWN_MAX])) + (", ..." if len(ids) > SHOWN_MAX else "")
    return f"{len(ids)} ({shown})" if ids else "0"
