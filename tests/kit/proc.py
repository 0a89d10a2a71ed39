"""CPU and memory of a process: https://docs.kernel.org/filesystems/proc.html."""

import os
from pathlib import Path


def cpu(pid: int) -> tuple[float, float]:
    """Returns the CPU seconds of a process, and of those that it has started and that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own, others = (sum(map(int, fields[first : first + 2])) / os.sysconf("SC_CLK_TCK") for first in (11, 13))
    return own, others


def peak(pid: int) -> float:
    """Returns the most resident memory that a process has had, in megabytes."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) / 1000


def forget_peak(pid: int) -> None:
    """Resets the peak of a process' memory."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
