"""The last values of the monitored metric of each run, as long as Studio has seen them."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field

from epochal_studio.wire import MAX_SPARKLINE, MetricValue

MAX_RUNS = 20_000


@dataclass
class _Values:
    name: str
    epoch: int | None = None
    values: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_SPARKLINE))


class Sparklines:
    """The last values of runs, by their UID. The run seen longest ago is forgotten first.

    The UID comes from an object that the user may read, and these values were in the status of that same object.

    Args:
        max_runs: Number of runs that are remembered.
    """

    def __init__(self, max_runs: int = MAX_RUNS) -> None:
        self._max_runs = max_runs
        self._runs: OrderedDict[str, _Values] = OrderedDict()

    def __len__(self) -> int:
        return len(self._runs)

    def remember(self, uid: str, epoch: int | None, metric: MetricValue | None) -> list[float]:
        """Remember the value of a run after an epoch, and return its values, oldest first.

        Args:
            uid: UID of the run.
            epoch: Number of finished epochs; None for an Experiment, which has none.
            metric: The metric that is monitored; None before its first value.
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
    """Return whether a run has started again from an earlier epoch."""
    return epoch is not None and last is not None and epoch < last
