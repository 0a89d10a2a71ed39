"""The retries of calls to a storage that does not answer. Only this module decides their number and pauses."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from epochal_trainer.lib.failures import Failure
from epochal_trainer.lib.text import duration
from epochal_trainer.storage.waits import Waits

T = TypeVar("T")

FIRST_DELAY = 0.5
LONGEST_DELAY = 15.0
JITTER = 0.3
"""Maximum share by which a pause is shortened at random, so that many trainers do not retry at the same time."""
QUIET_SECONDS = 1.0
"""Seconds of failures before a wait is reported."""
SILENT_SECONDS = 3.0
"""Seconds of the first request before a wait is reported: a request to an unreachable server can take half a minute to
fail."""
CHECK_SECONDS = 0.5
"""Maximum seconds between two checks for a reason to stop waiting."""


def _jitter() -> float:
    # A separate generator: pauses must not change the random numbers of the training.
    return random.SystemRandom().uniform(1 - JITTER, 1)


@dataclass(frozen=True)
class Patience:
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
    waits: Waits = field(default_factory=Waits)
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = _jitter

    def persevere(
        self, call: Callable[[], T], passing: Callable[[Exception], Failure | None], silence: Failure | None = None
    ) -> T:
        """Call a function until it succeeds.

        Args:
            call: The function to call. A second call must be safe.
            passing: Returns the failure for a temporary error, or None for a permanent one.
            silence: The failure to report if the first try takes long; None to report nothing.

        Returns:
            The result of the call.

        Raises:
            Failure: The failure of the last error, once the time is over.
            Exception: The first permanent error of the call, or an error of `check`.
        """
        began = self.clock()
        end = None
        delay = FIRST_DELAY
        answered = False
        who = object()
        try:
            while True:
                try:
                    with self._watched(who, silence):
                        result = call()
                except Exception as error:
                    failure = passing(error)
                    silence = None
                    if failure is None:
                        answered = True
                        raise
                    now = self.clock()
                    end = now + self.seconds if end is None else end
                    if now >= end:
                        raise _exhausted(failure, now - began) from error
                    if now - began >= QUIET_SECONDS:
                        self.waits.begin(who, failure, now - began)
                else:
                    answered = True
                    return result
                self._pause(min(delay * self.jitter(), end - now))
                delay = min(2 * delay, LONGEST_DELAY)
        finally:
            self.waits.end(who, answered=answered)

    @contextmanager
    def _watched(self, who: object, silence: Failure | None) -> Iterator[None]:
        """Report the failure `silence` if the code in the context takes long."""
        if silence is None:
            yield
            return
        watch = threading.Timer(SILENT_SECONDS, self.waits.begin, (who, silence, SILENT_SECONDS))
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
        while (left := end - self.clock()) > 0:
            if self.waits.pause(min(left, CHECK_SECONDS)):
                return
            self.check()


def _exhausted(failure: Failure, seconds: float) -> Failure:
    message = f"{failure.message}; tried for {duration(seconds)}, as long as spec.storage.timeoutSeconds says"
    return Failure(failure.reason, message, failure.exit_code)
