"""The time that each part of a run takes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from epochal_trainer.lib.text import duration


class Timings:
    """Measures the duration of each part of a run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        """Seconds per part, in the order in which they began."""

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add the duration of the context to a part."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began

    def __str__(self) -> str:
        parts = [f"{name} {duration(seconds)}" for name, seconds in self.seconds.items()]
        return ", ".join(parts)
