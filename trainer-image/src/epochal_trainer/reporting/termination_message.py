"""The termination message of the trainer, which the kubelet copies into the pod's status."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from epochal_api.pod import TERMINATION_FILE
from epochal_api.trainingjob.report import UNFINISHED, Position, Report, Termination

log = logging.getLogger(__name__)

LOCK_SECONDS = 1.0
"""Maximum seconds that the cause or the final message waits for the lock, because another write may hang."""
_KILLED = "the trainer was killed before it could write the cause: see the pod's last state"
_WIDEST = Position(epoch=10**10 - 1, step=10**13 - 1)
_POSITION = b'"position":{"epoch":%10d,"step":%13d}'
"""The position as JSON, always with as many bytes as for _WIDEST: JSON allows spaces before a number."""


class TerminationMessage:
    """Writes the file that the kubelet reads after the trainer has ended, for any cause.

    A preliminary message is written in advance, for the case that the trainer is killed. A final message with the
    actual reason replaces it. If time passes between a failure and the final message, the preliminary message gets the
    cause of the failure first. Each write is one system call for less than a page, so the file is valid JSON after a
    kill at any moment. Outside of a pod, the file does not exist, and nothing is written.

    All methods may be called from any thread.

    Args:
        path: The file. The kubelet creates it; the trainer never does.
    """

    def __init__(self, path: Path = Path(TERMINATION_FILE)) -> None:
        self._lock = threading.Lock()
        self._cause = UNFINISHED, _KILLED
        self._report: Report | None = None
        self._position: tuple[int, int] | None = None
        self._offset: int | None = None
        self._length = 0
        self._file: int | None = None
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC) if path.exists() else None
        except OSError as error:
            self._stop_writing(error)

    @property
    def position(self) -> Position | None:
        """The last recorded epoch and step of the training; None before its first step."""
        position = self._position
        return position and Position(epoch=position[0], step=position[1])

    def write_preliminary(self, report: Report | None = None) -> None:
        """Write the preliminary message with a report. Its reason is UNFINISHED, or that of `write_cause`."""
        with self._lock:
            self._report = report
            self._write_preliminary()

    def set_position(self, epoch: int, step: int) -> None:
        """Update the epoch and step in the preliminary message. A call takes about a microsecond."""
        self._position = epoch, step
        if self._file is None:
            return
        with self._lock:
            if self._offset is None:
                self._write_preliminary()
            elif self._file is not None:
                try:
                    os.pwrite(self._file, _POSITION % (epoch, step), self._offset)
                except OSError as error:
                    self._stop_writing(error)

    def write_cause(self, reason: str, message: str) -> None:
        """Write reason and message of a failure into the preliminary message. Pass them to `write_final` again."""
        self._cause = reason, message
        with self._lock_for_end():
            self._write_preliminary()

    def write_final(self, reason: str, message: str, report: Report | None = None) -> None:
        """Write the final message, with the given report or else the last one. No later call changes the file."""
        termination = Termination.model_construct(
            reason=reason, message=message, position=self.position, report=report or self._report
        )
        with self._lock_for_end():
            try:
                self._write(termination.encode().encode())
                if self._file is not None:
                    os.ftruncate(self._file, self._length)
                    os.close(self._file)
            except OSError as error:
                self._stop_writing(error)
            finally:
                self._file = None

    @contextmanager
    def _lock_for_end(self) -> Iterator[None]:
        """Hold the lock for the final write, but only wait LOCK_SECONDS for it: another thread's write may hang."""
        locked = self._lock.acquire(timeout=LOCK_SECONDS)
        try:
            yield
        finally:
            if locked:
                self._lock.release()

    def _write_preliminary(self) -> None:
        position = self._position and _WIDEST
        reason, message = self._cause
        termination = Termination.model_construct(
            reason=reason, message=message, position=position, report=self._report
        )
        text = termination.encode().encode()
        self._offset = None
        if self._position is not None:
            widest = _POSITION % (_WIDEST.epoch, _WIDEST.step)
            self._offset = text.index(widest)
            text = text.replace(widest, _POSITION % self._position, 1)
        try:
            self._write(text)
        except OSError as error:
            self._stop_writing(error)

    def _write(self, text: bytes) -> None:
        """Write the whole file, padded with spaces to the length of the longest message so far, which JSON allows."""
        if self._file is not None:
            os.pwrite(self._file, text.ljust(self._length), 0)
            self._length = max(self._length, len(text))

    def _stop_writing(self, error: OSError) -> None:
        self._file = None
        log.warning("Cannot write the termination message: %s", error)
