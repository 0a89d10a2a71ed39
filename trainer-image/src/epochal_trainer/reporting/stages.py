"""Where the time goes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from epochal_trainer.lib.text import duration


class Stages:
    """Measures the stages of a run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        """Seconds per stage, in the order in which they began."""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measures what is done within."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began

    def __str__(self) -> str:
        parts = [f"{name} {duration(seconds)}" for name, seconds in self.seconds.items()]
        return ", ".join(parts)
