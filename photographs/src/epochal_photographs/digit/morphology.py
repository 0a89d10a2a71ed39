"""Maximum and minimum filters, closing and opening, in NumPy only. The cost grows with the logarithm of the size."""

from typing import TypeVar

import numpy as np

from epochal_photographs.digit.geometry import Bytes, Mask

Values = TypeVar("Values", Bytes, Mask)

_CUT = 0.2929
"""Size of the corners that are cut from a square to get an octagon, as a fraction of the square's side."""


def maximum_filter(values: Values, size: int) -> Values:
    """Return the maximum in a square around each pixel, with sides of `size` (odd) pixels.

    Beyond the edges of the array, its edge values are repeated.
    """
    return _in_square(values, size // 2, np.maximum)


def minimum_filter(values: Values, size: int) -> Values:
    """Return the minimum in a square around each pixel, with sides of `size` (odd) pixels.

    Beyond the edges of the array, its edge values are repeated.
    """
    return _in_square(values, size // 2, np.minimum)


def closing(values: Bytes, size: int) -> Bytes:
    """Return the array in which dark areas narrower than `size` pixels are filled with the values around them."""
    return _in_octagon(_in_octagon(values, size, np.maximum), size, np.minimum)


def opening(values: Bytes, size: int) -> Bytes:
    """Return the array in which light areas narrower than `size` pixels are filled with the values around them."""
    return _in_octagon(_in_octagon(values, size, np.minimum), size, np.maximum)


def _in_octagon(values: Bytes, size: int, extreme: np.ufunc) -> Bytes:
    """Return the maximum or minimum (`extreme`) in an octagon around each pixel, with a width of `size` pixels.

    A square would cause artefacts at slanted edges.
    """
    cut = int(_CUT * size) // 2
    high, wide = values.shape
    apart = np.pad(values, 2 * cut, mode="edge")
    for step in (1, -1):
        apart = _along(apart, 2 * cut + 1, extreme, step)
    top, left = (apart.shape[0] - high) // 2, (apart.shape[1] - wide) // 2
    inner = apart[top : top + high, left : left + wide]
    return _in_square(inner, size // 2 - cut, extreme)


def _in_square(values: Values, reach: int, extreme: np.ufunc) -> Values:
    for _ in range(2):
        values = _along(np.pad(values, ((reach, reach), (0, 0)), mode="edge"), 2 * reach + 1, extreme, 0).T
    return values


def _along(values: Values, size: int, extreme: np.ufunc, slant: int) -> Values:
    """Return the maximum or minimum (`extreme`) over each `size` successive rows.

    Each row is shifted by `slant` columns against the previous row. The result has `size - 1` fewer rows, and
    `(size - 1) * abs(slant)` fewer columns.
    """
    have = 1  # each value is the extreme of this number of rows
    while have < size:
        step = min(have, size - have)
        aside = step * slant
        first, second = values[:-step], values[step:]
        if aside > 0:
            first, second = first[:, :-aside], second[:, aside:]
        elif aside < 0:
            first, second = first[:, -aside:], second[:, :aside]
        values = extreme(first, second)
        have += step
    return values
