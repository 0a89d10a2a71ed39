"""Marks for values outside the drawn range. The range is limited so that a few far worse values do not stretch it."""

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.axes import Axes

from epochal_trainer.experiment.figures.canvas import GREY

BELOW, ABOVE = "v", "^"
"""Markers (triangles) for values below and above the drawn range."""
_SIZE = 26.0


def is_outside(value: float, limits: tuple[float, float]) -> bool:
    """Return whether a value is below or above the drawn range."""
    return not limits[0] <= value <= limits[1]


def mark_outside(
    axes: Axes,
    points: Iterable[tuple[float, float]],
    limits: tuple[float, float],
    *,
    color: Any,
    zorder: float,
    size: float = _SIZE,
) -> None:
    """Draw a triangle at the lower or upper edge of the axes for each point whose value is outside the limits.

    Points with the same x share a triangle at an edge. `size` is the area of a triangle in square points.
    """
    sides: dict[str, set[float]] = {BELOW: set(), ABOVE: set()}
    for x, value in points:
        if is_outside(value, limits):
            sides[BELOW if value < limits[0] else ABOVE].add(x)
    for (marker, found), edge in zip(sides.items(), limits, strict=True):
        axes.scatter(
            sorted(found), [edge] * len(found), s=size, marker=marker, color=color, clip_on=False, zorder=zorder
        )


def outside_labels(values: Sequence[float], limits: tuple[float, float]) -> dict[str, str]:
    """Return the legend labels for values below and above the limits, by marker: their number and the farthest value.

    A marker without such values is missing.
    """
    below = [value for value in values if value < limits[0]]
    above = [value for value in values if value > limits[1]]
    labels = {}
    if below:
        labels[BELOW] = f"values below the axis: {len(below):,}, down to {min(below):.4g}"
    if above:
        labels[ABOVE] = f"values above the axis: {len(above):,}, up to {max(above):.4g}"
    return labels


def label_outside(axes: Axes, values: Sequence[float], limits: tuple[float, float]) -> None:
    """Add the triangles of `mark_outside` to the legend, with the labels of `outside_labels`."""
    for marker, label in outside_labels(values, limits).items():
        axes.scatter([], [], s=_SIZE, marker=marker, color=GREY, label=label)
