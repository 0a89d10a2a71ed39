"""What the pictures of an Experiment are drawn on. Without pyplot, which keeps state for a person at a screen."""

from pathlib import Path

from epochal_api.experiment_report import ExperimentReport
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

HEIGHT = 5.4
WIDTH = 9.6
_DPI = 120

BLUE = "#1f6fb4"
ORANGE = "#d9601a"
RED = "#c23b3b"
GREEN = "#3a9a5b"
GREY = "0.6"
_LONGEST = 28


def canvas(
    report: ExperimentReport, title: str, *, width: float = WIDTH, height: float = HEIGHT
) -> tuple[Figure, Axes]:
    """Returns a figure, and the axes to draw on.

    Args:
        report: The Experiment.
        title: What is drawn.
        width: Inches.
        height: Inches.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Axes = figure.subplots()
    axes.set_title(f"{plain(f'{report.namespace}/{report.name}', 80)}: {title}", fontsize=12)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def left_out(report: ExperimentReport) -> str:
    """Returns how many trials are drawn of how many, for a title; nothing if these are all."""
    shown = len(report.trials)
    return f", the best {shown:,} of {shown + report.omitted:,}" if report.omitted else ""


def say(axes: Axes, text: str) -> None:
    """Says in the middle of a picture why there is none."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="0.4", fontsize=12)


def legend(figure: Figure) -> None:
    """Puts the legend below the picture, where it covers nothing."""
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)


def save(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG."""
    figure.savefig(path, dpi=_DPI)


def plain(text: str, longest: int = _LONGEST) -> str:
    """Returns a text that is drawn as it is, without the middle of a long one: a dollar sign begins no formula."""
    if len(text) > longest:
        text = f"{text[: longest // 2]}…{text[len(text) - (longest - longest // 2 - 1) :]}"
    return text.replace("$", r"\$")
