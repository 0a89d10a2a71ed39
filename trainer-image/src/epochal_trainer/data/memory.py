"""How much memory data may take: what its container has left, not what a file claims."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from epochal_trainer.failures import bad_data

SHARE = 0.3
"""Part of the memory left that data may fill: TensorFlow keeps two further copies, and training takes the rest."""


class Memory:
    """A budget of bytes that arrays take from.

    Args:
        limit: Bytes in all. Default: SHARE of the memory that is left to this process.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.left = int(SHARE * available()) if limit is None else limit

    def reserve(self, size: int, name: str) -> None:
        """Takes bytes out of the budget, before anything is allocated.

        Args:
            size: Bytes.
            name: What needs them.

        Raises:
            Failure: DataTooLarge, if there are fewer left.
        """
        if size > self.left:
            raise bad_data(
                "DataTooLarge",
                f"{name} takes {size:,} bytes in memory, and only {self.left:,} are left for data: "
                "raise spec.resources.limits.memory, or use less data",
            )
        self.left -= size


def available(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Returns the bytes of memory left to this process: to its machine, or to its container if that is less.

    Args:
        proc: Where the kernel describes processes.
        cgroups: Where the kernel describes control groups, of version 1 or 2.
    """
    lines = (line.split() for line in (proc / "meminfo").read_text().splitlines())
    machine = next(int(line[1]) * 1024 for line in lines if line[0] == "MemAvailable:")
    return max(0, min([machine, *_left_in_groups(proc, cgroups)]))


def _left_in_groups(proc: Path, cgroups: Path) -> Iterator[int]:
    """Yields what each control group around this process has left; those without a limit are left out."""
    for line in (proc / "self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mount, limit, usage, prefix = cgroups, "memory.max", "memory.current", ""
        elif "memory" in controllers.split(","):
            mount, limit, usage, prefix = cgroups / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_"
        else:
            continue
        own = PurePosixPath(path.lstrip("/"))
        for group in (own, *own.parents):
            try:
                ceiling = (mount / group / limit).read_text().strip()
                used = int((mount / group / usage).read_text())
                stat = dict(entry.split() for entry in (mount / group / "memory.stat").read_text().splitlines())
            except FileNotFoundError:
                continue
            if ceiling != "max":
                # The kernel gives file pages back when memory runs short: they are not in the way.
                files = sum(int(stat.get(f"{prefix}{kind}_file", 0)) for kind in ("active", "inactive"))
                yield int(ceiling) - used + files
