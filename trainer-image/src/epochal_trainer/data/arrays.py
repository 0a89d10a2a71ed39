"""Helpers for arrays of samples: blocks of rows, and shapes and types as text."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
OutputShape: TypeAlias = Sequence[int | None]
"""Shape of the network's output for one sample; None for an axis of any size."""

BLOCK_SIZE = 1024**2
"""Elements to process at a time."""
MAX_CLASS_COUNT = 100_000
"""Maximum number of classes. If integer labels exceed it, they are treated as numbers and not as class indices."""
TEXT_KINDS = "SU"
"""NumPy's kinds (`dtype.kind`) of arrays of text: S for bytes in UTF-8, U for characters."""


def row_blocks(array: Array) -> Iterator[slice]:
    """Yield consecutive slices of the first axis with at most about BLOCK_SIZE elements, to limit temporary memory."""
    rows = max(1, BLOCK_SIZE * len(array) // array.size)
    return (slice(begin, begin + rows) for begin in range(0, len(array), rows))


def first_index(condition: Array) -> list[int]:
    """Return the index of the first true element of an array, as a list of one index per axis."""
    return [int(index) for index in np.unravel_index(int(np.argmax(condition)), condition.shape)]


def matches_shape(shape: Sequence[int], expected: OutputShape) -> bool:
    """Return whether a shape equals the expected shape, in which None is an axis of any size."""
    return len(shape) == len(expected) and all(must in (None, size) for size, must in zip(shape, expected, strict=True))


def format_shape(shape: Sequence[int | None]) -> str:
    """Return a shape as text: `28×28×1`, with ? for an axis of any size."""
    return "×".join("?" if size is None else str(size) for size in shape)


def format_dtype(dtype: np.dtype[Any]) -> str:
    """Return a NumPy type as text: `float32`; `string` for any type of text."""
    return "string" if dtype.kind in TEXT_KINDS else str(dtype)
