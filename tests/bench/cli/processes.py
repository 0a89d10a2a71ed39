"""CPU time and memory of processes of a user."""

import os
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

EPOCHAL = Path(sys.executable).with_name("epochal")
_LAUNCHER = """
import os, sys
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(pid, 0)
print(f"\\n{os.waitstatus_to_exitcode(status)} {used.ru_utime + used.ru_stime} {used.ru_maxrss}", file=sys.stderr)
"""
"""Starts a command. The kernel counts the memory of the parent for a new process: this one is smaller than any."""


class Used(NamedTuple):
    """Resources of a process that has ended.

    Args:
        cpu: Seconds of CPU, of the user and of the kernel.
        megabytes: The most memory.
    """

    cpu: float
    megabytes: float


def use(
    *command: str | Path,
    variables: Mapping[str, str] | None = None,
    folder: Path | None = None,
    output: Path | None = None,
    codes: Collection[int] = (0,),
) -> Used:
    """Runs a command, and returns the resources that it used.

    Args:
        command: The program and its arguments.
        variables: More environment variables.
        folder: The working folder.
        output: File for the standard output.
        codes: Exit codes that are expected.

    Raises:
        RuntimeError: If the exit code is another one.
    """
    with Path(output or os.devnull).open("wb") as written:
        ended = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.PIPE,
            env=os.environ | dict(variables or {}),
            cwd=folder,
            check=True,
            text=True,
        )
    code, cpu, kilobytes = map(float, ended.stderr.splitlines()[-1].split())
    if int(code) not in codes:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit code {code:g}, expected {codes}: {ended.stderr}")
    return Used(cpu, kilobytes / 1e3)


def importing(modules: str) -> tuple[str, ...]:
    """Returns the command that only imports modules."""
    return sys.executable, "-c", f"import {modules}"
