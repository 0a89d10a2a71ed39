"""A figure of the objective by trial, with the best value so far."""

from itertools import accumulate
from pathlib import Path

from epochal_api.experiment.report import ExperimentReport
from matplotlib.ticker import MaxNLocator

from epochal_trainer.experiment.figures.canvas import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    canvas,
    left_out,
    legend,
    plain,
    say,
)
from epochal_trainer.experiment.values import clipped, number, view

_STATES = {
    "Complete": ("trained to the end", BLUE, "o"),
    "Paused": ("stopped early", "#9cc3e5", "o"),
    "Running": ("in training", GREEN, "^"),
    "Failed": ("failed later", RED, "x"),
    "Diverged": ("diverged later", RED, "+"),
}
_FEW = 100
"""Maximum number of trials that are drawn with a large mark."""


def draw(report: ExperimentReport, path: Path) -> None:
    """Draw the value of each trial, and the best value so far.

    Args:
        report: The Experiment.
        path: PNG file to write.
    """
    metric = plain(report.metric)
    with canvas(report, f"{metric} by trial{left_out(report)}", path) as (figure, axes):
        worth = {one.number: value for one in report.trials if (value := number(one.value)) is not None}
        if not worth:
            say(axes, f"no trial has a {metric} yet")
            return
        limits = view(list(worth.values()), maximize=report.maximize)
        size = 34 if len(report.trials) <= _FEW else 14
        for state, (label, color, marker) in _STATES.items():
            numbers = [one.number for one in report.trials if one.state == state and one.number in worth]
            if numbers:
                values = [clipped(worth[one], limits) for one in numbers]
                axes.scatter(numbers, values, s=size, color=color, marker=marker, label=f"{label}: {len(numbers)}")
        without = [
            one.number for one in report.trials if one.state in {"Failed", "Diverged"} and one.number not in worth
        ]
        if without:
            at = axes.get_xaxis_transform()
            label = f"failed, or diverged: {len(without)}"
            axes.scatter(without, [0.015] * len(without), s=size, color=RED, marker="x", transform=at, label=label)
        if 0 in worth:
            axes.axhline(
                clipped(worth[0], limits), color=GREY, linewidth=1, linestyle="--", label="trial 0, the template"
            )
        best = list(accumulate(worth.values(), max if report.maximize else min))
        last = max(one.number for one in report.trials)
        axes.step([*worth, last], [*best, best[-1]], where="post", color=ORANGE, linewidth=1.4, label="best so far")
        if report.best in worth:
            label = f"best: trial {report.best}, {worth[report.best]:.4g}"
            axes.scatter([report.best], [worth[report.best]], s=150, color=ORANGE, marker="*", label=label, zorder=3)
        axes.set_ylim(*limits)
        axes.set_xlabel("trial")
        axes.set_ylabel(metric)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(visible=True, color="0.92")
        legend(figure)
