"""Figures as people read them."""
import os
import platform
import statistics


def spread(values, digits=1):
    """median (least..most), or a dash where nothing was measured."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    middle = f"{statistics.median(known):.{digits}f}"
    if len(known) == 1:
        return middle
    return f"{middle} ({min(known):.{digits}f}..{max(known):.{digits}f})"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def machine():
    """What the figures were taken on."""
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} processors, Linux {platform.release()}, load average at the start {load:.1f}"
