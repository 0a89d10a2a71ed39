"""How a training stops when it is told to: SIGTERM from the kubelet, Ctrl-C from a person."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(BaseException):
    """The trainer was told to stop. Not an Exception, so that nothing takes it for a fault."""


class Stopping:
    """Turns SIGTERM into Terminated: at once, or where the training can stop cleanly."""

    def __init__(self) -> None:
        self._requested = False
        self._deferred = False

    def listen(self) -> None:
        """Takes SIGTERM from here on. Only the main thread may call this."""
        signal.signal(signal.SIGTERM, self._on_signal)

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
        if self._requested:
            raise Terminated

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        first = not self._requested
        self._requested = True
        if first and not self._deferred:
            raise Terminated
