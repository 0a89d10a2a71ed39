"""The memory budget for data, from the free memory of the container and not from the size in a file."""

from pathlib import Path

from epochal_lib import cgroups

from epochal_trainer.lib.failures import bad_data, node_full

SHARE = 0.3
"""Fraction of the free memory for data: TensorFlow keeps two further copies, and training takes the rest.

A division of the training set may need a reordered copy. It is released before TensorFlow makes its copies, and is no
larger than they are.
"""


class Memory:
    """A budget of bytes for arrays.

    Args:
        limit: Total bytes. Default: SHARE of this process's free memory.
        held: Bytes in use that are released before the training: they count as free.
    """

    def __init__(self, limit: int | None = None, *, held: int = 0) -> None:
        self.left = int(SHARE * (available() + held)) if limit is None else limit
        self._others = max(0, int(SHARE * (capacity() + held)) - self.left) if limit is None else 0

    @property
    def most(self) -> int:
        """Bytes that would be left if nothing else ran on the machine."""
        return self.left + self._others

    def reserve(self, size: int, name: str) -> None:
        """Subtract bytes from the budget, before an allocation.

        Args:
            size: Number of bytes.
            name: The array or file that needs them.

        Raises:
            Failure: DataTooLarge, if the budget is too small. OutOfMemory, if it is too small only because of other
                processes.
        """
        if size > self.left:
            found = f"{name} takes {size:,} bytes in memory, and only {self.left:,} are left for data"
            if size <= self.most:
                raise node_full(found)
            raise bad_data("DataTooLarge", f"{found}: raise spec.resources.limits.memory, or use less data")
        self.left -= size


def available(proc: Path = cgroups.PROC, groups: Path = cgroups.CGROUPS) -> int:
    """Return the free memory of this process in bytes: the minimum of its machine and its container.

    Args:
        proc: Mount point of the kernel's process files.
        groups: Mount point of the control groups, of version 1 or 2.
    """
    return _least("MemAvailable:", proc, groups)


def capacity(proc: Path = cgroups.PROC, groups: Path = cgroups.CGROUPS) -> int:
    """Return the memory in bytes that would be free for this process if nothing else ran on its machine.

    Args:
        proc: Mount point of the kernel's process files.
        groups: Mount point of the control groups, of version 1 or 2.
    """
    return _least("MemTotal:", proc, groups)


def _least(of_machine: str, proc: Path, groups: Path) -> int:
    lines = (line.split() for line in (proc / "meminfo").read_text().splitlines())
    machine = next(int(line[1]) * 1024 for line in lines if line[0] == of_machine)
    left = [group.limit - group.used + group.files for group in cgroups.groups(proc, groups) if group.limit is not None]
    return max(0, min([machine, *left]))
