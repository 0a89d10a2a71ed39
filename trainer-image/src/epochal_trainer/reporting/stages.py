"""The time that each stage of a run takes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from epochal_trainer.lib.text import duration


class Stages:
    """Measures the duration of each stage of a run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        """Seconds per stage, in the order in which they began."""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the duration of the context to a stage."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began

    def __str__(self) -> str:
        parts = [f"{name} {duration(seconds)}" for name, seconds in self.seconds.items()]
        return ", ".join(parts)
