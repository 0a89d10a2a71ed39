"""How long a storage that does not answer is waited for: the one place that decides."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

FIRST_DELAY = 0.5
LONGEST_DELAY = 5.0


@dataclass(frozen=True)
class Patience:
    """Tries again, after longer and longer pauses, for as long as an error may pass by itself.

    Args:
        seconds: How long after the first try the last one may begin.
        clock: Seconds on a clock that never jumps.
        sleep: Waits for some seconds.
    """

    seconds: float = 20.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def persevere(self, call: Callable[[], T], passes: Callable[[Exception], bool]) -> T:
        """Calls until it succeeds.

        Args:
            call: What to try. It must be safe to do twice.
            passes: Whether an error may pass by itself.

        Returns:
            What the call returned.

        Raises:
            Exception: The call's own, as soon as one does not pass by itself or patience is at its end.
        """
        end = self.clock() + self.seconds
        delay = FIRST_DELAY
        while True:
            try:
                return call()
            except Exception as error:
                if not passes(error) or self.clock() + delay > end:
                    raise
            self.sleep(delay)
            delay = min(2 * delay, LONGEST_DELAY)
