"""Draws the metric values by epoch as a PNG file."""

import math
from collections.abc import Sequence
from pathlib import Path

from epochal_api.report import BestEpoch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from epochal_trainer.reporting.best import Monitor, best
from epochal_trainer.reporting.history import Epoch

MOST_PANELS = 12
_TRAIN = "#1f6fb4"
_VALIDATION = "#d9601a"


def draw(epochs: Sequence[Epoch], path: Path, *, title: str, monitor: Monitor) -> None:
    """Draw a panel for each metric, with a line for training and a line for validation.

    Args:
        epochs: The epochs, at least one.
        path: PNG file to write.
        title: Heading of the figure.
        monitor: The monitored metric, in whose panel the best epoch is marked.
    """
    top = best(epochs, monitor)
    names = list(dict.fromkeys(name.removeprefix("val_") for epoch in epochs for name in epoch.metrics))[:MOST_PANELS]
    columns = min(len(names), 2 if len(names) <= 4 else 3)  # noqa: PLR2004
    rows = math.ceil(len(names) / columns)
    figure = Figure(figsize=(5.6 * columns, 3.8 * rows + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=13)
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    for axes, name in zip(panels, names, strict=False):
        _panel(axes, epochs, name, top if monitor.metric.removeprefix("val_") == name else None)
    figure.savefig(path, dpi=130)


def _panel(axes: Axes, epochs: Sequence[Epoch], name: str, top: BestEpoch | None) -> None:
    for key, label, color in ((name, "train", _TRAIN), (f"val_{name}", "validation", _VALIDATION)):
        points = [(epoch.number, epoch.metrics[key]) for epoch in epochs if key in epoch.metrics]
        if points:
            numbers, values = zip(*points, strict=True)
            marker = "o" if len(points) <= 30 else ""  # noqa: PLR2004
            axes.plot(numbers, values, color=color, marker=marker, markersize=4, label=f"{label}  {values[-1]:.4g}")
    if top is not None:
        axes.axvline(top.epoch, color="0.6", linewidth=1, linestyle=":", label=f"best: epoch {top.epoch}")
    axes.set_title(name.replace("_", " "), fontsize=11)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(visible=True, color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
