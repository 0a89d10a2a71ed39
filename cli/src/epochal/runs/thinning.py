"""Reduces curves of any length to a bounded number of points: the minimum and maximum of each part of the curve."""

import csv
import math
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

from epochal.runs.history import Point, curve_name, finite_number

_EPOCH = "epoch"
_EXACT = 2**53
_BLOCK = 2**16
"""Number of characters of rows after which the buffered rows are added to the curves."""


class Thinner:
    """Reduces a curve to a bounded number of points while points are added.

    The minimum and the maximum of each part of the curve are kept, and the last point. If there are too many parts,
    neighboring parts are merged in pairs.

    Args:
        limit: Maximum number of points; at least 3.
    """

    def __init__(self, limit: int) -> None:
        self._most = max(1, (limit - 1) // 2)
        self._width = 1
        self._filled = 0
        self._parts: list[tuple[Point, Point]] = []
        self._last: Point | None = None
        self.count = 0
        """Number of points that were added to the curve."""

    def extend(self, epochs: Sequence[int], values: Sequence[float]) -> None:
        """Add the next points of the curve. Both sequences have the same length, and all values are finite."""
        start = 0
        while start < len(values):
            if self._filled in {0, self._width}:  # the next part begins
                if len(self._parts) == 2 * self._most:
                    self._halve()
                self._filled = 0
            segment = values[start : start + self._width - self._filled]
            low, high = min(segment), max(segment)
            first = Point(epochs[start + segment.index(low)], low)
            second = Point(epochs[start + segment.index(high)], high)
            if self._filled:
                known_low, known_high = self._parts[-1]
                first = first if low < known_low.value else known_low
                second = second if high > known_high.value else known_high
                self._parts[-1] = (first, second)
            else:
                self._parts.append((first, second))
            self._filled += len(segment)
            start += len(segment)
        if values:
            self._last = Point(epochs[-1], values[-1])
            self.count += len(values)

    def points(self) -> list[Point]:
        """Return the kept points, at most `limit`, in the order of the epochs."""
        while len(self._parts) > self._most and self.count > self._most * 2:
            self._halve()
        kept = {point for part in self._parts for point in part}
        return sorted(kept | ({self._last} if self._last else set()))

    def _halve(self) -> None:
        value = attrgetter("value")
        pairs = [self._parts[index : index + 2] for index in range(0, len(self._parts), 2)]
        self._parts = [
            (min((low for low, _ in pair), key=value), max((high for _, high in pair), key=value)) for pair in pairs
        ]
        self._width *= 2


class ThinnedHistory(NamedTuple):
    """The finished epochs of a training, with a bounded number of points.

    Args:
        curves: The points of each metric, by the name of the metric. Epochs without a finite value have no point.
        epochs: Number of finished epochs.
        is_thinned: Whether a curve has fewer points than the file has finite values.
        omitted_metrics: Number of metrics that have no curve, because of the limit.
        is_complete: Whether all rows of the file were read.
    """

    curves: dict[str, list[Point]]
    epochs: int
    is_thinned: bool
    omitted_metrics: int
    is_complete: bool


class StopReading(Exception):
    """Raised by an iterator of lines to end the reading early, because the rest would take too long."""


def thinned_history(lines: Iterable[str], *, points: int, metrics: int) -> ThinnedHistory:
    """Parse the lines of a history.csv of any length to curves of bounded length. An incomplete line is skipped.

    Args:
        lines: The lines of the file. The iterator may raise StopReading.
        points: Maximum number of points of a curve.
        metrics: Maximum number of curves.
    """
    # Without quotes, because a quote could join all lines into one field.
    rows = csv.reader(line.replace('"', "").replace("\0", "") for line in lines)
    table, is_complete = _Table(), True
    try:
        table = _Table(next(rows, []), points, metrics)
        for row in rows:
            table.add(row)
    except (StopReading, csv.Error):
        is_complete = False
    table.flush()
    found = {name: thinner.points() for name, thinner in table.curves.items()}
    is_thinned = any(len(found[name]) < thinner.count for name, thinner in table.curves.items())
    return ThinnedHistory(found, table.epochs, is_thinned, table.omitted, is_complete)


class _Table:
    """Collects the curves of a table. Rows are buffered and then added column by column, which is several times faster.

    Args:
        header: Names of the columns.
        points: Maximum number of points of a curve.
        metrics: Maximum number of curves.
    """

    def __init__(self, header: Sequence[str] = (), points: int = 3, metrics: int = 0) -> None:
        self._width, self._epoch = len(header), header.index(_EPOCH) if _EPOCH in header else None
        columns = {name: index for index, name in reversed([*enumerate(header)]) if name and name != _EPOCH}
        ordered = sorted(columns.items(), key=lambda item: item[1])
        self.omitted = max(0, len(ordered) - metrics)
        self.curves: dict[str, Thinner] = {}
        self.epochs = 0
        self._columns = [
            (index, self.curves.setdefault(curve_name(name), Thinner(points))) for name, index in ordered[:metrics]
        ]
        self._last = -math.inf
        self._rows: list[list[str]] = []
        self._numbers: list[int] = []
        self._size = 0

    def add(self, row: list[str]) -> None:
        """Add a row. Ignore it if it is incomplete, or its epoch is not above that of the previous row."""
        if self._epoch is None or len(row) != self._width:
            return
        epoch = finite_number(row[self._epoch])
        if epoch is None or epoch <= self._last or abs(epoch) > _EXACT:
            return
        self._last = epoch
        self._rows.append(row)
        self._numbers.append(int(epoch))
        self._size += sum(map(len, row)) + self._width
        if self._size >= _BLOCK:
            self.flush()

    def flush(self) -> None:
        """Add the buffered rows to the curves."""
        for index, thinner in self._columns:
            texts = [row[index] for row in self._rows]
            try:
                values = list(map(float, texts))
            except ValueError:
                values = [math.nan if (value := finite_number(text)) is None else value for text in texts]
            if all(map(math.isfinite, values)):
                thinner.extend(self._numbers, values)
            else:
                kept = [place for place, value in enumerate(values) if math.isfinite(value)]
                thinner.extend([self._numbers[place] for place in kept], [values[place] for place in kept])
        self.epochs += len(self._rows)
        self._rows, self._numbers, self._size = [], [], 0
