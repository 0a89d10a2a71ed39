"""The time that a model takes for a number of samples, measured by the size of the batch."""

LATEST_WEIGHT = 0.1
"""Weight of the latest call in the time of a sample."""


class BatchTiming:
    """Seconds of a sample, for each power of two of a batch's size.

    A small batch takes longer for a sample than a full batch. A queue of requests goes into full batches. After a few
    single requests, an average over all sizes would refuse such a queue.
    """

    def __init__(self, seconds: float, max_batch_size: int) -> None:
        self._max_batch_size = max_batch_size
        self._seconds = [seconds] * (max_batch_size.bit_length() + 1)

    def seconds(self, samples: int) -> float:
        """Return the seconds for some samples: full batches, and a last batch of the rest."""
        if samples < self._max_batch_size:
            return samples * self._seconds[samples.bit_length()]
        full, rest = divmod(samples, self._max_batch_size)
        return full * self._max_batch_size * self._seconds[-1] + rest * self._seconds[rest.bit_length()]

    def record(self, samples: int, seconds: float) -> None:
        """Adjust the time of a sample to the seconds of one call."""
        size = samples.bit_length()
        self._seconds[size] += LATEST_WEIGHT * (seconds / samples - self._seconds[size])
