"""The time that checkpoints take, and their size."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

_RECENT = 5
"""Number of recent checkpoints for the median cost: the first one, in newly allocated memory, takes longer."""


@dataclass
class Costs:
    """The costs of the checkpoints of an attempt. Two threads update it, each its own fields."""

    taken: int = 0
    """Number of checkpoints written."""
    bytes: int = 0
    """Total size of the arrays in these checkpoints."""
    capture_seconds: float = 0.0
    """Seconds for which the training paused to take checkpoints."""
    write_seconds: float = 0.0
    """Seconds of writing checkpoints, in parallel with the training."""
    captures: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    """Seconds for which the training paused, for each of the latest checkpoints."""
    best_seconds: float = 0.0
    """Seconds for which the training paused to copy the weights of epochs that were the best so far."""
    writes: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    """CPU seconds of writing, for each of the latest checkpoints."""

    @contextmanager
    def capturing(self) -> Iterator[None]:
        """Measure the time to capture a checkpoint."""
        began = time.monotonic()
        yield
        self.captures.append(time.monotonic() - began)
        self.capture_seconds += self.captures[-1]

    @contextmanager
    def keeping_best(self) -> Iterator[None]:
        """Measure the time to copy the weights of the best epoch, with or without a checkpoint."""
        began = time.monotonic()
        yield
        self.best_seconds += time.monotonic() - began

    @contextmanager
    def writing(self, size: int) -> Iterator[None]:
        """Measure the time to write a checkpoint."""
        began, cpu = time.monotonic(), time.thread_time()
        yield
        self.taken += 1
        self.bytes += size
        self.write_seconds += time.monotonic() - began
        self.writes.append(time.thread_time() - cpu)

    def seconds(self, cores: float) -> float:
        """Return the seconds that a checkpoint adds to a training on this many cores: the median of the latest ones."""
        return median(self.captures or [0.0]) + median(self.writes or [0.0]) / cores

    def dump(self) -> dict[str, float]:
        """Return the costs in the form of summary.json."""
        return {
            "taken": self.taken,
            "bytes": self.bytes,
            "captureSeconds": round(self.capture_seconds, 3),
            "writeSeconds": round(self.write_seconds, 3),
            "bestSeconds": round(self.best_seconds, 3),
        }
