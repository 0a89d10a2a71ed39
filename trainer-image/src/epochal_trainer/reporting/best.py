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
        metric: Name of the metric in an epoch's metrics.
        mode: Min if the lowest value is the best, Max if the highest value is the best.
    """

    metric: str
    mode: Mode = "Min"

    def is_better(self, value: float, other: float) -> bool:
        """Return whether `value` is better than `other`."""
        return value < other if self.mode == "Min" else value > other


def find_best_epoch(epochs: Sequence[Epoch], monitor: Monitor, *, only_eligible: bool = True) -> BestEpoch | None:
    """Return the epoch with the best finite value of the monitored metric, or None if no epoch has a finite value.

    Of several equally good epochs, return the first. By default, only eligible epochs are compared: see `Epoch`. Other
    epochs have no stored weights, or a value that is not comparable.
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
