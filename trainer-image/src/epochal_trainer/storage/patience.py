"""How long a storage that does not answer is waited for: the one place that decides."""

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
"""Part of a pause by which it may be shorter, so that many trainers do not come back at once."""
QUIET_SECONDS = 1.0
"""What passes sooner is not worth a word."""
SILENT_SECONDS = 3.0
"""The same of a first request, of which nobody knows yet whether it finds anyone: it may take half a minute to fail."""
CHECK_SECONDS = 0.5
"""The longest time between two looks at whether waiting still makes sense."""


def _jitter() -> float:
    # Not the random numbers of the training: those must be the same whether there was a pause or not.
    return random.SystemRandom().uniform(1 - JITTER, 1)


@dataclass(frozen=True)
class Patience:
    """Tries again, after longer and longer pauses, for as long as an error may pass by itself.

    Args:
        seconds: How long after the first error the last try may begin.
        check: Called again and again while waiting; raises what ends it.
        waits: Knows all who wait.
        clock: Seconds on a clock that never jumps.
        jitter: What a pause is multiplied by.
    """

    seconds: float = 3600.0
    check: Callable[[], None] = lambda: None
    waits: Waits = field(default_factory=Waits)
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = _jitter

    def persevere(
        self, call: Callable[[], T], passing: Callable[[Exception], Failure | None], silence: Failure | None = None
    ) -> T:
        """Calls until it succeeds.

        Args:
            call: What to try. It must be safe to do twice.
            passing: Says what an error means that may pass by itself; None for one that does not.
            silence: What it means if the first try takes long; None if that means nothing.

        Returns:
            What the call returned.

        Raises:
            Failure: What the last error means, once patience is at its end.
            Exception: The call's own, as soon as one does not pass by itself; or that of `check`.
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
        """Tells of silence if what is done within takes long."""
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
            watch.join()  # or it would begin to wait after the end

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
