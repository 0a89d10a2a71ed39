"""The vertical scales of parallel coordinates, which map each value to a height from 0 to 1."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from epochal_api.experiment_report import Axis
from matplotlib.ticker import MaxNLocator

from epochal_trainer.experiment.figures.canvas import plain
from epochal_trainer.experiment.values import clipped, number

_TICKS = 5
_MOST_NAMES = 16
"""Maximum number of names on a scale. Of more names, some are left out."""
_DECADES = 2
_GOLDEN = 0.6180339887
"""The golden ratio. The fractional parts of its multiples are far from each other."""


@dataclass(frozen=True)
class Numbers:
    """A scale of numbers.

    Args:
        low: The lowest number.
        high: The highest number.
        log: Whether the scale is logarithmic; then both are above 0.
    """

    low: float
    high: float
    log: bool = False

    def place(self, text: str | None, trial: int) -> float | None:
        """Return the height of a value, or None if it is not a number on the scale."""
        del trial
        value = number(text)
        if value is None or (self.log and value <= 0):
            return None
        return self._place(clipped(value, (self.low, self.high)))

    def ticks(self) -> list[tuple[float, str]]:
        """Return the ticks as pairs of height and label."""
        if self.low == self.high:
            return [(0.5, f"{self.low:.4g}")]
        return [(self._place(value), f"{value:.4g}") for value in self._values()]

    def _place(self, value: float) -> float:
        if self.low == self.high:
            return 0.5
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def _values(self) -> list[float]:
        if not self.log:
            found = MaxNLocator(_TICKS).tick_values(self.low, self.high)
            return [float(value) for value in found if self.low <= value <= self.high]
        first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        if last - first + 1 >= _DECADES:
            step = max(1, math.ceil((last - first) / _TICKS))
            return [clipped(10.0**power, (self.low, self.high)) for power in range(first, last + 1, step)]
        steps = _TICKS - 1
        return [self.low * (self.high / self.low) ** (index / steps) for index in range(_TICKS)]


@dataclass(frozen=True)
class Names:
    """A scale of names.

    Args:
        names: The names, from bottom to top.
    """

    names: tuple[str, ...]

    def place(self, text: str | None, trial: int) -> float | None:
        """Return the height of a name, shifted for each trial, so that no line hides another."""
        if text not in self.names:
            return None
        aside = (trial * _GOLDEN % 1 - 0.5) * 0.6
        return (self.names.index(text) + 0.5 + aside) / len(self.names)

    def ticks(self) -> list[tuple[float, str]]:
        """Return the ticks as pairs of height and label."""
        step = math.ceil(len(self.names) / _MOST_NAMES)
        return [
            ((index + 0.5) / len(self.names), plain(name, 18))
            for index, name in enumerate(self.names)
            if not index % step
        ]


Scale = Numbers | Names


def scale(axis: Axis, values: Sequence[str]) -> Scale:
    """Return the scale of a parameter.

    Args:
        axis: The parameter.
        values: Its values in the trials.
    """
    if axis.values is not None:
        return Names(tuple(dict.fromkeys((*axis.values, *values))))
    numbers = [value for text in values if (value := number(text)) is not None]
    log = axis.log and all(value > 0 for value in numbers)
    return Numbers(min(numbers, default=0.0), max(numbers, default=0.0), log)
