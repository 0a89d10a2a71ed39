"""Memory and cores as the kernel counts them for this process's container: control groups of version 1 or 2."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")
UNLIMITED = 1 << 60
"""Version 1 writes the greatest number there is where there is no limit."""


@dataclass(frozen=True)
class Group:
    """A control group around this process, or its own."""

    limit: int | None
    """Bytes that it may take; None where there is no limit."""
    used: int
    """Bytes that it takes."""
    files: int
    """Bytes of them that hold copies of files: the kernel gives them back when memory runs short."""
    peak: int | None
    """Bytes that it took at its peak; None where the kernel does not say."""


def groups(proc: Path = PROC, cgroups: Path = CGROUPS) -> Iterator[Group]:
    """Yields the control groups of memory, this process's own first, as far as they can be seen from here.

    Args:
        proc: Where the kernel describes processes.
        cgroups: Where the kernel describes control groups.
    """
    for line in (proc / "self/cgroup").read_text().splitlines():
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
            limit, used, peak = (_number(mount / place / name) for name in names)
            stat = _table(mount / place / "memory.stat")
            if used is not None and stat is not None:
                files = sum(stat.get(f"{prefix}{kind}_file", 0) for kind in ("active", "inactive"))
                yield Group(limit, used, files, peak)


def limit(proc: Path = PROC, cgroups: Path = CGROUPS) -> int | None:
    """Returns the bytes of memory that this process's container may take, or None if there is no limit."""
    return min((group.limit for group in groups(proc, cgroups) if group.limit is not None), default=None)


def peak(proc: Path = PROC, cgroups: Path = CGROUPS) -> int | None:
    """Returns the bytes of memory that this process's container took at its peak, copies of files included.

    Where the kernel does not count that, it is what this process alone took at its peak.
    """
    own = next(groups(proc, cgroups), None)
    if own is not None and own.peak is not None:
        return own.peak
    lines = (line.split() for line in (proc / "self/status").read_text().splitlines())
    return next((int(line[1]) * 1024 for line in lines if line[0] == "VmHWM:"), None)


def cores(cgroups: Path = CGROUPS) -> float:
    """Returns how many cores this process may use, as far as the kernel says."""
    most = float(len(os.sched_getaffinity(0)))
    try:
        if (file := cgroups / "cpu.max").exists():
            quota, period = file.read_text().split()
        else:
            quota, period = ((cgroups / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return min(most, int(quota) / int(period)) if int(quota) > 0 else most
    except (OSError, ValueError):  # none is seen from here, or it is "max"
        return most


def _number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() and int(text) < UNLIMITED else None


def _table(path: Path) -> dict[str, int] | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    return {name: int(value) for name, value in (line.split() for line in lines)}
