"""Memory and cores of this process's container, from the kernel's control groups (version 1 or 2)."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")
UNLIMITED = 1 << 60
"""Smallest value in bytes that means no limit: without a limit, version 1 reports the greatest possible number."""


@dataclass(frozen=True)
class Group:
    """The memory counters of this process's control group, or of a parent of that group."""

    limit: int | None
    """Memory limit of the group in bytes; None if there is no limit."""
    used: int
    """Memory in use by the group, in bytes, including file cache."""
    files: int
    """Part of `used` that is file cache, in bytes: the kernel frees it when memory runs short."""
    peak: int | None
    """Largest value of `used` so far, in bytes; None if the kernel does not report it."""


def groups(proc: Path = PROC, cgroups: Path = CGROUPS) -> Iterator[Group]:
    """Yield the memory control groups visible to this process: its own group first, then the parents."""
    for folder, names, prefix in _folders(proc, cgroups):
        limit, used, peak = (_number(folder / name) for name in names)
        stat = _statistics(folder / "memory.stat")
        if used is not None and stat is not None:
            files = sum(stat.get(f"{prefix}{kind}_file", 0) for kind in ("active", "inactive"))
            yield Group(limit, used, files, peak)


def limit(proc: Path = PROC, cgroups: Path = CGROUPS) -> int | None:
    """Return the memory limit of this process's container in bytes, the lowest of its groups; None without a limit."""
    found = (_number(folder / names[0]) for folder, names, _ in _folders(proc, cgroups))
    return min((number for number in found if number is not None), default=None)


def peak(proc: Path = PROC, cgroups: Path = CGROUPS) -> int | None:
    """Return the peak memory of this process's container in bytes, including file cache.

    If the kernel does not report this value, return the peak memory of this process alone; None if unknown.
    """
    own = next(groups(proc, cgroups), None)
    if own is not None and own.peak is not None:
        return own.peak
    lines = (line.split() for line in (proc / "self/status").read_text().splitlines())
    return next((int(line[1]) * 1024 for line in lines if line[0] == "VmHWM:"), None)


def cores(cgroups: Path = CGROUPS) -> float:
    """Return the number of cores that this process may use, from its CPU affinity and its CPU quota."""
    most = float(len(os.sched_getaffinity(0)))
    try:
        if (file := cgroups / "cpu.max").exists():
            quota, period = file.read_text().split()
        else:
            quota, period = ((cgroups / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return min(most, int(quota) / int(period)) if int(quota) > 0 else most
    except (OSError, ValueError, ZeroDivisionError):  # no quota is visible, or it is "max"
        return most


def _folders(proc: Path, cgroups: Path) -> Iterator[tuple[Path, tuple[str, str, str], str]]:
    """Yield each memory control group: its folder, the names of its files, and the key prefix in memory.stat."""
    try:
        lines = (proc / "self/cgroup").read_text().splitlines()
    except OSError:  # a system without control groups
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mount, names, prefix = cgroups, ("memory.max", "memory.current", "memory.peak"), ""
        elif "memory" in controllers.split(","):
            version_1 = "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.max_usage_in_bytes"
            mount, names, prefix = cgroups / "memory", version_1, "total_"
        else:
            continue
        own = PurePosixPath(path.lstrip("/"))
        for place in (own, *own.parents):
            yield mount / place, names, prefix


def _number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() and int(text) < UNLIMITED else None


def _statistics(path: Path) -> dict[str, int] | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    return {name: int(value) for name, value in (line.split() for line in lines)}
