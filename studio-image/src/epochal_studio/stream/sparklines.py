"""Remembers the last values of each run's monitored metric that Studio has seen since its start."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field

from epochal_studio.wire.runs import MAX_SPARKLINE, MetricValue

MAX_RUNS = 20_000


@dataclass
class _Values:
    name: str
    epoch: int | None = None
    values: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_SPARKLINE))


class Sparklines:
    """The last values of the monitored metric for each run, by UID. The least recently updated run is removed first.

    All users share these values. A user can only request a UID from an object that the user may read, and the values
    are from the status of the same object.

    Args:
        max_runs: Maximum number of runs in memory.
    """

    def __init__(self, max_runs: int = MAX_RUNS) -> None:
        self._max_runs = max_runs
        self._runs: OrderedDict[str, _Values] = OrderedDict()

    def __len__(self) -> int:
        return len(self._runs)

    def remember(self, uid: str, epoch: int | None, metric: MetricValue | None) -> list[float]:
        """Store the current value of a run's metric, and return all its values, oldest first.

        A value of the same epoch replaces the last value. A lower epoch or another metric clears the earlier values.

        Args:
            uid: UID of the run.
            epoch: Number of finished epochs; None for an Experiment.
            metric: The monitored metric; None before its first value.
        """
        if not uid or metric is None or metric.value is None:
            return list(self._runs[uid].values) if uid in self._runs else []
        run = self._runs.get(uid)
        if run is None or run.name != metric.name or _is_earlier(epoch, run.epoch):
            run = self._runs[uid] = _Values(metric.name)
        self._runs.move_to_end(uid)
        while len(self._runs) > self._max_runs:
            self._runs.popitem(last=False)
        if not run.values or epoch != run.epoch or (epoch is None and run.values[-1] != metric.value):
            run.values.append(metric.value)
        else:
            run.values[-1] = metric.value
        run.epoch = epoch
        return list(run.values)


def _is_earlier(epoch: int | None, last: int | None) -> bool:
    """Return whether the epoch is lower than the last epoch, because the run has started again."""
    return epoch is not None and last is not None and epoch < last
