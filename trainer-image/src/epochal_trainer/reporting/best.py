"""Which epoch is the best."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from epochal_api.report import BestEpoch
from epochal_api.status import Mode

from epochal_trainer.reporting.history import Epoch, reported_name


@dataclass(frozen=True)
class Monitor:
    """The figure that tells which epoch is the best.

    Args:
        metric: Its name among an epoch's figures.
        mode: Whether the lowest is the best, or the highest.
    """

    metric: str
    mode: Mode = "Min"

    def better(self, one: float, other: float) -> bool:
        """Whether one value is better than another."""
        return one < other if self.mode == "Min" else one > other


def best(epochs: Sequence[Epoch], monitor: Monitor) -> BestEpoch | None:
    """Returns the best epoch, of several alike the first.

    Only a training's own epochs count, none of another loss, and none from before the best weights were lost: of all
    others there are no weights, or no measure.

    Args:
        epochs: The epochs.
        monitor: What tells the best.
    """
    sign = 1.0 if monitor.mode == "Min" else -1.0
    own = (epoch for epoch in epochs if epoch.comparable)
    candidates = [epoch for epoch in own if math.isfinite(epoch.metrics.get(monitor.metric, math.nan))]
    if not candidates:
        return None
    found = min(candidates, key=lambda epoch: sign * epoch.metrics[monitor.metric])
    value = found.metrics[monitor.metric]
    name = reported_name(monitor.metric) or "?"
    return BestEpoch(epoch=found.number, metric=name, mode=monitor.mode, value=value)
