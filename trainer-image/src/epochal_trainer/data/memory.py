"""How much memory data may take: what its container has left, not what a file claims."""

from pathlib import Path

from epochal_trainer.lib import cgroups
from epochal_trainer.lib.failures import bad_data, node_full

SHARE = 0.3
"""Part of the memory left that data may fill: TensorFlow keeps two further copies, and training takes the rest.

Dividing the training set may take a copy of it in another order, which is let go before those come, and takes no more
than they will.
"""


class Memory:
    """A budget of bytes that arrays take from.

    Args:
        limit: Bytes in all. Default: SHARE of the memory that is left to this process.
        held: Bytes that it holds now and lets go before it trains: they count as left.
    """

    def __init__(self, limit: int | None = None, *, held: int = 0) -> None:
        self.left = int(SHARE * (available() + held)) if limit is None else limit
        self._others = max(0, int(SHARE * (capacity() + held)) - self.left) if limit is None else 0

    @property
    def most(self) -> int:
        """Bytes that are left if nothing else runs on the machine."""
        return self.left + self._others

    def reserve(self, size: int, name: str) -> None:
        """Takes bytes out of the budget, before anything is allocated.

        Args:
            size: Bytes.
            name: What needs them.

        Raises:
            Failure: DataTooLarge, if there are fewer left; OutOfMemory, if there are only at the moment.
        """
        if size > self.left:
            found = f"{name} takes {size:,} bytes in memory, and only {self.left:,} are left for data"
            if size <= self.most:
                raise node_full(found)
            raise bad_data("DataTooLarge", f"{found}: raise spec.resources.limits.memory, or use less data")
        self.left -= size


def available(proc: Path = cgroups.PROC, groups: Path = cgroups.CGROUPS) -> int:
    """Returns the bytes of memory left to this process: to its machine, or to its container if that is less.

    Args:
        proc: Where the kernel describes processes.
        groups: Where the kernel describes control groups, of version 1 or 2.
    """
    return _least("MemAvailable:", proc, groups)


def capacity(proc: Path = cgroups.PROC, groups: Path = cgroups.CGROUPS) -> int:
    """Returns the bytes of memory that would be left to this process if nothing else ran on its machine.

    Args:
        proc: Where the kernel describes processes.
        groups: Where the kernel describes control groups, of version 1 or 2.
    """
    return _least("MemTotal:", proc, groups)


def _least(of_machine: str, proc: Path, groups: Path) -> int:
    lines = (line.split() for line in (proc / "meminfo").read_text().splitlines())
    machine = next(int(line[1]) * 1024 for line in lines if line[0] == of_machine)
    left = [group.limit - group.used + group.files for group in cgroups.groups(proc, groups) if group.limit is not None]
    return max(0, min([machine, *left]))
