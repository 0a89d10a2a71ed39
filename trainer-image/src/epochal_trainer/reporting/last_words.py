"""The termination message of the trainer, which the kubelet copies into the pod's status."""

import logging
import os
import threading
from pathlib import Path

from epochal_api.pod import TERMINATION_FILE
from epochal_api.trainingjob.report import UNFINISHED, Position, Report, Termination

log = logging.getLogger(__name__)

LOCK_SECONDS = 1.0
"""Seconds that the final message waits for the lock, because another thread's write may hang."""
_IN_ADVANCE = "the trainer was killed before it could say why"
_WIDEST = Position(epoch=10**10 - 1, step=10**13 - 1)
_POSITION = b'"position":{"epoch":%10d,"step":%13d}'
"""The position as JSON, always as wide as that of _WIDEST: JSON allows spaces before a number."""


class LastWords:
    """The file that the kubelet reads after the trainer has ended, for any cause.

    A message is written in advance, for the case that the trainer is killed. A final message with the actual reason
    replaces it. Each write is one system call for less than a page, so the file is valid JSON after a kill at any
    moment. Outside of a pod the file does not exist, and nothing is written.

    All methods may be called from any thread.

    Args:
        path: The file. The kubelet creates it, so the trainer never does.
    """

    def __init__(self, path: Path = Path(TERMINATION_FILE)) -> None:
        self._lock = threading.Lock()
        self._report: Report | None = None
        self._place: tuple[int, int] | None = None
        self._offset: int | None = None
        self._length = 0
        self._file: int | None = None
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC) if path.exists() else None
        except OSError as error:
            self._give_up(error)

    @property
    def position(self) -> Position | None:
        """The position of the training; None before its first step."""
        place = self._place
        return place and Position(epoch=place[0], step=place[1])

    def prepare(self, report: Report | None = None) -> None:
        """Write the message in advance, with the reason UNFINISHED.

        Args:
            report: The latest state.
        """
        with self._lock:
            self._report = report
            self._prepare()

    def place(self, epoch: int, step: int) -> None:
        """Update the position in the message written in advance. A call takes about a microsecond.

        Args:
            epoch: Finished epochs.
            step: Finished steps of the running epoch.
        """
        self._place = epoch, step
        if self._file is None:
            return
        with self._lock:
            if self._offset is None:
                self._prepare()
            elif self._file is not None:
                try:
                    os.pwrite(self._file, _POSITION % (epoch, step), self._offset)
                except OSError as error:
                    self._give_up(error)

    def leave(self, reason: str, message: str, report: Report | None = None) -> None:
        """Write the final message, which no later call replaces.

        Args:
            reason: Why the trainer ends, as one CamelCase word.
            message: Why the trainer ends, for users.
            report: The last state. Default: the state in the message written in advance.
        """
        words = Termination.model_construct(
            reason=reason, message=message, position=self.position, report=report or self._report
        )
        # Try to write even if the lock is not free, because another thread's write may hang.
        locked = self._lock.acquire(timeout=LOCK_SECONDS)
        try:
            self._write(words.encode().encode())
            if self._file is not None:
                os.ftruncate(self._file, self._length)
                os.close(self._file)
        except OSError as error:
            self._give_up(error)
        finally:
            self._file = None
            if locked:
                self._lock.release()

    def _prepare(self) -> None:
        words = Termination(
            reason=UNFINISHED, message=_IN_ADVANCE, position=self._place and _WIDEST, report=self._report
        )
        text = words.encode().encode()
        self._offset = None
        if self._place is not None:
            widest = _POSITION % (_WIDEST.epoch, _WIDEST.step)
            self._offset = text.index(widest)
            text = text.replace(widest, _POSITION % self._place, 1)
        try:
            self._write(text)
        except OSError as error:
            self._give_up(error)

    def _write(self, text: bytes) -> None:
        """Write the whole file, padded with spaces to the length of the last message: JSON allows them at the end."""
        if self._file is not None:
            os.pwrite(self._file, text.ljust(self._length), 0)
            self._length = max(self._length, len(text))

    def _give_up(self, error: OSError) -> None:
        self._file = None
        log.warning("The termination message could not be written: %s", error)
