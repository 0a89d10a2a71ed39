"""Keeps the samples with the highest scores (worst mistakes), in bounded memory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Worst:
    """Keeps the `limit` samples with the highest scores. Of samples with equal scores, the lower row comes first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: tuple[Array, ...] | None = None

    def add(self, scores: Array, rows: Array, *columns: Array) -> None:
        """Add samples by score and row. `columns` are further values of each sample that `items` returns."""
        added: tuple[Array, ...] = (scores, rows, *columns)
        if self._kept is not None:
            added = tuple(np.concatenate(pair) for pair in zip(self._kept, added, strict=True))
        order = np.lexsort((added[1], -added[0]))[: self._limit]
        self._kept = tuple(column[order] for column in added)

    def items(self) -> list[tuple[Any, ...]]:
        """Return the score, the row and the further values of each kept sample, highest score first."""
        return list(zip(*self._kept, strict=True)) if self._kept is not None else []

    def rows(self) -> list[int]:
        """Return the row of each kept sample, highest score first."""
        return [int(row) for _, row, *_ in self.items()]
