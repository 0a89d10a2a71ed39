"""Choice of the best epoch by the monitored metric."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

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


class RunningBest:
    """The best eligible epoch so far, compared in constant time for each new epoch.

    Of several equally good epochs, the first is the best. Epochs without a finite value of the monitored metric are
    never the best. Epochs that are not eligible are never the best either, since they have no stored weights, or a
    value that is not comparable: see `Epoch`.

    Args:
        monitor: The monitored metric, which ranks the epochs.
        epochs: The epochs so far.

    Attributes:
        best: The best epoch; None without an eligible epoch with a finite value.
    """

    def __init__(self, monitor: Monitor, epochs: Iterable[Epoch] = ()) -> None:
        self.best: BestEpoch | None = None
        self._monitor = monitor
        for epoch in epochs:
            self.add(epoch)

    def add(self, epoch: Epoch) -> bool:
        """Compare the next epoch with the best epoch so far; return whether it is the new best epoch."""
        value = epoch.metrics.get(self._monitor.metric, math.nan)
        if not epoch.eligible or not math.isfinite(value):
            return False
        if self.best is not None and not self._monitor.is_better(value, self.best.value):
            return False
        name = reported_name(self._monitor.metric) or "?"
        self.best = BestEpoch(epoch=epoch.number, metric=name, mode=self._monitor.mode, value=value)
        return True


def find_best_epoch(epochs: Iterable[Epoch], monitor: Monitor, *, only_eligible: bool = True) -> BestEpoch | None:
    """Return the best epoch by the rules of `RunningBest`, or None; by default, only eligible epochs are compared."""
    return RunningBest(monitor, epochs if only_eligible else (replace(epoch, eligible=True) for epoch in epochs)).best
