"""The output for people: each step with its expected and its actual time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

console = Console(stderr=True, highlight=False, soft_wrap=True)


class Failure(Exception):
    """An error that stops the command; its text has the cause and the remedy."""


def duration(seconds: float) -> str:
    """Seconds in words: `12.3 s`, `4 min 40 s`."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f} min {rest:.0f} s" if minutes else f"{rest:.1f} s"


@contextmanager
def step(what: str, expected: float = 0) -> Iterator[None]:
    """Prints a step while it lasts, with its expected seconds on two cores (0: not shown)."""
    about = f"  (about {duration(expected)})" if expected else ""
    started = time.monotonic()
    if console.is_terminal:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            progress.add_task(f"{what}{about}")
            yield
    else:
        if expected:
            console.print(f"[dim]·[/] {what}{about} …")
        yield
    console.print(f"[green]✓[/] {what}  [dim]{duration(time.monotonic() - started)}[/]")
