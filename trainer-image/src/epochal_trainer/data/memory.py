"""The memory budget for data, a fraction of the free memory of the container."""

from pathlib import Path

from epochal_lib import cgroups

from epochal_trainer.lib.failures import bad_data, node_full

SHARE = 0.3
"""Fraction of the free memory for data: TensorFlow keeps two further copies, and training takes the rest.

A division of the training set may need a reordered copy. It is released before TensorFlow makes its copies, and is no
larger than they are.
"""


class MemoryBudget:
    """A budget of bytes for arrays.

    Args:
        limit: Total bytes. Default: SHARE of this process's free memory.
        reclaimable: Bytes that this process uses now and releases before the training. They are added to free memory.
    """

    def __init__(self, limit: int | None = None, *, reclaimable: int = 0) -> None:
        self.remaining = int(SHARE * (available_memory() + reclaimable)) if limit is None else limit
        total = int(SHARE * (memory_capacity() + reclaimable)) if limit is None else limit
        self._used_by_others = max(0, total - self.remaining)

    @property
    def max_remaining(self) -> int:
        """Bytes that would remain in the budget if other processes of the machine used no memory."""
        return self.remaining + self._used_by_others

    def reserve(self, size: int, name: str) -> None:
        """Subtract `size` bytes from the budget, before they are allocated. `name` is the data's name for messages.

        Raises:
            Failure: DataTooLarge, if the budget is too small. OutOfMemory, if it is too small only because other
                processes of the machine use memory: another node may have enough.
        """
        if size > self.remaining:
            found = f"{name} takes {size:,} bytes in memory, but only {self.remaining:,} are left for data"
            if size <= self.max_remaining:
                raise node_full(found)
            raise bad_data("DataTooLarge", f"{found}: raise spec.resources.limits.memory, or use less data")
        self.remaining -= size


MIN_FREE_MEMORY = 48 * 2**20
"""Minimum bytes of free memory of the container during an export or an evaluation. With less, the kernel might kill the
container, and with it a training that is already stored."""


def available_memory(proc: Path = cgroups.PROC, groups: Path = cgroups.CGROUPS) -> int:
    """Return the minimum of the machine's and the container's free memory in bytes."""
    return _min_memory("MemAvailable:", proc, groups)


def memory_capacity(proc: Path = cgroups.PROC, groups: Path = cgroups.CGROUPS) -> int:
    """Return the minimum of the machine's total memory and the container's free memory, in bytes.

    Unlike `available_memory`, it does not shrink when other containers of the machine use memory.
    """
    return _min_memory("MemTotal:", proc, groups)


def _min_memory(meminfo_field: str, proc: Path, groups: Path) -> int:
    lines = (line.split() for line in (proc / "meminfo").read_text().splitlines())
    machine = next(int(line[1]) * 1024 for line in lines if line[0] == meminfo_field)
    free = [group.limit - group.used + group.files for group in cgroups.groups(proc, groups) if group.limit is not None]
    return max(0, min([machine, *free]))
