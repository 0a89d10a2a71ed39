"""The time that a model takes for a number of samples, measured by the size of the batch."""

LATEST_WEIGHT = 0.1
"""Weight of the latest call in the time of a sample."""
MAX_RATIO = 4
"""Times that a sample may take in a larger batch, compared with a smaller one. A larger batch is faster on most models;
if it does not fit into the caches of the processor, it is somewhat slower."""


class BatchTiming:
    """Measures the seconds per sample, separately by how often a batch fits into the maximum: once, 2 to 3, 4 to 7, ...

    A small batch takes longer for a sample than a full batch. A queue of requests goes into batches of more than half
    of the maximum, whatever the size of a request. After a few single requests, an average over all sizes would refuse
    such a queue.
    """

    def __init__(self, seconds: float, max_batch_size: int) -> None:
        self._max_batch_size = max_batch_size
        self._seconds = [seconds] * max_batch_size.bit_length()

    def seconds(self, samples: int) -> float:
        """Return the expected seconds for `samples` samples: full batches, and a last batch of the rest."""
        full, rest = divmod(samples, self._max_batch_size)
        last = rest * self._seconds[self._size(rest)] if rest else 0
        return full * self._max_batch_size * self._seconds[0] + last

    def record(self, samples: int, seconds: float) -> None:
        """Adjust the time of a sample to the seconds of one call.

        The call also lowers the time of larger batches to MAX_RATIO times its own. Otherwise a full batch that was
        measured while the node stood still would refuse all queues, and no full batch would correct it.
        """
        size = self._size(samples)
        latest = seconds / samples
        self._seconds[size] += LATEST_WEIGHT * (latest - self._seconds[size])
        for larger in range(size):
            excess = self._seconds[larger] - MAX_RATIO * latest
            self._seconds[larger] -= LATEST_WEIGHT * max(excess, 0)

    def _size(self, samples: int) -> int:
        """Return the index of a batch that fits into the maximum size once (0), 2 to 3 times (1), 4 to 7 times (2)."""
        return max(self._max_batch_size // samples, 1).bit_length() - 1
