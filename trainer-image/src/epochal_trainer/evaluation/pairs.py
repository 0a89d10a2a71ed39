"""Counts the most frequent confusions of two classes in bounded memory, even with very many classes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LIMIT = 10_000
"""Maximum number of pairs that are counted, a hundred times as many as an evaluation lists. They take 160 kB."""


class PairCounts:
    """Counts the most frequent pairs of a label and a predicted class (mergeable summary of Misra and Gries).

    If there are more than `limit` different pairs, the rarest pairs are dropped, and all counts are reduced by the
    highest dropped count. `error` is the sum of these reductions: a count may be too low by it.
    """

    def __init__(self, classes: int, limit: int = LIMIT) -> None:
        self.error = 0
        self._classes = classes
        self._limit = limit
        self._keys = np.zeros(0, np.int64)
        self._counts = np.zeros(0, np.int64)

    def add(self, labels: Array, answers: Array) -> None:
        """Count the pair (label, predicted class) of each sample. `answers` are the predicted classes."""
        keys = np.concatenate([self._keys, labels.astype(np.int64) * self._classes + answers])
        weights = np.concatenate([self._counts, np.ones(len(labels), np.int64)])
        self._keys, positions = np.unique(keys, return_inverse=True)
        self._counts = np.zeros(len(self._keys), np.int64)
        np.add.at(self._counts, positions, weights)
        if (excess := len(self._keys) - self._limit) > 0:
            reduction = int(np.partition(self._counts, excess - 1)[excess - 1])
            kept = self._counts > reduction
            self._keys, self._counts = self._keys[kept], self._counts[kept] - reduction
            self.error += reduction

    def most_common(self, count: int) -> list[tuple[int, int, int]]:
        """Return label, predicted class and number of samples of the `count` most frequent pairs, descending."""
        order = np.lexsort((self._keys, -self._counts))[:count]
        return [(*divmod(int(self._keys[index]), self._classes), int(self._counts[index])) for index in order]
