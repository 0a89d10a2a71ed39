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

from epochal_trainer.experiment.figures.canvas import GREY, ORANGE, WIDTH, canvas, escape, omitted_label, show_message
from epochal_trainer.experiment.figures.outside import ABOVE, BELOW, mark_outside, outside_labels
from epochal_trainer.experiment.values import clip, number, visible_range

_INCHES = 1.9
"""Distance between two scales in inches."""
_MAX_WIDTH = 26.0
_MAX_THICK = 50
"""Maximum number of trials with thick lines. More trials get thin lines."""
_TICKS = 5
_MAX_NAMES = 16
"""Maximum number of labelled names on a scale. With more names, only every second, third, … name has a label."""
_DECADES = 2
_NOT_SET = "not set"
"""Label of the tick for trials that do not set the parameter: its condition (`when`) is false, or in trial 0 the
template has several values for it."""
_SYMBOLS = {BELOW: "▼", ABOVE: "▲"}
_FLOOR = 0.14
"""Height of the lowest number on a scale that has the tick _NOT_SET at height 0."""


@dataclass(frozen=True)
class NumberScale:
    """The vertical scale of a numeric parameter. `optional`: some trials do not set the parameter."""

    low: float
    high: float
    log: bool = False
    optional: bool = False

    def height_of(self, text: str | None) -> float | None:
        """Return the height of a value, limited to the ends of the scale; None if the text is no number on the scale.

        For None, a parameter that is not set, return the height 0 if the scale is optional, else None.
        """
        if text is None:
            return 0.0 if self.optional else None
        value = number(text)
        if value is None or (self.log and value <= 0):
            return None
        return self._height_of(clip(value, (self.low, self.high)))

    def ticks(self) -> list[tuple[float, str]]:
        """Return the ticks as pairs of height and label."""
        not_set = [(0.0, _NOT_SET)] if self.optional else []
        return [*not_set, *((self._height_of(value), f"{value:.4g}") for value in self._values())]

    def _height_of(self, value: float) -> float:
        if self.low == self.high:
            share = 0.5
        elif self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return _FLOOR + (1 - _FLOOR) * share if self.optional else share

    def _values(self) -> list[float]:
        if self.low == self.high:
            return [self.low]
        if not self.log:
            found = MaxNLocator(_TICKS).tick_values(self.low, self.high)
            return [float(value) for value in found if self.low <= value <= self.high]
        first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        if last - first + 1 >= _DECADES:
            step = max(1, math.ceil((last - first) / _TICKS))
            return [clip(10.0**power, (self.low, self.high)) for power in range(first, last + 1, step)]
        steps = _TICKS - 1
        return [self.low * (self.high / self.low) ** (index / steps) for index in range(_TICKS)]


@dataclass(frozen=True)
class NameScale:
    """The vertical scale of a parameter with a list of values. `optional`: some trials do not set the parameter."""

    names: tuple[str, ...]
    optional: bool = False

    def height_of(self, text: str | None) -> float | None:
        """Return the height of a listed value, or None if it is not on the scale.

        For None, a parameter that is not set, return the lowest height if the scale is optional, else None.
        """
        if text is None:
            return self._height_of(-1) if self.optional else None
        return self._height_of(self.names.index(text)) if text in self.names else None

    def ticks(self) -> list[tuple[float, str]]:
        """Return the ticks as pairs of height and label."""
        step = math.ceil(len(self.names) / _MAX_NAMES)
        not_set = [(self._height_of(-1), _NOT_SET)] if self.optional else []
        names = [
            (self._height_of(index), escape(name, 18)) for index, name in enumerate(self.names) if not index % step
        ]
        return [*not_set, *names]

    def _height_of(self, index: int) -> float:
        return (index + 0.5 + self.optional) / (len(self.names) + self.optional)


Scale = NumberScale | NameScale


def scale(axis: ReportedParameter, values: Sequence[str], *, optional: bool = False) -> Scale:
    """Return the scale of a parameter.

    Args:
        axis: The parameter.
        values: The parameter's values in the trials.
        optional: Whether some trials do not set the parameter.
    """
    if axis.values is not None:
        return NameScale(tuple(dict.fromkeys((*axis.values, *values))), optional)
    numbers = [value for text in values if (value := number(text)) is not None]
    log = axis.log and all(value > 0 for value in numbers)
    return NumberScale(min(numbers, default=0.0), max(numbers, default=0.0), log, optional)


def draw(report: ExperimentReport, path: Path) -> None:
    """Draw a line for each trial: coloured by its objective, the best trial orange, trials without a value grey."""
    metric = escape(report.metric)
    width = min(_MAX_WIDTH, max(WIDTH, _INCHES * (len(report.axes) + 1)))
    values = {trial.number: value for trial in report.trials if (value := number(trial.value)) is not None}
    with canvas(report, f"parameters and {metric}{omitted_label(report)}", path, width=width) as (_, axes):
        if not report.axes or not values:
            show_message(axes, f"no trial has a {metric} yet" if report.axes else "no parameters are searched")
            return
        limits = visible_range(list(values.values()), maximize=report.maximize)
        scales: list[Scale] = [*(_scale_in(report, axis) for axis in report.axes), NumberScale(*limits)]
        colors, is_few = colormaps["viridis"], len(report.trials) <= _MAX_THICK

        def quality(value: float) -> float:
            share = (clip(value, limits) - limits[0]) / (limits[1] - limits[0])
            return share if report.maximize else 1 - share

        shown = [trial for trial in report.trials if trial.number in values and trial.number != report.best]
        ranked = sorted(shown, key=lambda trial: quality(values[trial.number]))
        styles = [(colors(quality(values[trial.number])), 1.2 if is_few else 0.6) for trial in ranked]
        without_value = [trial for trial in report.trials if trial.number not in values]
        best = [trial for trial in report.trials if trial.number == report.best]
        lines = [
            *((trial, GREY, 0.5) for trial in without_value),
            *((trial, color, thick) for trial, (color, thick) in zip(ranked, styles, strict=True)),
            *((trial, ORANGE, 2.4) for trial in best),
        ]
        drawn = [
            (segment, color, thick)
            for trial, color, thick in lines
            for segment in _segments(_heights(report, scales, trial))
        ]
        if drawn:
            segments, shades, widths = zip(*drawn, strict=True)
            axes.add_collection(
                LineCollection(segments, colors=shades, linewidths=widths, alpha=0.9 if is_few else 0.7)
            )
        backed = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.8}
        for index, upright in enumerate(scales):
            axes.axvline(index, color="0.3", linewidth=0.8, zorder=3)
            for height, label in upright.ticks():
                axes.text(index - 0.02, height, label, ha="right", va="center", fontsize=8, zorder=4, bbox=backed)
        heights = [(len(scales) - 1, (value - limits[0]) / (limits[1] - limits[0])) for value in values.values()]
        mark_outside(axes, heights, (0.0, 1.0), color=colors(0.0), zorder=5)  # only worse values are outside
        names = [*(escape(axis.name, 18) for axis in report.axes), metric]
        axes.set_xticks(range(len(scales)), names)
        axes.set_yticks([])
        axes.set_xlim(-0.4, len(scales) - 0.9)
        axes.set_ylim(-0.03, 1.03)
        axes.spines[["left", "bottom"]].set_visible(False)
        notes = [
            f"{_SYMBOLS[marker]} {label}" for marker, label in outside_labels(list(values.values()), limits).items()
        ]
        if best:
            of_best = f"trial {best[0].number}, {metric} {values[best[0].number]:.4g}"
            notes = [f"orange: the best, {of_best}", "the brighter, the better", *notes]
        axes.set_xlabel("; ".join(notes), fontsize=9)


def _scale_in(report: ExperimentReport, axis: ReportedParameter) -> Scale:
    """Return the scale of a parameter from its values in the trials of a report."""
    found = [trial.parameters[axis.name] for trial in report.trials if axis.name in trial.parameters]
    return scale(axis, found, optional=len(found) < len(report.trials))


def _heights(report: ExperimentReport, scales: list[Scale], trial: ReportedTrial) -> list[float | None]:
    """Return the height of a trial's line at each scale, from 0 to 1; None where the line has a gap."""
    texts = [*(trial.parameters.get(axis.name) for axis in report.axes), trial.value]
    return [scale.height_of(text) for scale, text in zip(scales, texts, strict=True)]


def _segments(heights: list[float | None]) -> list[list[tuple[int, float]]]:
    """Return the segments of a line between neighbouring scales. No segment touches a gap."""
    return [
        [(index, left), (index + 1, right)]
        for index, (left, right) in enumerate(pairwise(heights))
        if left is not None and right is not None
    ]
