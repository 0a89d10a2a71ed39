"""The retries of calls to a storage that does not answer. Only this module decides their number and pauses."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVar

from epochal_api.trainingjob.report import Waiting

from epochal_trainer.lib.failures import Failure
from epochal_trainer.lib.text import duration

log = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_DELAY = 0.5
LONGEST_DELAY = 15.0
JITTER = 0.3
"""Maximum share by which a pause is shortened at random, so that many trainers do not retry at the same time."""
FAILURE_REPORT_SECONDS = 1.0
"""Seconds of failures before a wait is reported."""
SILENT_SECONDS = 3.0
"""Seconds of the first request before a wait is reported: a request to an unreachable server can take half a minute to
fail."""
CHECK_SECONDS = 0.5
"""Maximum seconds between two checks for a reason to stop waiting."""
LONGEST_MESSAGE = 4096


class _WaitingCall(NamedTuple):
    began: float
    """Seconds of the monotonic clock: the wall clock may jump during an outage."""
    failure: Failure


class StorageWaits:
    """The callers that wait for a storage. The start of the first wait and the end of the last are logged and reported.

    All reports of an outage have the start of its first wait: the operator emits an Event for each other start.

    Args:
        report: Receives the longest present wait, or None once the storage has answered. Any thread may call it.
    """

    def __init__(self, report: Callable[[Waiting | None], None] = lambda _: None) -> None:
        self._report = report
        self._reported: Waiting | None = None
        self._waiting: dict[object, _WaitingCall] = {}
        self._changed = threading.Condition()
        self._began = 0.0
        self._since = datetime.now(UTC)

    def begin(self, caller: object, failure: Failure, seconds: float) -> None:
        """Record that a caller waits, or waits with another failure now."""
        with self._changed:
            began = time.monotonic() - seconds
            if self._reported is None:
                self._began, self._since = began, datetime.now(UTC) - timedelta(seconds=seconds)
                log.warning("Waiting for the storage: %s", failure.message)
            before = self._waiting.get(caller)
            self._waiting[caller] = _WaitingCall(before.began if before else began, failure)
            self._publish()

    def end(self, caller: object, *, is_answered: bool) -> None:
        """Record that a caller no longer waits.

        Args:
            caller: The caller.
            is_answered: Whether the storage has answered. Then all other callers retry at once.
        """
        with self._changed:
            if self._waiting.pop(caller, None) is not None and is_answered:
                self._changed.notify_all()
            if self._reported is None or not (is_answered or self._waiting):
                return  # This caller gave up without an answer: the reported wait stays until the storage answers.
            if not self._waiting:
                log.info("The storage answers again after %s.", duration(time.monotonic() - self._began))
            self._publish()

    def pause(self, seconds: float) -> bool:
        """Wait for `seconds`, and return False; return True as soon as the storage answers another caller."""
        with self._changed:
            return self._changed.wait(seconds)

    def _publish(self) -> None:
        longest = min(self._waiting.values(), key=lambda wait: wait.began, default=None)
        now = longest and Waiting(
            reason=longest.failure.reason, message=longest.failure.message[:LONGEST_MESSAGE], since=self._since
        )
        if now != self._reported:
            self._reported = now
            self._report(now)


def _jitter() -> float:
    # A separate generator: pauses must not change the random numbers of the training.
    return random.SystemRandom().uniform(1 - JITTER, 1)


@dataclass(frozen=True)
class RetryPolicy:
    """Retries a call with growing pauses for as long as its errors may be temporary.

    Args:
        seconds: Time from the first error to the start of the last try.
        check: Called repeatedly during a wait; raises an error to end the wait.
        waits: Records all waiting callers.
        clock: A monotonic clock in seconds.
        jitter: Returns a random factor for a pause.
    """

    seconds: float = 3600.0
    check: Callable[[], None] = lambda: None
    waits: StorageWaits = field(default_factory=StorageWaits)
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = _jitter

    def call_with_retries(
        self,
        call: Callable[[], T],
        temporary_failure: Callable[[Exception], Failure | None],
        slow_failure: Failure | None = None,
    ) -> T:
        """Return the result of a function, which is called until it succeeds.

        Args:
            call: The function to call. A second call must be safe.
            temporary_failure: Returns the failure for a temporary error, or None for a permanent one.
            slow_failure: The failure to report if the first try takes long; None to report nothing.

        Raises:
            Failure: The failure of the last error, once the time is over.
            Exception: The first permanent error of the call, or an error of `check`.
        """
        began = self.clock()
        end = None
        delay = FIRST_DELAY
        is_answered = False
        caller = object()
        try:
            while True:
                try:
                    with self._report_slow(caller, slow_failure):
                        result = call()
                except Exception as error:
                    failure = temporary_failure(error)
                    slow_failure = None
                    if failure is None:
                        is_answered = True
                        raise
                    now = self.clock()
                    end = now + self.seconds if end is None else end
                    if now >= end:
                        tried = f"tried for {duration(now - began)}, the limit in spec.storage.timeoutSeconds"
                        raise Failure(failure.reason, f"{failure.message}; {tried}", failure.exit_code) from error
                    if now - began >= FAILURE_REPORT_SECONDS:
                        self.waits.begin(caller, failure, now - began)
                else:
                    is_answered = True
                    return result
                self._pause(min(delay * self.jitter(), end - now))
                delay = min(2 * delay, LONGEST_DELAY)
        finally:
            self.waits.end(caller, is_answered=is_answered)

    @contextmanager
    def _report_slow(self, caller: object, slow_failure: Failure | None) -> Iterator[None]:
        """Report a failure if the code in the context takes long."""
        if slow_failure is None:
            yield
            return
        watch = threading.Timer(SILENT_SECONDS, self.waits.begin, (caller, slow_failure, SILENT_SECONDS))
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()
            watch.join()  # otherwise the timer may call `begin` after `end`

    def _pause(self, seconds: float) -> None:
        end = self.clock() + seconds
        self.check()
        while (remaining := end - self.clock()) > 0:
            if self.waits.pause(min(remaining, CHECK_SECONDS)):
                return
            self.check()
