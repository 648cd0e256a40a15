"""A campaign's record as lines: promises that were kept or broken, and what is reported without being promised."""
import collections
import statistics

import counter
from faults import HARMLESS
from harness import owner_changes

OUTAGES_SHOWN = 3
DOUBLES_SHOWN = 5
# The mark of a line: kept, broken, or told because it is worth knowing.
Line = collections.namedtuple("Line", "mark text")
KEPT, BROKEN, TOLD = "ok  ", "FAIL", "    "


def promise(holds, text):
    return Line(KEPT if holds else BROKEN, text)


def tell(_, text):
    return Line(TOLD, text)


def judged(record, must_be_single):
    """Every line. Without a witness a cut must lead to two primaries: then what they make untrue is told."""
    exclusive = promise if must_be_single else tell
    count = counter.judge(record["ledger"], record["client"])
    return [
        exclusive(record["kernels"]["dual_ms"] == 0,
                  f"address: two kernels answered for {record['kernels']['dual_ms']:.0f} ms{doubles(record)}"),
        promise(count["acknowledged"] > 0 and count["lost"] == count["twice"] == 0,
                f"increments: {count['acknowledged']} acknowledged, {count['lost']} lost, {count['twice']} twice"),
        exclusive(count["not_increasing"] == count["old_reads"] == 0,
                  f"increments: {count['not_increasing']} acknowledged values did not grow, {count['old_reads']} of "
                  f"{len(record['client']['reads'])} reads were older than what had been acknowledged"),
        converged(record),
        calm(record),
        needless(record, exclusive),
        promise(record["served"], "the client is served in the end"),
        applications(record, count),
        outages(record),
        Line(TOLD, f"moves of the address: {len(moves(record))}{returns(record)}"),
        Line(TOLD, "ended by themselves and started again: "
                   f"{sum(record['restarted'].values())} {named(record['restarted'])}"),
        Line(TOLD, f"faults: {sum(record['faults'].values())} {named(record['faults'])}"),
    ]


def named(counts):
    some = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()) if count)
    return f"({some})" if some else ""


def at(record, moment_ns):
    """A moment as the log of the campaign has it, with the strike that was on or the last one before."""
    before = [strike for strike in record["strikes"] if strike.from_ns <= moment_ns]
    return f"{(moment_ns - record['begun_ns']) / 1e9:+.3f} s ({before[-1].text if before else 'before any fault'})"


def doubles(record):
    found = [one for one in record["kernels"]["intervals"] if len(one["hosts"]) > 1]
    shown = [f"{(one['to_ns'] - one['from_ns']) / 1e6:.0f} ms at {at(record, one['from_ns'])}"
             for one in found[:DOUBLES_SHOWN]]
    return ": " + "; ".join(shown) + ("; ..." if len(found) > DOUBLES_SHOWN else "") if found else ""


def moves(record):
    """[(moment, host)] where the address came to another host than it was on before."""
    changes = owner_changes(record["kernels"])
    return [later for earlier, later in zip(changes, changes[1:]) if earlier[1] != later[1]]


def returns(record):
    """What came back may have taken from the one that had replaced it."""
    late = [moment for moment, _ in moves(record)
            if any(one.to_ns <= moment < (one.settled_ns or 0) for one in record["strikes"])]
    return f", {len(late)} of them after the faults had ended"


def converged(record):
    if record["not_converged"]:
        return promise(False, f"roles: {record['not_converged']}")
    took = [(one.settled_ns - one.to_ns) / 1e9 for one in record["strikes"] if one.settled_ns is not None]
    if not took:
        return promise(True, "roles: one primary and one secondary in the end")
    return promise(True, f"roles: one primary and one secondary after each of {len(took)} heals, in "
                         f"{statistics.median(took):.2f} s (median), {max(took):.2f} s at most")


def calm(record):
    """Roles by the agents' word before and after, and the address by the kernels' in between."""
    changed = [one for one in record["calms"] if one.roles_before != one.roles_after]
    moved = [moment for moment, _ in moves(record)
             if any(one.from_ns <= moment < one.to_ns for one in record["calms"])]
    seconds = sum(one.to_ns - one.from_ns for one in record["calms"]) / 1e9
    where = "".join(f"; {at(record, moment)}" for moment in [one.from_ns for one in changed] + moved)
    return promise(not changed and not moved,
                   f"calm: {len(changed) + len(moved)} changes of role in {seconds:.0f} s without a fault{where}")


def needless(record, exclusive):
    """Faults that alone take nothing from a cluster that was well."""
    alone = [one for one in record["strikes"] if one.was_settled and len(one.names) == 1 and one.names[0] in HARMLESS]
    moved = [moment for moment, _ in moves(record)
             if any(one.from_ns <= moment < (one.settled_ns or one.to_ns) for one in alone)]
    where = "".join(f"; {at(record, moment)}" for moment in moved)
    return exclusive(not moved, f"harmless: {len(moved)} moves of the address in {len(alone)} faults that call for "
                                f"none{where}")


def applications(record, count):
    spans = counter.overlaps(record["presence"])
    lengths = [(end - begin) / 1e6 for begin, end in spans]
    longest = max(spans, key=lambda span: span[1] - span[0], default=None)
    where = f", longest {max(lengths):.0f} ms at {at(record, longest[0])}" if longest else ""
    return Line(TOLD, f"applications: two ran for {sum(lengths):.0f} ms in all{where}; {count['interleaved']} lines in "
                      "the ledger by one that another had followed")


def outages(record):
    client = record["probe"]
    longest = sorted((one["ms"] for one in client["outages"]), reverse=True)[:OUTAGES_SHOWN]
    in_calm = sum(one["ms"] for one in client["outages"]
                  if any(calm.from_ns <= one["from_ns"] < calm.to_ns for calm in record["calms"]))
    return Line(TOLD, f"outages of the client: {client['total_ms'] / 1e3:.2f} s in all, {in_calm / 1e3:.2f} s of them "
                      f"while no fault was on; longest, ms: {', '.join(f'{one:.0f}' for one in longest) or 'none'}; "
                      f"longest without an acknowledged increment: {record['client']['longest_ms']:.0f} ms at "
                      f"{at(record, record['client']['longest_from_ns'])}")
