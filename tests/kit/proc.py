"""CPU and memory of a process: https://docs.kernel.org/filesystems/proc.html."""

import os
from contextlib import suppress
from pathlib import Path


def cpu(pid: int) -> tuple[float, float]:
    """Returns the CPU seconds of a process, and of those that it has started and that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own, others = (sum(map(int, fields[first : first + 2])) / os.sysconf("SC_CLK_TCK") for first in (11, 13))
    return own, others


def resident(pid: int) -> float:
    """Returns the resident memory of a process, in megabytes."""
    return _megabytes(pid, "VmRSS")


def peak(pid: int) -> float:
    """Returns the most resident memory that a process has had, in megabytes."""
    return _megabytes(pid, "VmHWM")


def _megabytes(pid: int, field: str) -> float:
    return int(Path(f"/proc/{pid}/status").read_text().split(f"{field}:")[1].split()[0]) / 1000


def forget_peak(pid: int) -> None:
    """Resets the peak of a process' memory."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def find(program: str) -> int:
    """Returns the ID of the process of a program, by the name of its file."""
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if Path(command.read_text().partition("\0")[0]).name == program:
                return int(command.parent.name)
    raise LookupError(f"no process {program}")
