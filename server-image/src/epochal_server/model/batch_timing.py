"""Estimates the seconds that a model takes for a number of samples, from measured calls with similar batch sizes."""

LATEST_WEIGHT = 0.1
"""Weight of the latest call in the moving average of the seconds per sample."""
MAX_RATIO = 4
"""Plausible maximum ratio of the seconds per sample in a larger batch to those in a smaller batch. On most models, a
larger batch is faster per sample. If it does not fit into the caches of the processor, it is somewhat slower."""


class BatchTiming:
    """Measures the seconds per sample, separately for different ranges of batch sizes.

    The ranges are the sizes that fit into the maximum size once, 2 to 3 times, 4 to 7 times, and so on. A small batch
    takes more time per sample than a full batch. A long queue is computed in batches of more than half of the maximum
    size. After a few small batches, an average over all sizes would overestimate the time of such a queue, and the
    server would refuse requests.
    """

    def __init__(self, seconds: float, max_batch_size: int) -> None:
        self._max_batch_size = max_batch_size
        self._seconds = [seconds] * max_batch_size.bit_length()

    def seconds(self, samples: int) -> float:
        """Return the expected seconds for `samples` samples in full batches and a last batch with the rest."""
        full, rest = divmod(samples, self._max_batch_size)
        last = rest * self._seconds[self._size_range(rest)] if rest else 0
        return full * self._max_batch_size * self._seconds[0] + last

    def record(self, samples: int, seconds: float) -> None:
        """Update the measured seconds per sample with a call of the model, which took `seconds` for `samples` samples.

        If the measured seconds per sample of larger batches exceed MAX_RATIO times those of this call, they are
        reduced, too. Otherwise, after one slow full batch on a stalled node, the server would refuse all queues, and no
        further full batch would correct the measurement.
        """
        size = self._size_range(samples)
        latest = seconds / samples
        self._seconds[size] += LATEST_WEIGHT * (latest - self._seconds[size])
        for larger in range(size):
            excess = self._seconds[larger] - MAX_RATIO * latest
            self._seconds[larger] -= LATEST_WEIGHT * max(excess, 0)

    def _size_range(self, samples: int) -> int:
        """Return the range of a batch size: 0 for over half of the maximum, 1 for over a quarter, and so on."""
        return max(self._max_batch_size // samples, 1).bit_length() - 1
