"""Stores the history of a running training from its own thread, so that the training never waits for a storage."""

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
"""Minimum number of seconds between two uploads of the history."""
FIRST_CURVES = 30.0
"""Seconds until the curves are drawn for the first time. A shorter training gets its curves at the end only."""
MOST_DRAWING = 0.01
"""Maximum part of the time that drawing may take."""


class HistoryWriter:
    """Stores the newest history as a table and as curves. The first error is logged; further errors are not.

    The history that is stored after the training counts. So the exit from the context waits for running uploads, which
    would otherwise replace it.

    Args:
        results: Takes the files.
        folder: Folder for the files before their upload.
        title: Heading of the curves.
        monitor: The monitored metric.
        clock: Returns seconds on a monotonic clock.
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
        """Start the thread that stores the history."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the thread, and wait for a running upload unless there was an error. A waiting history is not stored."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if kind is None:
            self._thread.join()

    def put(self, epochs: Sequence[Epoch]) -> None:
        """Take the history so far, to be stored when the interval has passed."""
        with self._changed:
            self._waiting = tuple(epochs)
            self._changed.notify()

    def store_last(self, epochs: Sequence[Epoch]) -> None:
        """Store the final history of a finished training.

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
            except Exception as error:  # noqa: BLE001 - an early upload is optional, and must not end the training
                if isinstance(error, Failure) and error.reason == SUPERSEDED:
                    return  # the next checkpoint ends the training, with this reason
                self._complain(error)

    def _due(self) -> Sequence[Epoch]:
        """Wait until a history is due, and return it; return an empty sequence after the context has ended."""
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
