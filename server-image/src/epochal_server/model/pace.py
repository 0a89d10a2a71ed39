"""The seconds that a model takes for a number of samples, measured by the size of the batch."""

NEWEST = 0.1
"""Weight of the latest call in the seconds of a sample."""


class Pace:
    """Seconds of a sample, for each power of two of a batch's size.

    A small batch takes longer for a sample than a full batch. A queue of requests goes into full batches. After a few
    single requests, an average over all sizes would refuse such a queue.

    Args:
        seconds: Seconds of a sample, as the warm-up measured it.
        most: Maximum number of samples in one call.
    """

    def __init__(self, seconds: float, most: int) -> None:
        self._most = most
        self._seconds = [seconds] * (most.bit_length() + 1)

    def seconds(self, samples: int) -> float:
        """Return the seconds for some samples: full batches, and a last batch of the rest."""
        if samples < self._most:
            return samples * self._seconds[samples.bit_length()]
        full, rest = divmod(samples, self._most)
        return full * self._most * self._seconds[-1] + rest * self._seconds[rest.bit_length()]

    def measured(self, samples: int, seconds: float) -> None:
        """Adjust the pace of a batch's size.

        Args:
            samples: Samples of one call.
            seconds: Its duration.
        """
        size = samples.bit_length()
        self._seconds[size] += NEWEST * (seconds / samples - self._seconds[size])
