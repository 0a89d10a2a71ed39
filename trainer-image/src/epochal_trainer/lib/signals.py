"""The termination of a trainer by SIGTERM from the kubelet, or by Ctrl-C from a user."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(BaseException):
    """A signal requested the termination. It is not an Exception, so no handler mistakes it for an error."""


class WaitAborted(Terminated):
    """Ends a wait for the storage because the run ends: its result is no longer needed. No signal requested it."""


class TerminationRequest:
    """Turns SIGTERM and Ctrl-C into Terminated, at once or at a point where the training can stop cleanly."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._deferred = False

    @property
    def requested(self) -> bool:
        """Whether a signal has requested the termination."""
        return self._since is not None

    @property
    def seconds(self) -> float:
        """Seconds since the request; 0 without a request."""
        return 0.0 if self._since is None else time.monotonic() - self._since

    def listen(self) -> None:
        """Install handlers for SIGTERM and Ctrl-C. Only the main thread may call this method."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def defer(self) -> None:
        """Defer Terminated from now on until the code calls `check`."""
        self._deferred = True

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Defer Terminated within the context until the code calls `check`."""
        self.defer()
        try:
            yield
        finally:
            self._deferred = False

    def check(self) -> None:
        """Raise Terminated if a termination was requested."""
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
            raise KeyboardInterrupt  # a second Ctrl-C asks for an immediate stop
