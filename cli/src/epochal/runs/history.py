"""The history of a training: history.csv, with a row for each epoch."""

import csv
import io
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from epochal_api.text import printable

HISTORY = "history.csv"
TRIALS = "trials.csv"
_NO_METRICS = ("epoch", "seconds", "learning_rate")
_MAX_NAME = 128


class Point(NamedTuple):
    """The value of a metric after an epoch."""

    epoch: int
    value: float


Curve = Sequence[Point]


class History(NamedTuple):
    """The finished epochs of a training.

    Args:
        curves: The points of each metric by its name. Epochs without a finite value have no point.
        epochs: Number of finished epochs.
        omitted: Number of values that are missing or not finite.
    """

    curves: Mapping[str, Curve]
    epochs: int
    omitted: int

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics, without seconds and learning rate."""
        return [name for name in self.curves if name not in _NO_METRICS]


def parse_history(text: str) -> History:
    """Return the history in the text of a history.csv. A line that is cut off is left out."""
    rows = csv.DictReader(io.StringIO(text))
    names = [name for name in rows.fieldnames or () if name]
    curves: dict[str, list[Point]] = {curve_name(name): [] for name in names if name != "epoch"}
    epochs = omitted = 0
    for row in rows:
        epoch = finite_number(row.get("epoch"))
        if epoch is None or None in row.values():
            continue
        epochs += 1
        for name in names:
            value = finite_number(row[name])
            if name != "epoch" and value is not None:
                curves[curve_name(name)].append(Point(int(epoch), value))
            elif name not in _NO_METRICS:
                omitted += 1
    return History(curves, epochs, omitted)


def parse_rows(text: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file with a header, such as trials.csv, without control characters."""
    rows = csv.DictReader(io.StringIO(text))
    return [
        {curve_name(name): printable(value or "", instead=" ") for name, value in row.items() if name} for row in rows
    ]


def thinned(curve: Curve, limit: int) -> Curve:
    """Return at most `limit` points of a curve: the minimum and maximum of each part, and the last point."""
    if len(curve) <= limit:
        return curve
    parts = max(1, (limit - 1) // 2)
    bounds = [round(part * len(curve) / parts) for part in range(parts + 1)]
    kept = {curve[-1]}
    for begin, end in itertools.pairwise(bounds):
        part = curve[begin:end]
        kept |= {min(part, key=lambda point: point.value), max(part, key=lambda point: point.value)}
    return sorted(kept)


def default_metrics(names: Iterable[str], monitored: str | None = None) -> list[str]:
    """Return the metrics to plot without a choice, such as [loss, accuracy]: loss, the monitored one, or else the next.

    Args:
        names: The metrics of the history.
        monitored: The metric that decides the best epoch, such as val_accuracy.
    """
    bases = list(dict.fromkeys(name.removeprefix("val_") for name in names))
    first = [name for name in ("loss", (monitored or "").removeprefix("val_")) if name in bases]
    return list(dict.fromkeys([*first, *bases]))[:2]


def curve_name(name: str) -> str:
    """Return the name of a curve for the name of a column."""
    return printable(name[:_MAX_NAME], instead=" ")


def finite_number(text: str | None) -> float | None:
    """Return the number of a cell, or None if it is missing or not finite."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
