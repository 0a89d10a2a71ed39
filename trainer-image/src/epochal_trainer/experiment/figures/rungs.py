"""A figure of the trials' learning curves, coloured by the last rung of each trial."""

from pathlib import Path

from epochal_api.experiment.report import ExperimentReport
from matplotlib import colormaps
from matplotlib.ticker import MaxNLocator

from epochal_trainer.experiment.figures.canvas import ORANGE, canvas, legend, plain, say
from epochal_trainer.experiment.histories import Histories
from epochal_trainer.experiment.values import clipped, view

_FEW = 50
"""Maximum number of curves that are drawn with a thick line."""
_MOST_MARKS = 12
"""Maximum number of rungs whose last epoch is marked."""


def draw(report: ExperimentReport, histories: Histories, path: Path) -> None:
    """Draw a curve for each trial with a history.

    Args:
        report: The Experiment.
        histories: The histories of the trials.
        path: PNG file to write.
    """
    metric = plain(report.metric)
    shown = len(histories.points) + len(histories.missing)
    some = f", the {shown:,} trials of {shown + histories.left_out:,} that came furthest" if histories.left_out else ""
    rungs = {trial.number: len(trial.rungs) for trial in report.trials}
    curves = {one: points for one, points in histories.points.items() if points}
    with canvas(report, f"{metric} by epoch{some}", path) as (figure, axes):
        if not curves:
            say(axes, f"no trial has a {metric} by epoch yet")
            return
        limits = view([value for points in curves.values() for _, value in points], maximize=report.maximize)
        levels = sorted({rungs[one] for one in curves})
        colors = colormaps["viridis"]
        thin = len(curves) > _FEW
        for index, level in enumerate(levels):
            color = colors(0.85 * (1 - index / max(1, len(levels) - 1)))
            label: str | None = f"up to rung {level - 1}: {sum(rungs[one] == level for one in curves)}"
            for one, points in curves.items():
                if rungs[one] != level or one == report.best:
                    continue
                epochs, values = zip(*((epoch, clipped(value, limits)) for epoch, value in points), strict=True)
                marker = "o" if len(points) == 1 else ""
                width, alpha = (0.7, 0.6) if thin else (1.2, 0.9)
                axes.plot(
                    epochs,
                    values,
                    color=color,
                    linewidth=width,
                    alpha=alpha,
                    marker=marker,
                    markersize=3,
                    label=label,
                    zorder=1 + index,
                )
                label = None
        if report.best in curves:
            epochs, values = zip(
                *((epoch, clipped(value, limits)) for epoch, value in curves[report.best]), strict=True
            )
            label = f"best: trial {report.best}"
            axes.plot(epochs, values, color=ORANGE, linewidth=2, marker="o", markersize=4, label=label, zorder=99)
        ends = sorted({rung.epoch for trial in report.trials for rung in trial.rungs})
        for end in ends if len(ends) <= _MOST_MARKS else ():
            axes.axvline(end, color="0.8", linewidth=0.8, linestyle=":", zorder=0)
        axes.set_ylim(*limits)
        axes.set_xlabel("epoch")
        axes.set_ylabel(metric)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(visible=True, color="0.94")
        legend(figure)
