"""Statistics of a model that predicts numbers: quantiles of the residuals, mean errors, worst samples."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from epochal_api.evaluation import MAX_VALUES, MAX_WORST, NumberEvaluation, Place, Quantile, WorstSample
from numpy.typing import NDArray

from epochal_trainer.evaluation.worst import Worst

Array = NDArray[Any]

FRACTIONS = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
"""The fractions for which quantiles of the residuals (output minus label) are computed."""
MAX_RESIDUALS = 2**16
"""Maximum number of residuals for the quantiles. If there are more, the quantiles are those of a random sample of them,
with an error in rank of 0.2 %."""
BLOCK_SIZE = 2**20
"""Maximum number of values to convert to float64 at a time. A whole batch of images may need too much memory."""
_SEED = 21


class NumberTally:
    """Collects residuals (output minus label) of a model. The memory is limited for any number and size of samples."""

    def __init__(self, values: int) -> None:
        self._values = values
        self._count = 0
        self._sum = self._sum_of_absolutes = self._sum_of_squares = 0.0
        self._least, self._greatest = math.inf, -math.inf
        self._residuals = _RandomSample(MAX_RESIDUALS)
        self.worst = Worst(MAX_WORST)

    def add(self, rows: Array, labels: Array, outputs: Array) -> None:
        """Add the residuals of a batch of samples to the statistics.

        Args:
            rows: Index of each sample in the data set, shape (samples,).
            labels: Finite labels, shape (samples, …).
            outputs: Finite outputs of the network, shape (samples, …), with as many values as the labels.
        """
        size = max(1, BLOCK_SIZE // self._values)
        for begin in range(0, len(rows), size):
            block = slice(begin, begin + size)
            shape = (len(rows[block]), self._values)
            self._add_block(rows[block], labels[block].reshape(shape), outputs[block].reshape(shape))

    def _add_block(self, rows: Array, labels: Array, outputs: Array) -> None:
        labels, outputs = labels.astype(np.float64), outputs.astype(np.float64)
        residuals = outputs - labels
        absolute = np.abs(residuals)
        with np.errstate(over="ignore"):  # an infinite sum is omitted
            self._sum += float(residuals.sum())
            self._sum_of_absolutes += float(absolute.sum())
            self._sum_of_squares += float(np.square(residuals).sum())
        self._count += residuals.size
        self._least = min(self._least, float(residuals.min()))
        self._greatest = max(self._greatest, float(residuals.max()))
        self._residuals.add(residuals.reshape(-1))
        # Divided by the largest, because the square of a large number is infinite.
        largest = absolute.max(axis=1)
        relative = absolute / np.where(largest > 0, largest, 1)[:, np.newaxis]
        errors = largest * np.sqrt(np.square(relative).mean(axis=1))
        self.worst.add(errors, rows, labels[:, :MAX_VALUES], outputs[:, :MAX_VALUES])

    def evaluation(self, place: Callable[[int], Place]) -> NumberEvaluation:
        """Return the statistics of all added samples. `place` returns the origin of the sample with an index."""
        return NumberEvaluation(
            values=self._values,
            mean_residual=self._mean(self._sum),
            mean_absolute_error=self._mean(self._sum_of_absolutes),
            root_mean_squared_error=None if (mean := self._mean(self._sum_of_squares)) is None else math.sqrt(mean),
            quantiles=self._quantiles(),
            exact=self._count <= MAX_RESIDUALS,
            worst=[
                WorstSample(place=place(int(row)), label=label.tolist(), answer=answer.tolist(), error=float(error))
                for error, row, label, answer in self.worst.items()
            ],
        )

    def _quantiles(self) -> list[Quantile]:
        if not self._count:
            return []
        values = np.quantile(self._residuals.values, FRACTIONS)
        values[0], values[-1] = self._least, self._greatest
        return [
            Quantile(fraction=fraction, value=float(value)) for fraction, value in zip(FRACTIONS, values, strict=True)
        ]

    def _mean(self, total: float) -> float | None:
        return total / self._count if self._count and math.isfinite(total) else None


class _RandomSample:
    """A random sample of at most `limit` of all added values, in which each value has the same probability."""

    def __init__(self, limit: int) -> None:
        self.values = np.zeros(0)
        self._keys = np.zeros(0)
        self._limit = limit
        self._random = np.random.default_rng(_SEED)

    def add(self, values: Array) -> None:
        """Add values. If there are more than `limit` values in total, keep a random choice of them."""
        keys = self._random.random(len(values))
        if len(self._keys) == self._limit:  # only values that enter the sample
            entering = keys < self._keys.max()
            keys, values = keys[entering], values[entering]
        self._keys, self.values = np.concatenate([self._keys, keys]), np.concatenate([self.values, values])
        if len(self._keys) > self._limit:
            kept = np.argpartition(self._keys, self._limit)[: self._limit]
            self._keys, self.values = self._keys[kept], self.values[kept]
