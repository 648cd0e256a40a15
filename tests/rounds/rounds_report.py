"""What the rounds saw, as lines: promises that were kept or broken, and what is told without being promised."""
import statistics

import acknowledged
from verdict import BROKEN, TOLD, Line, named, promise

SAME = "0"
SHOWN_MAX = 4


def judged(record):
    rounds = record["rounds"]
    done = [one for one in rounds if one.verdict is not None]
    return [ids(done), directories(record, done), roles(record, rounds, done), swap(record),
            Line(TOLD, f"longest without an acknowledged id: {longest(done)}"),
            Line(TOLD, f"what a service manager starts again: {sum(record['restarted'].values())} "
                       f"{named(record['restarted'])}; nothing else was done to a node by hand"),
            Line(TOLD, f"faults: {sum(record['faults'].values())} {named(record['faults'])}")]


def is_kept(lines):
    return all(line.mark != BROKEN for line in lines)


def where(rounds):
    more = f"; and in {len(rounds) - SHOWN_MAX} more" if len(rounds) > SHOWN_MAX else ""
    return "".join(f"; round {one.number} ({one.text})" for one in rounds[:SHOWN_MAX]) + more


def ids(done):
    """Ids are counted from the first round on in each: the last round with all of them, and each that broke it."""
    broken = [one for one in done if not acknowledged.is_kept(one.verdict)]
    if not done or not done[-1].verdict.acknowledged:
        return promise(False, "ids: none was acknowledged and judged")
    worst = broken[0].verdict if broken else done[-1].verdict
    return promise(not broken, f"ids: {acknowledged.describe(worst)}{where(broken)}; "
                               f"{done[-1].verdict.unacknowledged} are there that were not acknowledged, which may be")


def directories(record, done):
    if record["is_shared"]:
        return Line(TOLD, "directories: both nodes used one; there was nothing to compare, replication was not tried")
    what, counted = record.get("compared", ("directories", "files and folders"))
    broken = [one for one in done if one.differences != SAME]
    details = "".join(f"; {one.differences}" for one in broken[:1])
    files = done[-1].files if done else 0
    return promise(done and not broken,
                   f"{what}: identical after {len(done) - len(broken)} of {len(done)} rounds ({files} {counted} in the "
                   f"end){where(broken)}{details}")


def roles(record, rounds, done):
    took = [one.settled_s for one in done]
    unsettled = [one for one in rounds if one.verdict is None]
    text = f"rounds: primary, secondary and data up to date after {len(done)} of {record['wanted']}"
    if took:
        text += f", in {statistics.median(took):.2f} s (median), {max(took):.2f} s at most"
    return promise(len(done) == record["wanted"], text + where(unsettled))


def swap(record):
    if record["swapped"] is None:
        return promise(False, "swap: not tried, because a round before it broke off")
    if isinstance(record["swapped"], str):
        return promise(False, f"swap: {record['swapped']}")
    verdict, found = record["swapped"]
    return promise(acknowledged.is_kept(verdict) and found in (SAME, None),
                   f"swap: the other copy serves: {acknowledged.describe(verdict)}"
                   + ("" if found is None else f"; differences {found}"))


def longest(done):
    worst = max(done, key=lambda one: one.longest_ms, default=None)
    return f"{worst.longest_ms / 1000:.2f} s in round {worst.number} ({worst.text})" if worst else "no round was judged"
