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
    """Number, size and duration of an attempt's checkpoints. The training and the writer update different fields."""

    taken: int = 0
    """Number of checkpoints written."""
    bytes: int = 0
    """Total bytes of the arrays in the written checkpoints."""
    capture_seconds: float = 0.0
    """Total seconds for which the training paused to capture checkpoints."""
    write_seconds: float = 0.0
    """Total seconds in which a background thread wrote checkpoints."""
    captures: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    """Seconds for which the training paused to capture a checkpoint, for each of the latest checkpoints."""
    best_seconds: float = 0.0
    """Total seconds for which the training paused to copy the weights of epochs that were the best so far."""
    writes: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    """CPU seconds of the background thread to write a checkpoint, for each of the latest checkpoints."""

    @contextmanager
    def capturing(self) -> Iterator[None]:
        """Measure the time of the context, in which a checkpoint is captured."""
        began = time.monotonic()
        yield
        self.captures.append(time.monotonic() - began)
        self.capture_seconds += self.captures[-1]

    @contextmanager
    def keeping_best(self) -> Iterator[None]:
        """Measure the time of the context, in which the weights of the best epoch are copied."""
        began = time.monotonic()
        yield
        self.best_seconds += time.monotonic() - began

    @contextmanager
    def writing(self, size: int) -> Iterator[None]:
        """Measure the time of the context, in which a checkpoint with arrays of `size` bytes is written."""
        began, cpu = time.monotonic(), time.thread_time()
        yield
        self.taken += 1
        self.bytes += size
        self.write_seconds += time.monotonic() - began
        self.writes.append(time.thread_time() - cpu)

    def seconds(self, cores: float) -> float:
        """Return the seconds by which a checkpoint delays a training on a number of CPU cores.

        This is the median pause plus the median CPU time of writing divided by the cores, of the latest checkpoints.
        """
        return median(self.captures or [0.0]) + median(self.writes or [0.0]) / cores

    def dump(self) -> dict[str, float]:
        """Return the value of the field `checkpoints` of summary.json."""
        return {
            "taken": self.taken,
            "bytes": self.bytes,
            "captureSeconds": round(self.capture_seconds, 3),
            "writeSeconds": round(self.write_seconds, 3),
            "bestSeconds": round(self.best_seconds, 3),
        }
