"""The batch size of suggestions: smaller after slow requests, larger again after fast requests."""

from epochal_operator.experiment.observed import BATCH
from epochal_operator.experiment.search.child import SECONDS
from epochal_operator.runtime.api.resource import Key

QUICK_SECONDS = SECONDS / 4
"""The batch size doubles after a response within this time."""


class Batches:
    """The number of trials of each Experiment that one request to the searcher may cover.

    Only Experiments with slow requests have an entry; all others use `BATCH`.
    """

    def __init__(self) -> None:
        self._most: dict[Key, int] = {}

    def of(self, key: Key) -> int:
        """Return the number of trials that one request to the searcher may cover.

        Args:
            key: Namespace and name of the Experiment.
        """
        return self._most.get(key, BATCH)

    def too_slow(self, key: Key, asked: int) -> bool:
        """Halve the batch size after a request that took too long, and return whether a smaller request is possible.

        Args:
            key: Namespace and name of the Experiment.
            asked: The number of requested trials; 0 for a request without trials.
        """
        if asked:
            self._most[key] = max(1, asked // 2)
        return asked > 1

    def answered(self, key: Key, asked: int, seconds: float) -> None:
        """Double the batch size after a full request that was fast.

        Args:
            key: Namespace and name of the Experiment.
            asked: The number of requested trials.
            seconds: The duration of the request.
        """
        most = self._most.get(key)
        if most is None or asked < most or seconds > QUICK_SECONDS:
            return
        if most * 2 < BATCH:
            self._most[key] = most * 2
        else:
            del self._most[key]

    def forget(self, key: Key) -> None:
        """Forget the batch size of a deleted Experiment.

        Args:
            key: Namespace and name of the Experiment.
        """
        self._most.pop(key, None)
