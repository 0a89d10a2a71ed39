"""Draws panels as text for a terminal, with the package plotext."""

import math
import textwrap
from collections.abc import Sequence

import plotext

from epochal.runs.figures import Panel

MARKERS = "ox+*#@%&ABCDEFGHIJKL"
"""The character that draws each line of a panel, so that lines differ without colors."""
MIN_WIDTH, HEIGHT = 40, 16
_TICKS = 8


def draw(panels: Sequence[Panel], width: int) -> str:
    """Return the panels below each other as plain text of `width` columns, but at least MIN_WIDTH columns."""
    return "\n\n".join(_panel(panel, max(MIN_WIDTH, width)) for panel in panels)


def _panel(panel: Panel, width: int) -> str:
    plotext.clear_figure()
    plotext.clear_color()
    plotext.limit_size(width=False, height=False)  # a pipe has no size, and plotext would take 80 columns
    plotext.plot_size(width, HEIGHT)
    plotext.xlabel(panel.axis)
    for line, marker in zip(panel.lines, MARKERS, strict=False):
        numbers, values = [point.epoch for point in line.points], [point.value for point in line.points]
        draw_line = plotext.plot if line.joined else plotext.scatter
        draw_line(numbers, values, marker=marker)
    plotext.xticks(_ticks(panel))
    text: str = plotext.uncolorize(plotext.build())
    # plotext's own legend would hide the first points of the lines.
    legend = [f"{marker} {line.label}" for line, marker in zip(panel.lines, MARKERS, strict=False)]
    lines = [panel.title, *textwrap.wrap("    ".join(legend), width), *text.splitlines()]
    return "\n".join(line.rstrip() for line in lines)


def _ticks(panel: Panel) -> list[int]:
    """Return the whole numbers (epochs or trials) to write below the horizontal axis of a panel."""
    numbers = [point.epoch for line in panel.lines for point in line.points]
    first, last = min(numbers), max(numbers)
    step = max(1, math.ceil((last - first) / _TICKS))
    return [*range(first, last, step), last] if (last - first) % step == 0 else [*range(first, last + 1, step)]
