"""Collects the curves of a watched object from the values in its status."""

from collections.abc import Mapping
from typing import Any

from epochal_api.text import printable

from epochal.client.kinds import EXPERIMENTS
from epochal.errors import EpochalError
from epochal.runs.figures import MAX_POINTS, Line, Panel, history_panels, monitored_metric
from epochal.runs.history import History, Point, thinned

_MAX_METRICS = 64


class Curves:
    """The metrics of a TrainingJob after each epoch, or the best value of an Experiment after each ended trial.

    Args:
        name: Name of the object.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._points: dict[str, dict[int, float]] = {}
        self._found: Mapping[str, Any] = {}

    def add(self, found: Mapping[str, Any]) -> None:
        """Add the current values from the status of the object."""
        self._found = found
        status = found.get("status") or {}
        number: Any
        values: Mapping[str, Any]
        if found.get("kind") == EXPERIMENTS.name:
            trials, best = status.get("trials") or {}, status.get("best") or {}
            number = sum(count for key in ("complete", "failed") if isinstance(count := trials.get(key), int))
            values = {"best": best.get("value")}
        else:
            number, values = (status.get("progress") or {}).get("epoch"), status.get("metrics") or {}
        if not isinstance(number, int) or number < 1:
            return
        for name, value in [*values.items()][:_MAX_METRICS]:
            try:
                self._points.setdefault(printable(str(name)[:128], instead=" "), {})[number] = float(value)
            except (TypeError, ValueError):
                continue

    def panels(self) -> list[Panel]:
        """Return the panels for a plot; none before the second point.

        A TrainingJob has a panel for the loss and for the monitored metric, an Experiment one for the best value.
        """
        curves = {name: [Point(*each) for each in sorted(values.items())] for name, values in self._points.items()}
        finite = {
            name: [point for point in points if abs(point.value) < float("inf")] for name, points in curves.items()
        }
        longest = max(map(len, finite.values()), default=0)
        if longest <= 1:
            return []
        if self._found.get("kind") == EXPERIMENTS.name:
            metric = ((self._found.get("spec") or {}).get("objective") or {}).get("metric") or "value"
            line = Line("best so far", thinned(finite["best"], MAX_POINTS))
            return [Panel(f"{self._name}: {printable(str(metric)[:128], instead=' ')}", "ended trials", [line])]
        try:
            history = History(finite, longest, 0)
            return history_panels({self._name: history}, [], monitored_metric(self._found))
        except EpochalError:  # no finite value of the default metrics
            return []
