"""How many trials are suggested at once: fewer where that takes too long, and more again once it does not."""

from epochal_operator.experiment.observed import BATCH
from epochal_operator.experiment.search.child import SECONDS
from epochal_operator.runtime.resource import Key

QUICK_SECONDS = SECONDS / 4
"""An answer that comes within this leaves time for twice as many."""


class Batches:
    """How many trials of each Experiment may be suggested at once.

    It is remembered of those alone of which suggestions took too long.
    """

    def __init__(self) -> None:
        self._most: dict[Key, int] = {}

    def of(self, key: Key) -> int:
        """Returns how many trials may be suggested at once.

        Args:
            key: Namespace and name of their Experiment.
        """
        return self._most.get(key, BATCH)

    def too_slow(self, key: Key, asked: int) -> bool:
        """Takes note that suggestions took too long; returns whether fewer can be asked for.

        Args:
            key: Namespace and name of their Experiment.
            asked: How many were asked for; none, if it was another question.
        """
        if asked:
            self._most[key] = max(1, asked // 2)
        return asked > 1

    def answered(self, key: Key, asked: int, seconds: float) -> None:
        """Takes note that suggestions came in time.

        Args:
            key: Namespace and name of their Experiment.
            asked: How many were asked for.
            seconds: How long it took.
        """
        most = self._most.get(key)
        if most is None or asked < most or seconds > QUICK_SECONDS:
            return
        if most * 2 < BATCH:
            self._most[key] = most * 2
        else:
            del self._most[key]

    def forget(self, key: Key) -> None:
        """Forgets an Experiment that is gone.

        Args:
            key: Its namespace and name.
        """
        self._most.pop(key, None)
