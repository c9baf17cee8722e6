"""CPU time and memory of processes, as Linux tells them: they barely depend on what else runs."""

from __future__ import annotations

import os
from pathlib import Path

_IN_KERNEL = 12
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def of_process(pid: int) -> float:
    """Return the CPU time of a process so far, all its threads together, in seconds."""
    return _spent(_stat(pid), 2)


def in_kernel(pid: int) -> float:
    """Return how much of that the kernel took: as its clock found it, a hundred times a second."""
    return int(_stat(pid)[_IN_KERNEL]) / _TICKS_PER_S


def of_family(pid: int) -> float:
    """Return the CPU time of a process and its children so far, also of those that have ended."""
    living = 0.0
    for path in Path("/proc").glob("[0-9]*"):
        try:
            stat = _stat(int(path.name))
        except OSError:  # it has just ended
            continue
        if int(stat[1]) == pid:
            living += _spent(stat, 2)
    return _spent(_stat(pid), 4) + living


def resident_mb(pid: int) -> float:
    """Return how much memory a process occupies, in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _stat(pid: int) -> list[str]:
    """Return what the kernel says of a process, from its state on; see proc(5)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _spent(stat: list[str], figures: int) -> float:
    # utime, stime, and of children that were waited for cutime, cstime
    return sum(map(int, stat[11 : 11 + figures])) / _TICKS_PER_S
