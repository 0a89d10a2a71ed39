"""The termination of a trainer by SIGTERM from the kubelet, or by Ctrl-C from a user."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(BaseException):
    """Raised after SIGTERM or Ctrl-C to end the training. No `except Exception` catches this BaseException."""


class WaitAborted(Terminated):
    """Raised in a wait for the storage when the run ends without a signal, because the result is no longer needed."""


class TerminationRequest:
    """Raises Terminated in the main thread after SIGTERM or Ctrl-C.

    It does so at once or, if deferred, at the next `check`, where the training can stop cleanly. A second Ctrl-C raises
    KeyboardInterrupt at once.
    """

    def __init__(self) -> None:
        self._since: float | None = None
        self._deferred = False

    @property
    def requested(self) -> bool:
        """True after SIGTERM or Ctrl-C has requested the termination of this process."""
        return self._since is not None

    @property
    def seconds(self) -> float:
        """Seconds since the first SIGTERM or Ctrl-C; 0 before it."""
        return 0.0 if self._since is None else time.monotonic() - self._since

    def listen(self) -> None:
        """Install handlers for SIGTERM and Ctrl-C. Only the main thread may call this method."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def defer(self) -> None:
        """Raise Terminated from now on only in `check`, not at once when a signal arrives."""
        self._deferred = True

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Raise Terminated within the context only in `check`, not at once when a signal arrives."""
        self.defer()
        try:
            yield
        finally:
            self._deferred = False

    def check(self) -> None:
        """Raise Terminated if SIGTERM or Ctrl-C has requested the termination."""
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
