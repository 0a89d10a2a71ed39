"""The present waits for a storage, across all buckets and threads of a trainer."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from epochal_api.report import Waiting

from epochal_trainer.lib.failures import Failure
from epochal_trainer.lib.text import duration

log = logging.getLogger(__name__)

LONGEST_MESSAGE = 4096


class _Wait(NamedTuple):
    began: float
    """Seconds of the monotonic clock: the wall clock may jump during an outage."""
    failure: Failure


class Waits:
    """The callers that wait for a storage. The start of the first wait and the end of the last are logged and reported.

    All reports of an outage have the start of its first wait: the operator emits an Event for each other start.

    Args:
        tell: Receives the longest present wait, or None once the storage has answered. Any thread may call it.
    """

    def __init__(self, tell: Callable[[Waiting | None], None] = lambda _: None) -> None:
        self._tell = tell
        self._told: Waiting | None = None
        self._waiting: dict[object, _Wait] = {}
        self._answered = threading.Condition()
        self._began = 0.0
        self._since = datetime.now(UTC)

    def begin(self, who: object, failure: Failure, seconds: float) -> None:
        """Record that a caller waits, or waits with another failure now.

        Args:
            who: The caller.
            failure: The failure that ends the call if it stops waiting.
            seconds: Seconds for which the caller has waited.
        """
        with self._answered:
            began = time.monotonic() - seconds
            if self._told is None:
                self._began, self._since = began, datetime.now(UTC) - timedelta(seconds=seconds)
                log.warning("The storage is waited for: %s", failure.message)
            before = self._waiting.get(who)
            self._waiting[who] = _Wait(before.began if before else began, failure)
            self._publish()

    def end(self, who: object, *, answered: bool) -> None:
        """Record that a caller no longer waits.

        Args:
            who: The caller.
            answered: Whether the storage has answered. Then all other callers retry at once.
        """
        with self._answered:
            if self._waiting.pop(who, None) is not None and answered:
                self._answered.notify_all()
            if self._told is None or not (answered or self._waiting):
                return  # This caller gave up without an answer: the reported wait stays until the storage answers.
            if not self._waiting:
                log.info("The storage answers again, after %s: it goes on.", duration(time.monotonic() - self._began))
            self._publish()

    def pause(self, seconds: float) -> bool:
        """Wait for some seconds, or until the storage answers another caller.

        Returns:
            Whether the storage has answered another caller.
        """
        with self._answered:
            return self._answered.wait(seconds)

    def _publish(self) -> None:
        longest = min(self._waiting.values(), key=lambda wait: wait.began, default=None)
        now = longest and Waiting(
            reason=longest.failure.reason, message=longest.failure.message[:LONGEST_MESSAGE], since=self._since
        )
        if now != self._told:
            self._told = now
            self._tell(now)
