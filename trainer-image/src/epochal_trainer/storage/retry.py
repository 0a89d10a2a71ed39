"""Retries calls to a storage that does not answer. Only this module decides how long and with which pauses."""

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
from epochal_trainer.lib.text import format_duration

log = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_DELAY = 0.5
LONGEST_DELAY = 15.0
JITTER = 0.3
"""Maximum share by which a pause is shortened at random, so that many trainers do not retry simultaneously."""
FAILURE_REPORT_SECONDS = 1.0
"""Seconds from the start of a call after which its failures are reported as a wait for the storage."""
SILENT_SECONDS = 3.0
"""Seconds after which a first request without an answer is reported as a wait for the storage: a request to an
unreachable server can take half a minute to fail."""
CHECK_SECONDS = 0.5
"""Maximum seconds between two calls of RetryPolicy.check during a pause."""
LONGEST_MESSAGE = 4096


class _WaitingCall(NamedTuple):
    began: float
    """Start of the wait in seconds of the monotonic clock, because the wall clock may jump during an outage."""
    failure: Failure


class StorageWaits:
    """Records the calls that wait for a storage, and logs and reports when the first wait begins and the last ends.

    All reports of an outage have the start time of its first wait, because the operator emits an Event for each new
    start time.

    Args:
        report: Called with the wait that has lasted longest, or with None when the storage answers again. Any thread
            may call it.
    """

    def __init__(self, report: Callable[[Waiting | None], None] = lambda _: None) -> None:
        self._report = report
        self._reported: Waiting | None = None
        self._waiting: dict[object, _WaitingCall] = {}
        self._changed = threading.Condition()
        self._began = 0.0
        self._since = datetime.now(UTC)

    def begin(self, caller: object, failure: Failure, seconds: float) -> None:
        """Record that a caller has been waiting for `seconds`, or that a waiting caller now has another failure."""
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
            caller: The caller, as in `begin`.
            is_answered: Whether the storage has answered the caller. If so, all other waiting callers retry at once.
        """
        with self._changed:
            if self._waiting.pop(caller, None) is not None and is_answered:
                self._changed.notify_all()
            if self._reported is None or not (is_answered or self._waiting):
                return  # This caller gave up without an answer: the reported wait stays until the storage answers.
            if not self._waiting:
                log.info("The storage answers again after %s.", format_duration(time.monotonic() - self._began))
            self._publish()

    def pause(self, seconds: float) -> bool:
        """Wait until the storage answers another caller, and return True; return False after `seconds` without that."""
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
    """Retries a call with growing pauses as long as its errors may be temporary and the time limit is not reached.

    Args:
        seconds: Maximum seconds from the first error to the start of the last try.
        check: Called repeatedly during the pauses; raises an error to end the retries.
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
        """Call a function until it succeeds, and return its result.

        Args:
            call: The function to call. Several calls must be safe.
            temporary_failure: Returns the failure for a temporary error, or None for a permanent error.
            slow_failure: The failure to report if the first try takes more than SILENT_SECONDS; None to report nothing.

        Raises:
            Failure: The failure of the last temporary error, when the time limit is reached.
            Exception: The first permanent error of `call`, or an error of `check`.
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
                        tried = f"tried for {format_duration(now - began)}, the limit in spec.storage.timeoutSeconds"
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
        """Begin a wait with the cause `slow_failure` if the code within the context takes more than SILENT_SECONDS."""
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
