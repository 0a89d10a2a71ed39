"""The Environment of a command: streams, terminal, working folder, environment variables and clock."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Environment:
    """Streams, terminal, working folder, environment variables and clock of a command. Tests replace them.

    Args:
        stdin: Source of the user's answers to questions.
        stdout: Results, which a shell script may read.
        stderr: Errors, warnings and progress.
        folder: The working folder. Relative paths of the user start here.
        variables: Environment variables.
        now: Returns the current time, with its time zone.
        sleep: Waits for a number of seconds.
    """

    stdin: TextIO = field(default_factory=lambda: sys.stdin)
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    folder: Path = field(default_factory=Path.cwd)
    variables: Mapping[str, str] = field(default_factory=lambda: os.environ)
    now: Callable[[], datetime] = _now
    sleep: Callable[[float], None] = time.sleep

    @property
    def has_terminal(self) -> bool:
        """Whether standard output is a terminal that can show bars and colors."""
        return self.stdout.isatty() and self.variables.get("TERM", "dumb") != "dumb"

    @property
    def can_ask(self) -> bool:
        """Whether standard input and output are a terminal, so that a user can answer a question."""
        return self.stdin.isatty() and self.stdout.isatty()

    def path(self, written: Path | str) -> Path:
        """Return a path of the user, relative to `folder`; unchanged if `folder` is the process's working folder."""
        return Path(written) if self.folder == Path.cwd() else self.folder / written

    @property
    def width(self) -> int:
        """Number of columns of the terminal."""
        return shutil.get_terminal_size().columns

    @cached_property
    def console(self) -> "Console":
        """The rich Console for standard output. Without a terminal it writes no colors, and does not wrap lines."""
        from rich.console import Console  # noqa: PLC0415 - most commands need no console

        has_color = self.has_terminal and not self.variables.get("NO_COLOR")
        return Console(
            file=self.stdout,
            force_terminal=self.has_terminal,
            no_color=not has_color,
            soft_wrap=not self.has_terminal,
            highlight=False,
            markup=False,
        )

    def write(self, text: str) -> None:
        """Write a line to standard output."""
        print(text, file=self.stdout, flush=True)

    def warn(self, text: str) -> None:
        """Write a line to standard error."""
        print(text, file=self.stderr, flush=True)
