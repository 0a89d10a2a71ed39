"""A parallel coordinates figure: each trial is a line through the values of its parameters to its objective.

Each parameter has a vertical scale, which maps its values to heights from 0 to 1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from epochal_api.experiment.report import ExperimentReport, ReportedParameter, ReportedTrial
from matplotlib import colormaps
from matplotlib.collections import LineCollection
from matplotlib.ticker import MaxNLocator

from epochal_trainer.experiment.figures.canvas import GREY, ORANGE, WIDTH, canvas, left_out, plain, say
from epochal_trainer.experiment.values import clipped, number, view

_INCHES = 1.9
"""Distance between two scales in inches."""
_WIDEST = 26.0
_FEW = 50
"""Maximum number of trials that are drawn with a thick line."""
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


def scale(axis: ReportedParameter, values: Sequence[str]) -> Scale:
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


def draw(report: ExperimentReport, path: Path) -> None:
    """Draw a line for each trial. The line has a gap at a parameter that the trial does not have.

    Args:
        report: The Experiment.
        path: PNG file to write.
    """
    metric = plain(report.metric)
    width = min(_WIDEST, max(WIDTH, _INCHES * (len(report.axes) + 1)))
    worth = {one.number: value for one in report.trials if (value := number(one.value)) is not None}
    with canvas(report, f"parameters and {metric}{left_out(report)}", path, width=width) as (_, axes):
        if not report.axes or not worth:
            say(axes, f"no trial has a {metric} yet" if report.axes else "no parameters are searched")
            return
        limits = view(list(worth.values()), maximize=report.maximize)
        scales: list[Scale] = [*(scale(axis, _tried(report, axis.name)) for axis in report.axes), Numbers(*limits)]
        colors, few = colormaps["viridis"], len(report.trials) <= _FEW

        def good(value: float) -> float:
            share = (clipped(value, limits) - limits[0]) / (limits[1] - limits[0])
            return share if report.maximize else 1 - share

        shown = [one for one in report.trials if one.number in worth and one.number != report.best]
        ranked = sorted(shown, key=lambda one: good(worth[one.number]))
        looks = [(colors(good(worth[one.number])), 1.2 if few else 0.6) for one in ranked]
        others = [one for one in report.trials if one.number not in worth]
        best = [one for one in report.trials if one.number == report.best]
        lines = [
            *((one, GREY, 0.5) for one in others),
            *((one, color, thick) for one, (color, thick) in zip(ranked, looks, strict=True)),
            *((one, ORANGE, 2.4) for one in best),
        ]
        drawn = [
            (segment, color, thick)
            for one, color, thick in lines
            for segment in _segments(_places(report, scales, one))
        ]
        if drawn:
            segments, shades, widths = zip(*drawn, strict=True)
            axes.add_collection(LineCollection(segments, colors=shades, linewidths=widths, alpha=0.9 if few else 0.7))
        backed = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.8}
        for index, upright in enumerate(scales):
            axes.axvline(index, color="0.3", linewidth=0.8, zorder=3)
            for place, label in upright.ticks():
                axes.text(index - 0.02, place, label, ha="right", va="center", fontsize=8, zorder=4, bbox=backed)
        names = [*(plain(axis.name, 18) for axis in report.axes), metric]
        axes.set_xticks(range(len(scales)), names)
        axes.set_yticks([])
        axes.set_xlim(-0.4, len(scales) - 0.9)
        axes.set_ylim(-0.03, 1.03)
        axes.spines[["left", "bottom"]].set_visible(False)
        if best:
            of_best = f"trial {best[0].number}, {metric} {worth[best[0].number]:.4g}"
            axes.set_xlabel(f"orange: the best, {of_best}; the brighter, the better", fontsize=9)


def _tried(report: ExperimentReport, name: str) -> list[str]:
    """Return the values of a parameter in all trials that have it."""
    return [one.parameters[name] for one in report.trials if name in one.parameters]


def _places(report: ExperimentReport, scales: list[Scale], trial: ReportedTrial) -> list[float | None]:
    """Return the height of a trial's line at each scale, from 0 to 1; None for a gap."""
    texts = [*(trial.parameters.get(axis.name) for axis in report.axes), trial.value]
    return [one.place(text, trial.number) for one, text in zip(scales, texts, strict=True)]


def _segments(places: list[float | None]) -> list[list[tuple[int, float]]]:
    """Return the segments of a line between neighbouring scales, without gaps."""
    return [
        [(index, left), (index + 1, right)]
        for index, (left, right) in enumerate(pairwise(places))
        if left is not None and right is not None
    ]
