"""What checkpoints cost."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


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
    capture_cpu: float = 0.0
    """Seconds of a core that taking the last one took from the training."""
    write_cpu: float = 0.0
    """Seconds of a core that writing the last one took beside it."""

    @contextmanager
    def capturing(self) -> Iterator[None]:
        """Measures how one is taken."""
        began, cpu = time.monotonic(), time.thread_time()
        yield
        self.capture_seconds += time.monotonic() - began
        self.capture_cpu = time.thread_time() - cpu

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
        self.write_cpu = time.thread_time() - cpu

    def seconds(self, cores: float) -> float:
        """Returns by how much the last one made a training longer that uses so many cores."""
        return self.capture_cpu + self.write_cpu / cores

    def dump(self) -> dict[str, float]:
        """Returns them as they stand in summary.json."""
        return {
            "taken": self.taken,
            "bytes": self.bytes,
            "captureSeconds": round(self.capture_seconds, 3),
            "writeSeconds": round(self.write_seconds, 3),
        }
