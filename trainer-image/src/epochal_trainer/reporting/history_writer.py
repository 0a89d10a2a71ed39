"""Stores the history while it grows, from a thread of its own: the training never waits for a storage."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from epochal_trainer.lib import priority
from epochal_trainer.lib.failures import SUPERSEDED, Failure
from epochal_trainer.lib.signals import Terminated
from epochal_trainer.reporting import curves, history
from epochal_trainer.reporting.best import Monitor
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.reporting.results import CURVES, HISTORY, Results

log = logging.getLogger(__name__)

INTERVAL = 10.0
"""Seconds from one time that it is stored to the next, at least."""
FIRST_CURVES = 30.0
"""Seconds until curves are drawn for the first time. Who trains no longer than that has them in the end."""
MOST_DRAWING = 0.01
"""Part of the time that drawing may take."""


class HistoryWriter:
    """Stores the newest history there is, as a table and as curves. What goes wrong with it is logged, once.

    What is stored in the end, when the training is over, is what counts: to leave waits until nothing is on its way
    that could come after that.

    Args:
        results: Takes the files.
        folder: Folder for them on their way.
        title: Heading of the curves.
        monitor: What tells the best epoch.
        clock: Seconds on a clock that never jumps.
    """

    def __init__(
        self,
        results: Results,
        folder: Path,
        *,
        title: str,
        monitor: Monitor,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._results = results
        self._folder = folder
        self._title = title
        self._monitor = monitor
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: Sequence[Epoch] = ()
        self._closed = False
        self._complained = False
        self._next = clock()
        self._next_curves = clock() + FIRST_CURVES
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)

    def __enter__(self) -> Self:
        """Begins."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends, at once after an error, else when nothing is on its way any more. What waits is not stored."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if kind is None:
            self._thread.join()

    def put(self, epochs: Sequence[Epoch]) -> None:
        """Takes the history so far, to be stored as soon as it is time."""
        with self._changed:
            self._waiting = tuple(epochs)
            self._changed.notify()

    def store_last(self, epochs: Sequence[Epoch]) -> None:
        """Stores the history of a training that is over: this is what counts.

        Raises:
            Failure: As Results.store.
        """
        self._results.store(self._write_table(epochs), HISTORY)
        self._results.store(self._draw_curves(epochs), CURVES)

    def _run(self) -> None:
        priority.lower()
        while epochs := self._due():
            try:
                self._store(epochs)
            except Terminated:
                return
            except Exception as error:  # noqa: BLE001 - nothing that is only shown meanwhile ends a training
                if isinstance(error, Failure) and error.reason == SUPERSEDED:
                    return  # the next checkpoint ends the training, and says so
                self._complain(error)

    def _due(self) -> Sequence[Epoch]:
        """Waits until there is a history to be stored, and it is time; returns none if that is over."""
        with self._changed:
            while not self._closed:
                left = self._next - self._clock()
                if self._waiting and left <= 0:
                    self._next = self._clock() + INTERVAL
                    epochs, self._waiting = self._waiting, ()
                    return epochs
                self._changed.wait(left if self._waiting else None)
        return ()

    def _store(self, epochs: Sequence[Epoch]) -> None:
        self._results.upload(self._write_table(epochs), HISTORY, self._check_open)
        if not self._closed and self._clock() >= self._next_curves:
            began = time.thread_time()
            path = self._draw_curves(epochs)  # Keras has imported matplotlib by now
            self._next_curves = self._clock() + (time.thread_time() - began) / MOST_DRAWING
            self._results.upload(path, CURVES, self._check_open)

    def _write_table(self, epochs: Sequence[Epoch]) -> Path:
        path = self._folder / HISTORY
        path.write_text(history.table(epochs), encoding="utf-8")
        return path

    def _draw_curves(self, epochs: Sequence[Epoch]) -> Path:
        path = self._folder / CURVES
        curves.draw(epochs, path, title=self._title, monitor=self._monitor)
        return path

    def _check_open(self) -> None:
        if self._closed:
            raise Terminated

    def _complain(self, error: Exception) -> None:
        if not self._complained:
            self._complained = True
            log.warning("The history cannot be stored while the training runs, and is in the end: %s", error)
