"""The cores and the memory that the kernel lets this container have: control groups of version 1 or 2."""

import math
import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
UNLIMITED = 1 << 60
"""Version 1 writes the greatest number there is where there is no limit."""


def cores(cgroups: Path = CGROUPS) -> int:
    """Returns how many threads may compute at a time: the container's limit of CPUs, not the host's number of them.

    Args:
        cgroups: Where the kernel describes control groups.
    """
    most = len(os.sched_getaffinity(0))
    quota, period = _quota(cgroups)
    return most if quota is None else max(1, min(most, math.ceil(quota / period)))


def memory(cgroups: Path = CGROUPS) -> int | None:
    """Returns how many bytes of memory the container may take; None if there is no limit.

    Args:
        cgroups: Where the kernel describes control groups.
    """
    found = _words(cgroups / "memory.max") or _words(cgroups / "memory" / "memory.limit_in_bytes")
    return int(found[0]) if found and found[0].isdigit() and int(found[0]) < UNLIMITED else None


def _quota(cgroups: Path) -> tuple[int | None, int]:
    found = _words(cgroups / "cpu.max")
    if not found:
        found = [word for name in ("quota", "period") for word in _words(cgroups / "cpu" / f"cpu.cfs_{name}_us")]
    match found:
        case [quota, period] if quota.isdigit() and int(period) > 0:
            return int(quota), int(period)
        case _:  # "max", -1, or nothing is seen from here
            return None, 1


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
