"""How a training stops when it is told to: SIGTERM from the kubelet, Ctrl-C from a person."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(BaseException):
    """The trainer was told to stop. Not an Exception, so that nothing takes it for a fault."""


class Stopping:
    """Turns SIGTERM and Ctrl-C into Terminated: at once, or where the training can stop cleanly."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._deferred = False

    @property
    def requested(self) -> bool:
        """Whether it is to stop."""
        return self._since is not None

    @property
    def seconds(self) -> float:
        """Seconds since it was told to stop; 0 if it was not."""
        return 0.0 if self._since is None else time.monotonic() - self._since

    def listen(self) -> None:
        """Takes SIGTERM and Ctrl-C from here on. Only the main thread may call this."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Leaves it to the code within to call `check` where it can stop."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False

    def check(self) -> None:
        """Stops here if that was asked for.

        Raises:
            Terminated: If so.
        """
        if self.requested:
            raise Terminated

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        first = not self.requested
        if first:
            self._since = time.monotonic()
        if first and not self._deferred:
            raise Terminated
        if not first and number == signal.SIGINT:
            raise KeyboardInterrupt  # who presses Ctrl-C again does not want to wait
