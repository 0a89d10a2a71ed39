"""Choice of the best epoch by the monitored metric."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from epochal_api.trainingjob.report import BestEpoch
from epochal_api.trainingjob.status import Mode

from epochal_trainer.reporting.history import Epoch, reported_name


@dataclass(frozen=True)
class Monitor:
    """The monitored metric, which ranks the epochs.

    Args:
        metric: Its name among the metrics of an epoch.
        mode: Whether the lowest value is the best (Min), or the highest (Max).
    """

    metric: str
    mode: Mode = "Min"

    def is_better(self, value: float, other: float) -> bool:
        """Return whether one value is better than another."""
        return value < other if self.mode == "Min" else value > other


def find_best_epoch(epochs: Sequence[Epoch], monitor: Monitor, *, only_eligible: bool = True) -> BestEpoch | None:
    """Return the best epoch, or the first of several equally good epochs.

    Eligible epochs are those of this training, with the current loss, since the best weights were last lost. The other
    epochs have no weights, or no comparable value.
    """
    sign = 1.0 if monitor.mode == "Min" else -1.0
    eligible = (epoch for epoch in epochs if epoch.eligible or not only_eligible)
    candidates = [epoch for epoch in eligible if math.isfinite(epoch.metrics.get(monitor.metric, math.nan))]
    if not candidates:
        return None
    found = min(candidates, key=lambda epoch: sign * epoch.metrics[monitor.metric])
    value = found.metrics[monitor.metric]
    name = reported_name(monitor.metric) or "?"
    return BestEpoch(epoch=found.number, metric=name, mode=monitor.mode, value=value)
