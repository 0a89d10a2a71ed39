"""The trainer's last words, which the kubelet puts into the pod's status."""

import logging
import os
import threading
from pathlib import Path

from epochal_api.pod import TERMINATION_FILE
from epochal_api.report import UNFINISHED, Position, Report, Termination

log = logging.getLogger(__name__)

LOCK_SECONDS = 1.0
"""How long the very last words wait for a write that hangs."""
_IN_ADVANCE = "the trainer was killed before it could say why"
_WIDEST = Position(epoch=10**10 - 1, step=10**13 - 1)
_POSITION = b'"position":{"epoch":%10d,"step":%13d}'
"""As wide as _WIDEST, whatever the numbers: JSON lets spaces stand before them."""


class LastWords:
    """The file that the kubelet reads when the trainer has ended, however that came.

    Some words are left in advance, for the case that the trainer is killed, and then replaced by others that know why
    it ended. Each write is one call for less than a page, so that a kill leaves JSON behind at any moment. Outside of a
    pod there is no such file, and no need: then nothing is done.

    All methods may be called from any thread.

    Args:
        path: The file. What makes it is the kubelet, so it is never created here.
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
        """Where the training is; None before its first step."""
        place = self._place
        return place and Position(epoch=place[0], step=place[1])

    def prepare(self, report: Report | None = None) -> None:
        """Leaves words in advance, with the reason UNFINISHED.

        Args:
            report: The latest state.
        """
        with self._lock:
            self._report = report
            self._prepare()

    def place(self, epoch: int, step: int) -> None:
        """Keeps the position in the words left in advance. It takes about a microsecond.

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
        """Leaves the last words. Nothing replaces them.

        Args:
            reason: Why the trainer ends, in one CamelCase word.
            message: Why, for people.
            report: The last state. Default: the one that the words in advance held.
        """
        words = Termination.model_construct(
            reason=reason, message=message, position=self.position, report=report or self._report
        )
        # Where a write of another thread hangs, these words are still worth a try.
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
        """Writes all of the file; what was longer before is overwritten with spaces, which JSON lets follow."""
        if self._file is not None:
            os.pwrite(self._file, text.ljust(self._length), 0)
            self._length = max(self._length, len(text))

    def _give_up(self, error: OSError) -> None:
        self._file = None
        log.warning("The termination message could not be written: %s", error)
