"""The parts of a digit."""

import numpy as np
import pytest
from epochal_photographs.digit.candidates import Part
from epochal_photographs.digit.group_strokes import group_strokes
from epochal_photographs.digit.layers import Layer
from PIL import Image, ImageDraw


def layer(page: Image.Image) -> Layer:
    """Return a layer with sharp edges."""
    ink = np.asarray(page)
    return Layer(dark=True, widest=145, level=100.0, ink=ink, steep=np.full_like(ink, 255), mask=ink > 127)


def page() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Return a page with the body of a five."""
    picture = Image.new("L", (400, 400))
    pen = ImageDraw.Draw(picture)
    pen.line([(130, 120), (125, 190), (230, 200), (235, 290), (130, 300)], fill=200, width=20, joint="curve")
    return picture, pen


Line = tuple[list[tuple[int, int]], int]
WORDS: list[Line] = [([(left, 330), (left + 50, 330)], 20) for left in range(20, 400, 65)]


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        ([([(165, 112), (260, 112)], 20)], 2),
        ([([(165, 95), (260, 95), (260, 110)], 4), ([(130, 330), (200, 330)], 4)], 1),
        (WORDS, 1),
        ([([(150, 330), (200, 330)], 20)], 2),
    ],
    ids=["bar of the same pen", "print in thin strokes", "words of a line", "piece below"],
)
def test_groups_the_strokes_of_a_digit(lines: list[Line], parts: int) -> None:
    picture, pen = page()
    for points, width in lines:
        pen.line(points, fill=200, width=width)
    found = layer(picture)
    assert len(group_strokes(Part(found, int(found.parts.areas.argmax())))) == parts
