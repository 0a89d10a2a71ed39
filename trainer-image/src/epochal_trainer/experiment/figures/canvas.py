"""The common frame of an Experiment's figures: size, title, legend. Without pyplot, which keeps global state."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from epochal_api.experiment.report import ExperimentReport
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from epochal_trainer.lib.text import escape as escape  # noqa: PLC0414 - the figures import it from here

HEIGHT = 5.4
WIDTH = 9.6
_DPI = 120

BLUE = "#1f6fb4"
ORANGE = "#d9601a"
RED = "#c23b3b"
GREEN = "#3a9a5b"
GREY = "0.6"


@contextmanager
def canvas(
    report: ExperimentReport, title: str, path: Path, *, width: float = WIDTH, height: float = HEIGHT
) -> Iterator[tuple[Figure, Axes]]:
    """Provide a figure and its axes to draw on, and write it as PNG at the end of the context.

    Args:
        report: The Experiment.
        title: The text after the Experiment's name in the title.
        path: PNG file to write.
        width: Width in inches.
        height: Height in inches.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Axes = figure.subplots()
    axes.set_title(f"{escape(f'{report.namespace}/{report.name}', 80)}: {title}", fontsize=12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    yield figure, axes
    figure.savefig(path, dpi=_DPI)


def omitted_label(report: ExperimentReport) -> str:
    """Return the end of a title if the report omits trials: `, the best 300 of 1,000`; else ""."""
    shown = len(report.trials)
    return f", the best {shown:,} of {shown + report.omitted:,}" if report.omitted else ""


def show_message(axes: Axes, text: str) -> None:
    """Write a text, the reason why the figure is empty, in the middle of the axes, and hide the axes."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="0.4", fontsize=12)


def legend(figure: Figure) -> None:
    """Add the legend below the axes, where it covers no data."""
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
