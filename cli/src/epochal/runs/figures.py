"""Builds panels with lines from the metrics of runs. `text_plots` and `image_plots` draw the panels."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal.runs.history import Curve, History, Point, default_metrics, thinned

MAX_POINTS = 500
"""Maximum number of points of a line: more than the columns of any terminal."""
MAX_LINES = 20
"""Maximum number of lines in a panel. More lines are hard to distinguish."""


class Line(NamedTuple):
    """A line of a panel.

    Args:
        label: Name of the line in the legend.
        points: The points of the line.
        joined: Whether the points are connected. Otherwise they are drawn as dots.
    """

    label: str
    points: Curve
    joined: bool = True


class Panel(NamedTuple):
    """A diagram with lines over one horizontal axis, such as epochs."""

    title: str
    axis: str
    lines: Sequence[Line]


def history_panels(histories: Mapping[str, History], metrics: Sequence[str], monitored: str | None) -> list[Panel]:
    """Return a panel for each metric, with the curves of all runs as lines.

    A single run has a line for training and a line for validation. With several runs, each run has one line: the
    validation or, without a validation, the training.

    Args:
        histories: The histories by the names of their runs.
        metrics: The metrics, such as loss or val_loss; empty for `default_metrics`.
        monitored: The metric that decides the best epoch of the first run, if known.

    Raises:
        EpochalError: If a metric does not exist or has no finite value, or no run has finished an epoch.
    """
    known = list(dict.fromkeys(name for history in histories.values() for name in history.metrics))
    if not known:
        raise EpochalError(
            f"{', '.join(histories)}: no epoch is finished yet.",
            "The first point appears within 10 seconds after the first epoch.",
            exit_code=ExitCode.NOT_FOUND,
        )
    curves = [*known, "learning_rate", "seconds"]
    if unknown := [name for name in metrics if name not in curves and f"val_{name}" not in curves]:
        raise EpochalError(
            f"--metric: found {unknown[0][:128]!r}, expected one of {', '.join(known[:64])}.", exit_code=ExitCode.USAGE
        )
    chosen = metrics or default_metrics(known, monitored)
    panels = [Panel(metric, "epoch", _lines(histories, metric)[:MAX_LINES]) for metric in dict.fromkeys(chosen)]
    drawn = [panel for panel in panels if panel.lines]
    if not drawn:
        raise EpochalError(
            f"{', '.join(chosen)}: no epoch has a finite value.",
            "Look for NaN in the log: `epochal logs NAME`.",
            exit_code=ExitCode.NOT_FOUND,
        )
    return drawn


def trial_panel(name: str, rows: Sequence[Mapping[str, str]], metric: str, *, maximize: bool) -> Panel:
    """Return the panel of an Experiment: the value of each trial as a dot, and the best value so far as a line.

    Raises:
        EpochalError: If no trial has a value.
    """
    points: list[Point] = []
    for row in rows:
        try:
            points.append(Point(int(row["number"]), float(row["value"])))
        except (KeyError, ValueError):
            continue
    points = sorted(point for point in points if abs(point.value) < float("inf"))
    if not points:
        raise EpochalError(f"Experiment {name} has no trial with a value yet.", exit_code=ExitCode.NOT_FOUND)
    best, choose = [points[0]], max if maximize else min
    for point in points[1:]:
        best.append(Point(point.epoch, choose(best[-1].value, point.value)))
    lines = [Line("trial", thinned(points, MAX_POINTS), joined=False), Line("best so far", thinned(best, MAX_POINTS))]
    return Panel(f"{name}: {metric}", "trial", lines)


def monitored_metric(job: Mapping[str, Any]) -> str | None:
    """Return the metric that decides the best epoch, from the status of a TrainingJob; None before the first epoch."""
    metric = ((job.get("status") or {}).get("best") or {}).get("metric")
    return str(metric) if metric else None


def _lines(histories: Mapping[str, History], metric: str) -> list[Line]:
    lines = []
    for name, history in histories.items():
        both = [each for each in (metric, f"val_{metric}") if history.curves.get(each)]
        if len(histories) == 1:
            lines += [Line(each, thinned(history.curves[each], MAX_POINTS)) for each in both]
        elif both:
            label = name if both[-1] == metric else f"{name} {both[-1]}"
            lines.append(Line(label, thinned(history.curves[both[-1]], MAX_POINTS)))
    return lines
