"""Learning curves that were recorded once, and which of them is that of a trial that was not recorded."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from epochal_operator.experiment.domains import Choice, Domain, Floats, Ints
from epochal_operator.experiment.space import Space

FILE = Path(__file__).parent / "curves.csv"


@dataclass(frozen=True)
class Curve:
    """What a trial was worth after each of its epochs, less being better.

    Args:
        parameters: Its parameters.
        seconds: CPU seconds of an epoch: whatever else a machine does, they stay about the same.
        values: The value after each epoch; those after which it diverged are missing.
    """

    parameters: Mapping[str, str]
    seconds: float
    values: tuple[float, ...]

    def best(self, epoch: int) -> float | None:
        """Returns the best value up to an epoch, or None if it has diverged by then."""
        return min(self.values[:epoch]) if epoch <= len(self.values) else None


class Curves:
    """The recorded curves, and for any trial the nearest one.

    The nearest one has the same value of each parameter whose values are listed, and of all those the least sum of
    squared differences in the others, each of which runs from 0 to 1 over its range, by logarithm where its scale is
    Log. Of two that are as near it is the earlier one.

    Args:
        curves: The curves.
        space: The space of their parameters.
    """

    def __init__(self, curves: Sequence[Curve], space: Space) -> None:
        self._space = space
        self._places: dict[frozenset[tuple[str, str]], list[tuple[dict[str, float], Curve]]] = {}
        for curve in curves:
            listed, place = self._place(curve.parameters)
            self._places.setdefault(listed, []).append((place, curve))

    def nearest(self, parameters: Mapping[str, str]) -> Curve:
        """Returns the curve of a trial.

        Args:
            parameters: The trial's parameters.
        """
        listed, place = self._place(parameters)
        _, curve = min(self._places[listed], key=lambda other: _distance(place, other[0]))
        return curve

    def _place(self, parameters: Mapping[str, str]) -> tuple[frozenset[tuple[str, str]], dict[str, float]]:
        """Returns what a curve must share with a trial, and where the trial lies among those that do."""
        active, domains = self._space.active(parameters), self._space.domains
        listed = frozenset((name, text) for name, text in active.items() if isinstance(domains[name], Choice))
        return listed, {name: position(domain, text) for name, domain, text in _ranged(active, domains)}


def position(domain: Floats | Ints, text: str) -> float:
    """Returns where a value lies in its range, from 0 to 1."""
    low, high, value = float(domain.low), float(domain.high), float(text)
    if domain.log:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return (value - low) / (high - low)


def read(names: Sequence[str], path: Path = FILE) -> list[Curve]:
    """Returns the recorded curves.

    Args:
        names: Names of the parameters.
        path: Where they lie.
    """
    with path.open(newline="") as file:
        return [_curve(row, names) for row in csv.DictReader(file)]


def append(curve: Curve, names: Sequence[str], epochs: int, path: Path = FILE) -> None:
    """Appends a curve to the recorded ones.

    Args:
        curve: The curve.
        names: Names of the parameters.
        epochs: The most epochs that a curve has.
        path: Where they lie.
    """
    numbers = [str(epoch) for epoch in range(1, epochs + 1)]
    texts = [f"{value:.4g}" for value in curve.values]
    row = {**curve.parameters, "seconds": f"{curve.seconds:.3g}"} | dict(zip(numbers, texts, strict=False))
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, [*names, "seconds", *numbers], lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)


def _curve(row: Mapping[str, str], names: Sequence[str]) -> Curve:
    parameters = {name: row[name] for name in names if row[name]}
    values = tuple(float(text) for name, text in row.items() if name.isdecimal() and text)
    return Curve(parameters, float(row["seconds"]), values)


def _ranged(active: Mapping[str, str], domains: Mapping[str, Domain]) -> Iterator[tuple[str, Floats | Ints, str]]:
    for name, text in active.items():
        domain = domains[name]
        if not isinstance(domain, Choice):
            yield name, domain, text


def _distance(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    return sum((value - other[name]) ** 2 for name, value in one.items())
