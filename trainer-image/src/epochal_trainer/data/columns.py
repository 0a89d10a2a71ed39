"""Minimum, maximum and mean of an array's columns, and warnings about constant and unscaled columns.

A column is an index of the last axis of a sample: a column of a table, or a channel of an image.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from epochal_api.trainingjob.report import TrainingWarning

from epochal_trainer.data.arrays import Array
from epochal_trainer.data.samples import Samples
from epochal_trainer.lib.failures import training_warning

MAX_COLUMNS = 65_536
"""Maximum number of columns that are described one by one. An array with more columns is described as one column."""
MAX_RANGE_RATIO = 1000
"""Maximum ratio between the ranges of two columns without the warning UnscaledFeatures."""
_BLOCK_VALUES = 2**17
"""Values to process at a time: they stay in the cache of a core."""
_MIN_REDUCED_WIDTH, _MAX_REDUCED_WIDTH = 64, 2**14
"""Minimum and maximum width of an array for which numpy computes minimum and sum over its rows fast."""
_MAX_INT32_ROWS = 2**23
"""Maximum number of 8-bit integers whose sum always fits in 32 bits."""
_MAX_SHOWN = 5
"""Maximum number of columns in a message. The number of the others follows."""
_TABLE_AXES = (1, 2)
"""Numbers of axes of a sample whose columns are separate quantities: 1 for a table, 2 for a series of table rows."""
_MIN_BACKGROUND_COLUMNS = 8
_MIN_BACKGROUND_VALUES = 64
"""A sample with at least these numbers of columns and of values may be an image, such as 8 × 8 pixels of a digit."""
_BACKGROUND_SHARE = 0.9
"""Minimum fraction of the columns of an image whose minimum is the value of the background."""


class Columns(NamedTuple):
    """Statistics of an array's columns. Each field is an array with a value for each column.

    Args:
        lows: Lowest values; NaN if all values of a column are missing.
        highs: Highest values.
        means: Means; NaN if all values of a column are missing, and infinite after an overflow.
        missing: Numbers of missing values (NaN).
    """

    lows: Array
    highs: Array
    means: Array
    missing: Array

    @property
    def constant(self) -> Array:
        """For each column, whether it has the same value in all samples. Missing values are ignored."""
        return np.asarray(self.lows == self.highs)


def count_columns(array: Array) -> int | None:
    """Return the number of columns of a sample; None for a single number, and for more than MAX_COLUMNS columns."""
    columns = array.shape[-1] if array.ndim > 1 else None
    return columns if columns is not None and columns <= MAX_COLUMNS else None


@np.errstate(invalid="ignore", divide="ignore", over="ignore")
def describe_columns(array: Array) -> Columns:
    """Return the statistics of an array's columns. If `count_columns` returns None, all values are one column.

    The array is read once, in blocks.
    """
    columns = count_columns(array) or 1
    width = _reduced_width(array.shape[1:], columns)
    lows, highs, sums, missing = np.full(width, np.inf), np.full(width, -np.inf), np.zeros(width), np.zeros(width, int)
    rows = max(1, _BLOCK_VALUES // array[0].size)
    for begin in range(0, len(array), rows):
        values = array[begin : begin + rows].reshape(-1, width)
        if width < _MIN_REDUCED_WIDTH:
            values = np.asfortranarray(values)
        low, high = values.min(axis=0), values.max(axis=0)
        if values.dtype.kind == "f" and np.isnan(low).any():
            missing += np.isnan(values).sum(axis=0)
            low, high = np.fmin.reduce(values), np.fmax.reduce(values)
            sums += np.nansum(values, axis=0, dtype=np.float64)
        else:
            sums += values.sum(axis=0, dtype=_sum_type(values))
        np.fmin(lows, low, out=lows)
        np.fmax(highs, high, out=highs)
    lows, highs = lows.reshape(-1, columns).min(axis=0), highs.reshape(-1, columns).max(axis=0)
    missing = missing.reshape(-1, columns).sum(axis=0)
    present = array.size // columns - missing
    means = sums.reshape(-1, columns).sum(axis=0) / present
    lows[present == 0] = highs[present == 0] = np.nan
    return Columns(lows, highs, means, missing)


def _reduced_width(shape: tuple[int, ...], columns: int) -> int:
    """Return the row width to which blocks of values are reshaped, so that numpy computes column statistics fast.

    The width is a multiple of `columns`: numpy is slow with many rows of a few columns, so the last axes of a sample of
    shape `shape` are joined.
    """
    width = columns
    if columns > 1:
        for size in reversed(shape[:-1]):
            if width * size > _MAX_REDUCED_WIDTH:
                break
            width *= size
    return width


def _sum_type(values: Array) -> type[np.generic]:
    """Return the type in which to sum a block: the faster int32 for 8-bit values, if it cannot overflow, or float64."""
    return np.int32 if values.itemsize == 1 and len(values) <= _MAX_INT32_ROWS else np.float64


def check_columns(
    train: Samples, columns: Columns, *, is_scaled: bool, takes_indices: bool
) -> Iterator[TrainingWarning]:
    """Yield warnings about constant columns in tables, and about columns with very different ranges.

    Images, and features of type uint8, which are usually pixels, are not checked.

    Args:
        train: The training part.
        columns: The statistics of its features.
        is_scaled: Whether the network scales the features, such as with a Normalization layer.
        takes_indices: Whether the network uses the features as indices, such as in an Embedding layer.
    """
    features = train.features
    is_table = features.ndim - 1 in _TABLE_AXES and count_columns(features) is not None
    if takes_indices or not is_table or features.dtype == np.uint8:
        return
    background = _background(features, columns)
    is_constant = columns.constant if background is None else columns.constant & (columns.lows != background)
    constant = np.flatnonzero(is_constant)
    if constant.size:
        shown = ", ".join(f"{index} (always {columns.lows[index]:.4g})" for index in constant[:_MAX_SHOWN])
        more = f" and {constant.size - _MAX_SHOWN:,} more" if constant.size > _MAX_SHOWN else ""
        yield training_warning(
            "ConstantFeature",
            f"{train.features_source} has columns with the same value in all training samples, {constant.size:,} of "
            f"{columns.lows.size:,}: column {shown}{more}, counted from 0. A network learns nothing from such a "
            "column: check whether the table was written correctly, or remove the column",
        )
    if not is_scaled and background is None:
        yield from _check_scale(train, columns)


def _check_scale(train: Samples, columns: Columns) -> Iterator[TrainingWarning]:
    varying = np.flatnonzero(columns.highs > columns.lows)
    if varying.size < 2:  # noqa: PLR2004 - a comparison needs two
        return
    ranges = columns.highs[varying] / 2 - columns.lows[varying] / 2  # half the ranges: a whole range may overflow
    small, large = varying[ranges.argmin()], varying[ranges.argmax()]
    # Not divided: the range of a column may be so small that a quotient overflows.
    if ranges.max() <= MAX_RANGE_RATIO * ranges.min():
        return

    def describe(index: int) -> str:
        return f"column {index} reaches from {columns.lows[index]:.4g} to {columns.highs[index]:.4g}"

    yield training_warning(
        "UnscaledFeatures",
        f"the columns of {train.features_source} have very different ranges: {describe(small)}, {describe(large)}, "
        f"counted from 0, and the network does not scale them. It learns slowly or only from the large columns. Write "
        "{layer: Normalization} as the first layer: it adapts to the training data, and is stored with the model",
    )


def _background(features: Array, columns: Columns) -> float | None:
    """Return the lowest value, as the background, if the columns may be pixels, counts or one-hot columns; else None.

    Most such columns have the same minimum. Constant columns with this value are normal, such as pixels in the corners
    of images.
    """
    if columns.lows.size < _MIN_BACKGROUND_COLUMNS or features[0].size < _MIN_BACKGROUND_VALUES:
        return None
    lowest = float(columns.lows.min())
    return lowest if np.mean(columns.lows == lowest) >= _BACKGROUND_SHARE else None
