"""What a trainer waits for, in all its buckets and threads together."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from epochal_api.report import Waiting

from epochal_trainer.lib.failures import Failure
from epochal_trainer.lib.text import duration

log = logging.getLogger(__name__)

LONGEST_MESSAGE = 4096


class Waits:
    """Knows who waits for a storage: says so when the first one begins, and when the last one goes on.

    Args:
        tell: Takes what is waited for, or None once the storage has answered. Called from any thread.
    """

    def __init__(self, tell: Callable[[Waiting | None], None] = lambda _: None) -> None:
        self._tell = tell
        self._told: Waiting | None = None
        self._waiting: dict[object, Waiting] = {}
        self._answered = threading.Condition()
        self._began = 0.0

    def begin(self, who: object, failure: Failure, seconds: float) -> None:
        """Tells that someone waits, or waits for something else now.

        Args:
            who: Who waits.
            failure: What would be the end of it if it were not waited for.
            seconds: How long it has been waited for.
        """
        with self._answered:
            if not self._waiting:
                self._began = time.monotonic() - seconds
                log.warning("The storage is waited for: %s", failure.message)
            before = self._waiting.get(who)
            since = before.since if before else datetime.now(UTC) - timedelta(seconds=seconds)
            message = failure.message[:LONGEST_MESSAGE]
            self._waiting[who] = Waiting(reason=failure.reason, message=message, since=since)
            self._publish()

    def end(self, who: object, *, answered: bool) -> None:
        """Tells that someone waits no more.

        Args:
            who: Who waited.
            answered: Whether the storage has answered. Then the others try again at once.
        """
        with self._answered:
            if self._waiting.pop(who, None) is not None and answered:
                self._answered.notify_all()
            if self._told is None or not (answered or self._waiting):
                return  # Who gives up has no answer: what was told holds until somebody has one.
            if not self._waiting:
                log.info("The storage answers again, after %s: it goes on.", duration(time.monotonic() - self._began))
            self._publish()

    def pause(self, seconds: float) -> bool:
        """Waits for some seconds, or until someone has got an answer.

        Returns:
            Whether someone has.
        """
        with self._answered:
            return self._answered.wait(seconds)

    def _publish(self) -> None:
        now = min(self._waiting.values(), key=lambda waiting: waiting.since, default=None)
        if now != self._told:
            self._told = now
            self._tell(now)
