"""A plot of the trials' learning curves, coloured by the last finished rung of each trial."""

from pathlib import Path
from typing import Any

from epochal_api.experiment.report import ExperimentReport
from matplotlib import colormaps
from matplotlib.ticker import MaxNLocator

from epochal_trainer.experiment.figures.canvas import ORANGE, canvas, escape, legend, show_message
from epochal_trainer.experiment.figures.outside import label_outside, mark_outside
from epochal_trainer.experiment.histories import Histories
from epochal_trainer.experiment.values import visible_range

_MAX_THICK = 50
"""Maximum number of curves with thick lines. More curves get thin lines."""
_MARK = 24.0
"""Area in square points of a triangle for values outside the axis, in trials of the lowest rung."""
_MAX_MARKS = 12
"""Maximum number of different last epochs of rungs for which vertical lines are drawn. With more, no line is drawn."""


def draw(report: ExperimentReport, histories: Histories, path: Path) -> None:
    """Draw the metric by epoch for each trial with a history, coloured by its highest rung; the best is orange."""
    metric = escape(report.metric)
    shown = len(histories.points) + len(histories.missing)
    some = f", the {shown:,} of {shown + histories.omitted:,} trials with most epochs" if histories.omitted else ""
    rungs = {trial.number: len(trial.rungs) for trial in report.trials}
    curves = {trial: points for trial, points in histories.points.items() if points}
    with canvas(report, f"{metric} by epoch{some}", path) as (figure, axes):
        if not curves:
            show_message(axes, f"no trial has a {metric} by epoch yet")
            return
        values = [value for points in curves.values() for _, value in points]
        limits = visible_range(values, maximize=report.maximize)
        levels = sorted({rungs[trial] for trial in curves})
        colors = colormaps["viridis"]
        style: dict[str, Any] = {"linewidth": 1.2, "alpha": 0.9}
        if len(curves) > _MAX_THICK:
            style = {"linewidth": 0.7, "alpha": 0.6}
        for index, level in enumerate(levels):
            color = colors(0.85 * (1 - index / max(1, len(levels) - 1)))
            label: str | None = f"up to rung {level - 1}: {sum(rungs[trial] == level for trial in curves)}"
            for trial, points in curves.items():
                if rungs[trial] != level or trial == report.best:
                    continue
                marker = "o" if len(points) == 1 else ""
                axes.plot(
                    *zip(*points, strict=True),
                    color=color,
                    marker=marker,
                    markersize=3,
                    label=label,
                    zorder=1 + index,
                    **style,
                )
                label = None
            same = [point for trial, points in curves.items() if rungs[trial] == level for point in points]
            # Marks of lower rungs are smaller and in front, so that each mark at an epoch is visible.
            mark_outside(axes, same, limits, color=color, zorder=98 - index, size=_MARK * (1 + index))
        if (best := curves.get(report.best) if report.best is not None else None) is not None:
            label = f"best: trial {report.best}"
            axes.plot(
                *zip(*best, strict=True), color=ORANGE, linewidth=2, marker="o", markersize=4, label=label, zorder=99
            )
            mark_outside(axes, best, limits, color=ORANGE, zorder=100)
        label_outside(axes, values, limits)
        ends = sorted({rung.epoch for trial in report.trials for rung in trial.rungs})
        for end in ends if len(ends) <= _MAX_MARKS else ():
            axes.axvline(end, color="0.8", linewidth=0.8, linestyle=":", zorder=0)
        axes.set_ylim(*limits)
        axes.set_xlabel("epoch")
        axes.set_ylabel(metric)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(visible=True, color="0.94")
        legend(figure)
