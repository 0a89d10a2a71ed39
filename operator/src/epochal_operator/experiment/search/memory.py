"""The memory limit of a searcher process, from the memory limit of the operator's container."""

import resource
from contextlib import suppress
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
_LIMIT_FILES = ("memory.max", "memory/memory.limit_in_bytes")
"""The files with the container's limit: of cgroup v2, and of cgroup v1."""
_UNLIMITED = 2**60
"""From this number of bytes on, cgroup v1 means no limit."""
DEFAULT_BYTES = 192 * 1024**2
"""The limit in bytes if the container has no limit. The importances for 1,000 trials with 32 parameters take 180 MiB,
including the imports.
"""
_MIN_BYTES = 128 * 1024**2
"""Minimum of the limit in bytes: the imports and a small search need less."""
_MAX_BYTES = 1024**3
_MAX_OOM_SCORE = "1000"


def limit_memory() -> int:
    """Limit the private memory of this process, set its oom_score_adj to the maximum, and return the limit in bytes.

    This process runs in the operator's container. Since Kubernetes 1.28, the kernel kills all processes of a container
    that runs out of memory. The score alone therefore does not protect the operator:
    https://github.com/kubernetes/kubernetes/pull/117793
    """
    limit = search_bytes(container_bytes())
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_MAX_OOM_SCORE, encoding="ascii")
    return limit


def search_bytes(container: int | None) -> int:
    """Return the memory limit of a searcher process in bytes: a quarter of the container's.

    Two processes leave half of the container to the operator, which needs 270 MB with 10,000 trials. In the chart's
    default container of 768 MiB, the result is DEFAULT_BYTES. A container without a limit has the same.
    """
    return DEFAULT_BYTES if container is None else min(max(container // 4, _MIN_BYTES), _MAX_BYTES)


def container_bytes(cgroups: Path = CGROUPS) -> int | None:
    """Return the memory limit of this process's container in bytes, or None without a limit."""
    for name in _LIMIT_FILES:
        with suppress(OSError, ValueError):  # cgroup v2 has the text `max` without a limit.
            if (limit := int((cgroups / name).read_text(encoding="ascii"))) < _UNLIMITED:
                return limit
    return None


def exceeded_message(limit: int) -> str:
    """Return the message of a search that exceeds its limit in bytes."""
    return (
        f"the search exceeds the memory limit of {limit // 1024**2} MiB: use fewer spec.parameters, a smaller "
        "spec.maxTrials, or spec.search.method Random, or install the operator with a larger resources.limits.memory, "
        "of which a search may use a quarter"
    )
