"""A plot of the objective's value by trial number, with a line of the best value so far."""

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
    escape,
    legend,
    omitted_label,
    show_message,
)
from epochal_trainer.experiment.figures.outside import is_outside, label_outside, mark_outside
from epochal_trainer.experiment.values import number, visible_range

_STATES = {
    "Complete": ("trained to the end", BLUE, "o"),
    "Paused": ("stopped early", "#9cc3e5", "o"),
    "Running": ("in training", GREEN, "^"),
    "Failed": ("failed later", RED, "x"),
    "Diverged": ("diverged later", RED, "+"),
}
_MAX_THICK = 100
"""Maximum number of trials with large marks. More trials get small marks."""


def draw(report: ExperimentReport, path: Path) -> None:
    """Draw the value of each trial, coloured by its state, failed trials without a value, and the best value so far."""
    metric = escape(report.metric)
    with canvas(report, f"{metric} by trial{omitted_label(report)}", path) as (figure, axes):
        values = {trial.number: value for trial in report.trials if (value := number(trial.value)) is not None}
        if not values:
            show_message(axes, f"no trial has a {metric} yet")
            return
        limits = visible_range(list(values.values()), maximize=report.maximize)
        size = 34 if len(report.trials) <= _MAX_THICK else 14
        for state, (label, color, marker) in _STATES.items():
            numbers = [trial.number for trial in report.trials if trial.state == state and trial.number in values]
            if numbers:
                points = [(trial, values[trial]) for trial in numbers]
                inside = [point for point in points if not is_outside(point[1], limits)]
                xs, ys = [trial for trial, _ in inside], [value for _, value in inside]
                axes.scatter(xs, ys, s=size, color=color, marker=marker, label=f"{label}: {len(numbers)}")
                mark_outside(axes, points, limits, color=color, zorder=2)
        failed = [trial.number for trial in report.trials if trial.state in {"Failed", "Diverged"}]
        if without_value := [number for number in failed if number not in values]:
            bottom, transform = [0.015] * len(without_value), axes.get_xaxis_transform()
            label = f"failed, or diverged: {len(without_value)}"
            axes.scatter(without_value, bottom, s=size, color=RED, marker="x", transform=transform, label=label)
        if 0 in values and not is_outside(values[0], limits):
            axes.axhline(values[0], color=GREY, linewidth=1, linestyle="--", label="trial 0, the template")
        best = list(accumulate(values.values(), max if report.maximize else min))
        last = max(trial.number for trial in report.trials)
        axes.step([*values, last], [*best, best[-1]], where="post", color=ORANGE, linewidth=1.4, label="best so far")
        if report.best in values:
            label = f"best: trial {report.best}, {values[report.best]:.4g}"
            axes.scatter([report.best], [values[report.best]], s=150, color=ORANGE, marker="*", label=label, zorder=3)
        label_outside(axes, list(values.values()), limits)
        axes.set_ylim(*limits)
        axes.set_xlabel("trial")
        axes.set_ylabel(metric)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(visible=True, color="0.92")
        legend(figure)
