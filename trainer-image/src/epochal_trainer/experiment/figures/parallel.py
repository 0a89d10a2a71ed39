"""A parallel coordinates figure: each trial is a line through the values of its parameters to its objective."""

from itertools import pairwise
from pathlib import Path

from epochal_api.experiment_report import ExperimentReport, ReportedTrial
from matplotlib import colormaps
from matplotlib.collections import LineCollection

from epochal_trainer.experiment.figures.canvas import GREY, ORANGE, WIDTH, canvas, left_out, plain, save, say
from epochal_trainer.experiment.figures.scales import Numbers, Scale, scale
from epochal_trainer.experiment.values import clipped, number, view

_INCHES = 1.9
"""Distance between two scales in inches."""
_WIDEST = 26.0
_FEW = 50
"""Maximum number of trials that are drawn with a thick line."""


def draw(report: ExperimentReport, path: Path) -> None:
    """Draw a line for each trial. The line has a gap at a parameter that the trial does not have.

    Args:
        report: The Experiment.
        path: PNG file to write.
    """
    metric = plain(report.metric)
    width = min(_WIDEST, max(WIDTH, _INCHES * (len(report.axes) + 1)))
    figure, axes = canvas(report, f"parameters and {metric}{left_out(report)}", width=width)
    worth = {one.number: value for one in report.trials if (value := number(one.value)) is not None}
    if not report.axes or not worth:
        say(axes, f"no trial has a {metric} yet" if report.axes else "no parameters are searched")
        save(figure, path)
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
        (segment, color, thick) for one, color, thick in lines for segment in _segments(_places(report, scales, one))
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
        told = (
            f"orange: the best, trial {best[0].number}, {metric} {worth[best[0].number]:.4g}; the brighter, the better"
        )
        axes.set_xlabel(told, fontsize=9)
    save(figure, path)


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
