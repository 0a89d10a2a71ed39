"""The CPUs, the memory and the connections that the kernel grants this container."""

import math
import os
import resource
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
UNLIMITED = 1 << 60
"""Number of bytes from which on a limit means no limit. Version 1 of cgroups reports the greatest integer then."""


def cores(cgroups: Path = CGROUPS) -> int:
    """Return the number of threads that may compute at a time: the container's CPU limit, not the host's CPUs.

    Args:
        cgroups: Folder where the kernel describes control groups.
    """
    most = len(os.sched_getaffinity(0))
    quota, period = _quota(cgroups)
    return most if quota is None else max(1, min(most, math.ceil(quota / period)))


def memory(cgroups: Path = CGROUPS) -> int | None:
    """Return the container's memory limit in bytes, or None if there is no limit.

    Args:
        cgroups: Folder where the kernel describes control groups.
    """
    found = _words(cgroups / "memory.max") or _words(cgroups / "memory" / "memory.limit_in_bytes")
    return int(found[0]) if found and found[0].isdigit() and int(found[0]) < UNLIMITED else None


def descriptors(needed: int) -> int:
    """Raise this process's limit of open files and connections, if needed and as far as allowed.

    Container runtimes may allow 1,024 at first: https://0pointer.net/blog/file-descriptor-limits.html.

    Args:
        needed: Number of descriptors that are needed.

    Returns:
        The number of those that are allowed.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return needed
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed


def _quota(cgroups: Path) -> tuple[int | None, int]:
    found = _words(cgroups / "cpu.max")
    if not found:
        found = [word for name in ("quota", "period") for word in _words(cgroups / "cpu" / f"cpu.cfs_{name}_us")]
    match found:
        case [quota, period] if quota.isdigit() and int(period) > 0:
            return int(quota), int(period)
        case _:  # "max", -1, or the files are not visible here
            return None, 1


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
