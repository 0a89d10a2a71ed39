"""Digits that are drawn into a box."""

from collections.abc import Callable

import pytest
from PIL import Image, ImageDraw

Draw = Callable[..., Image.Image]
Line = list[tuple[float, float]]

STROKES: dict[str, list[Line]] = {
    "1": [[(0.5, 0.0), (0.5, 1.0)]],
    "4": [[(0.3, 0.0), (0.1, 0.6), (0.9, 0.6)], [(0.65, 0.3), (0.65, 1.0)]],
    "5": [[(0.3, 0.0), (0.25, 0.45), (0.7, 0.5), (0.75, 0.8), (0.5, 1.0), (0.2, 0.9)], [(0.42, 0.0), (0.9, 0.0)]],
    "7": [[(0.1, 0.0), (0.9, 0.0), (0.4, 1.0)]],
}
"""Strokes of digits, in a square of side 1. The bar of the five does not touch it."""


def draw(
    picture: Image.Image,
    digit: str,
    box: tuple[float, float, float, float],
    width: float,
    shade: int | str | tuple[int, int, int],
) -> Image.Image:
    """Draws a digit into a box of a picture: left, top, right, bottom."""
    pen = ImageDraw.Draw(picture)
    left, top, right, bottom = box
    for line in STROKES[digit]:
        points = [(left + x * (right - left), top + y * (bottom - top)) for x, y in line]
        pen.line(points, fill=shade, width=round(width), joint="curve")
    return picture


@pytest.fixture(name="draw")
def _draw() -> Draw:
    return draw
