"""Stores the history of a running training in the results bucket: history.csv and curves.png.

A separate thread stores it, so that the training never waits for the storage.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from epochal_api.trainingjob.report import BestEpoch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from epochal_trainer.lib import priority
from epochal_trainer.lib.failures import SUPERSEDED, Failure
from epochal_trainer.lib.signals import Terminated, WaitAborted
from epochal_trainer.reporting import history
from epochal_trainer.reporting.best import Monitor, find_best_epoch
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.reporting.results import CURVES, HISTORY, Results

log = logging.getLogger(__name__)

INTERVAL = 10.0
"""Minimum number of seconds between two uploads of the history."""
FIRST_CURVES = 30.0
"""Seconds from the start until the curves are first drawn. A shorter training gets its curves only at its end."""
MAX_DRAWING_SHARE = 0.01
"""Maximum share of the training's duration that the CPU time for drawing the curves may have."""
MAX_PANELS = 12
_TRAIN = "#1f6fb4"
_VALIDATION = "#d9601a"


class HistoryWriter:
    """Stores the newest history as history.csv and curves.png. Only the first error is logged.

    `store_last` stores the final history after the training. So the exit from the context first waits for a running
    upload, which could otherwise replace the final history with an older one.
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
        self._has_warned = False
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
        """Stop the thread, and wait for a running upload unless there was an error. Discard a history that waits."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if kind is None:
            self._thread.join()

    def put(self, epochs: Sequence[Epoch]) -> None:
        """Replace the history that the thread will store as soon as INTERVAL has passed since the last upload."""
        with self._changed:
            self._waiting = tuple(epochs)
            self._changed.notify()

    def store_last(self, epochs: Sequence[Epoch]) -> None:
        """Store the table and the curves of a finished training, in the calling thread.

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
            except Terminated:  # also WaitAborted
                return
            except Exception as error:  # noqa: BLE001 - an early upload is optional, and must not end the training
                if isinstance(error, Failure) and error.reason == SUPERSEDED:
                    return  # the next checkpoint ends the training, with this reason
                self._warn_once(error)

    def _due(self) -> Sequence[Epoch]:
        """Wait until the next upload of a history is due, and return this history; () when the context ends."""
        with self._changed:
            while not self._closed:
                remaining = self._next - self._clock()
                if self._waiting and remaining <= 0:
                    self._next = self._clock() + INTERVAL
                    epochs, self._waiting = self._waiting, ()
                    return epochs
                self._changed.wait(remaining if self._waiting else None)
        return ()

    def _store(self, epochs: Sequence[Epoch]) -> None:
        self._results.upload(self._write_table(epochs), HISTORY, self._check_open)
        if not self._closed and self._clock() >= self._next_curves:
            began = time.thread_time()
            path = self._draw_curves(epochs)  # Keras has imported matplotlib by now
            self._next_curves = self._clock() + (time.thread_time() - began) / MAX_DRAWING_SHARE
            self._results.upload(path, CURVES, self._check_open)

    def _write_table(self, epochs: Sequence[Epoch]) -> Path:
        path = self._folder / HISTORY
        path.write_text(history.to_csv(epochs), encoding="utf-8")
        return path

    def _draw_curves(self, epochs: Sequence[Epoch]) -> Path:
        path = self._folder / CURVES
        draw_curves(epochs, path, title=self._title, monitor=self._monitor)
        return path

    def _check_open(self) -> None:
        if self._closed:
            raise WaitAborted

    def _warn_once(self, error: Exception) -> None:
        if not self._has_warned:
            self._has_warned = True
            log.warning("Cannot store the history now; it will be stored after the training: %s", error)


def draw_curves(epochs: Sequence[Epoch], path: Path, *, title: str, monitor: Monitor) -> None:
    """Draw a PNG with a panel for each metric, at most MAX_PANELS, each with lines for training and validation."""
    best_epoch = find_best_epoch(epochs, monitor)
    names = list(dict.fromkeys(name.removeprefix("val_") for epoch in epochs for name in epoch.metrics))[:MAX_PANELS]
    columns = min(len(names), 2 if len(names) <= 4 else 3)  # noqa: PLR2004
    rows = math.ceil(len(names) / columns)
    figure = Figure(figsize=(5.6 * columns, 3.8 * rows + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=13)
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    for axes, name in zip(panels, names, strict=False):
        _panel(axes, epochs, name, best_epoch if monitor.metric.removeprefix("val_") == name else None)
    figure.savefig(path, dpi=130)


def _panel(axes: Axes, epochs: Sequence[Epoch], name: str, best_epoch: BestEpoch | None) -> None:
    for key, label, color in ((name, "train", _TRAIN), (f"val_{name}", "validation", _VALIDATION)):
        points = [(epoch.number, epoch.metrics[key]) for epoch in epochs if key in epoch.metrics]
        if points:
            numbers, values = zip(*points, strict=True)
            marker = "o" if len(points) <= 30 else ""  # noqa: PLR2004
            axes.plot(numbers, values, color=color, marker=marker, markersize=4, label=f"{label}  {values[-1]:.4g}")
    if best_epoch is not None:
        axes.axvline(best_epoch.epoch, color="0.6", linewidth=1, linestyle=":", label=f"best: epoch {best_epoch.epoch}")
    axes.set_title(name.replace("_", " "), fontsize=11)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(visible=True, color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
