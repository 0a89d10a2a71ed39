"""Draws panels to a PNG or SVG file with the optional package matplotlib."""

from collections.abc import Sequence
from pathlib import Path

from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal.runs.figures import Panel

FORMATS = (".png", ".svg")
_STYLES = ("-", "--", ":", "-.")
_MAX_MARKED = 30


def require_format(path: Path) -> None:
    """Raise EpochalError if the name of a file does not end with a suffix of `FORMATS`."""
    if path.suffix.lower() not in FORMATS:
        raise EpochalError(
            f"--out: found {path.name!r}, expected a name that ends with .png or .svg.", exit_code=ExitCode.USAGE
        )


def save(panels: Sequence[Panel], path: Path) -> None:
    """Draw the panels side by side, and write them to a PNG or SVG file.

    Raises:
        EpochalError: If matplotlib is missing, or the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise EpochalError(
            "PNG and SVG files need matplotlib, which is not installed.",
            "Install it with `pip install matplotlib`, or plot in the terminal, without --out.",
        ) from error
    figure = Figure(figsize=(5.6 * len(panels), 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False).flat, panels, strict=True):
        axes.set_title(_plain(panel.title))
        axes.set_xlabel(panel.axis)
        axes.grid(visible=True, alpha=0.3)
        for index, line in enumerate(panel.lines):
            numbers, values = [point.epoch for point in line.points], [point.value for point in line.points]
            style = _STYLES[index % len(_STYLES)] if line.joined else ""
            marker = "o" if not line.joined or len(numbers) <= _MAX_MARKED else ""
            axes.plot(numbers, values, linestyle=style, marker=marker, markersize=3, label=_plain(line.label))
        axes.legend()
    try:
        figure.savefig(path, dpi=130)
    except OSError as error:
        raise EpochalError(f"cannot write {path}: {error.strerror or error}", "Choose another file.") from error


def _plain(text: str) -> str:
    """Escape the dollar signs in a text, because matplotlib reads text between them as a formula."""
    return text.replace("$", r"\$")
