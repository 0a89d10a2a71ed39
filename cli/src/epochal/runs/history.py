"""Parses the history of a training, history.csv with a row for each epoch, and the trials.csv of an Experiment."""

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
    """A point of a curve: the number of an epoch (or trial), and the value of a metric after it."""

    epoch: int
    value: float


Curve = Sequence[Point]


class History(NamedTuple):
    """The finished epochs of a training.

    Args:
        curves: The points of each metric, by the name of the metric. Epochs without a finite value have no point.
        epochs: Number of finished epochs.
        omitted: Number of values that are missing or not finite.
    """

    curves: Mapping[str, Curve]
    epochs: int
    omitted: int

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics. The columns seconds and learning_rate are no metrics."""
        return [name for name in self.curves if name not in _NO_METRICS]


def parse_history(text: str) -> History:
    """Parse the text of a history.csv. An incomplete line is skipped."""
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
    """Parse the text of a CSV file with a header, such as trials.csv. Control characters become spaces."""
    rows = csv.DictReader(io.StringIO(text))
    return [
        {curve_name(name): printable(value or "", instead=" ") for name, value in row.items() if name} for row in rows
    ]


def thinned(curve: Curve, limit: int) -> Curve:
    """Reduce a curve to at most `limit` points: the minimum and maximum of each of its parts, and the last point."""
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
    """Return the two metrics that are plotted by default, such as [loss, accuracy], without the prefix val_.

    The first is loss, the second the monitored metric. If one of them is missing, the next metric replaces it.

    Args:
        names: The metrics of the history.
        monitored: The metric that decides the best epoch, such as val_accuracy.
    """
    bases = list(dict.fromkeys(name.removeprefix("val_") for name in names))
    first = [name for name in ("loss", (monitored or "").removeprefix("val_")) if name in bases]
    return list(dict.fromkeys([*first, *bases]))[:2]


def curve_name(name: str) -> str:
    """Return the name of a column as the name of its curve: shortened, and without control characters."""
    return printable(name[:_MAX_NAME], instead=" ")


def finite_number(text: str | None) -> float | None:
    """Parse the text of a cell as a number. Return None if the text is missing, or no finite number."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
