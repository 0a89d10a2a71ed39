"""Measures the time that each part of a run takes, such as import and training."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from epochal_trainer.lib.text import format_duration


class Timings:
    """The seconds of each part of a run. As text, they are listed with units."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        """Seconds of each part, by name, in the order in which the parts ended first."""

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add the duration of the context to the part with this name."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began

    def __str__(self) -> str:
        parts = [f"{name} {format_duration(seconds)}" for name, seconds in self.seconds.items()]
        return ", ".join(parts)
