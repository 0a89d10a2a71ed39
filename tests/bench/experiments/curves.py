"""Recorded learning curves, and the curves of trials that were not recorded."""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from epochal_operator.experiment.search_space.domains import Choice, Domain, Range
from epochal_operator.experiment.search_space.space import Space

FILE = Path(__file__).parent / "curves.csv"
NEIGHBOURS = 4
"""With one alone many trials would have the very same curve, and a search that learns would have nothing to learn."""


@dataclass(frozen=True)
class Curve:
    """A trial's values after its epochs (the less, the better; none after it diverged) and CPU seconds of an epoch."""

    parameters: Mapping[str, str]
    seconds: float
    values: tuple[float, ...]

    def best(self, epoch: int) -> float | None:
        """Returns the best value up to an epoch, or None if it has diverged by then."""
        return min(self.values[:epoch]) if epoch <= len(self.values) else None


class Curves:
    """The recorded curves, and for any trial its own: one that was recorded, or a mean of those nearest to it.

    Near are those that have the same value of each parameter whose values are listed. The square of their distance is
    the sum of the squared differences in the others, each of which runs from 0 to 1 over its range, by logarithm where
    its scale is Log. The mean is one of logarithms, weighted by one over that square. A trial diverges where the
    nearest one does.

    Args:
        space: The space of their parameters.
    """

    def __init__(self, curves: Sequence[Curve], space: Space) -> None:
        self._space = space
        self._places: dict[frozenset[tuple[str, str]], list[tuple[dict[str, float], Curve]]] = {}
        for curve in curves:
            listed, place = self._place(curve.parameters)
            self._places.setdefault(listed, []).append((place, curve))

    def of(self, parameters: Mapping[str, str]) -> Curve:
        listed, place = self._place(parameters)
        others = ((_squared_distance(place, other), curve) for other, curve in self._places[listed])
        near = sorted(others, key=lambda other: other[0])[:NEIGHBOURS]
        return near[0][1] if near[0][0] == 0 else _mean(parameters, near)

    def _place(self, parameters: Mapping[str, str]) -> tuple[frozenset[tuple[str, str]], dict[str, float]]:
        """Returns the values that a curve must share with a trial, and the position of the trial among those curves."""
        active, domains = self._space.active(parameters), self._space.domains
        listed = frozenset((name, text) for name, text in active.items() if isinstance(domains[name], Choice))
        return listed, {name: position(domain, text) for name, domain, text in _ranged(active, domains)}


def position(domain: Range, text: str) -> float:
    """Returns the position of a value in its range, from 0 to 1."""
    low, high, value = float(domain.low), float(domain.high), float(text)
    if domain.log:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return (value - low) / (high - low)


def read(names: Sequence[str], path: Path = FILE) -> list[Curve]:
    with path.open(newline="") as file:
        return [_curve(row, names) for row in csv.DictReader(file)]


def append(curve: Curve, names: Sequence[str], epochs: int, path: Path = FILE) -> None:
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


def _ranged(active: Mapping[str, str], domains: Mapping[str, Domain]) -> Iterator[tuple[str, Range, str]]:
    for name, text in active.items():
        domain = domains[name]
        if not isinstance(domain, Choice):
            yield name, domain, text


def _mean(parameters: Mapping[str, str], near: Sequence[tuple[float, Curve]]) -> Curve:
    epochs = range(len(near[0][1].values))
    return Curve(
        parameters,
        _weighted((square, curve.seconds) for square, curve in near),
        tuple(
            _weighted((square, curve.values[epoch]) for square, curve in near if epoch < len(curve.values))
            for epoch in epochs
        ),
    )


def _weighted(values: Iterable[tuple[float, float]]) -> float:
    weighted = [(1 / square, math.log(value)) for square, value in values]
    return math.exp(sum(weight * value for weight, value in weighted) / sum(weight for weight, _ in weighted))


def _squared_distance(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    return sum((value - other[name]) ** 2 for name, value in one.items())
