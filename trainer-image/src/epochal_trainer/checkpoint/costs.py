"""What checkpoints cost."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

_RECENT = 5
"""Checkpoints whose median tells what one costs: the first one, in new memory, costs more."""


@dataclass
class Costs:
    """What the checkpoints of an attempt cost. Two threads keep it, of which each has fields of its own."""

    taken: int = 0
    """How many were written."""
    bytes: int = 0
    """What those hold, all together."""
    capture_seconds: float = 0.0
    """How long the training stood still for them."""
    write_seconds: float = 0.0
    """How long writing them took, beside the training."""
    captures: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    """How long the training stood still for each of the latest."""
    best_seconds: float = 0.0
    """How long the training stood still to keep the weights of epochs that were the best so far."""
    writes: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    """Seconds of a core that writing each of the latest took beside it."""

    @contextmanager
    def capturing(self) -> Iterator[None]:
        """Measures how one is taken."""
        began = time.monotonic()
        yield
        self.captures.append(time.monotonic() - began)
        self.capture_seconds += self.captures[-1]

    @contextmanager
    def keeping_best(self) -> Iterator[None]:
        """Measures how the weights of an epoch are kept, which is done whether or not a checkpoint is taken."""
        began = time.monotonic()
        yield
        self.best_seconds += time.monotonic() - began

    @contextmanager
    def writing(self, size: int) -> Iterator[None]:
        """Measures how one is written.

        Args:
            size: Bytes of its arrays.
        """
        began, cpu = time.monotonic(), time.thread_time()
        yield
        self.taken += 1
        self.bytes += size
        self.write_seconds += time.monotonic() - began
        self.writes.append(time.thread_time() - cpu)

    def seconds(self, cores: float) -> float:
        """Returns by how much one makes a training longer that uses so many cores: the median of the latest."""
        return median(self.captures or [0.0]) + median(self.writes or [0.0]) / cores

    def dump(self) -> dict[str, float]:
        """Returns them as they stand in summary.json."""
        return {
            "taken": self.taken,
            "bytes": self.bytes,
            "captureSeconds": round(self.capture_seconds, 3),
            "writeSeconds": round(self.write_seconds, 3),
            "bestSeconds": round(self.best_seconds, 3),
        }
