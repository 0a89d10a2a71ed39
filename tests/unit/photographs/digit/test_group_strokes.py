"""Which parts of a picture are of one digit."""

import numpy as np
from epochal_photographs.digit.candidates import Part
from epochal_photographs.digit.group_strokes import group_strokes
from epochal_photographs.digit.layers import Layer
from PIL import Image, ImageDraw


def layer(page: Image.Image) -> Layer:
    """Returns a layer that has sharp edges everywhere."""
    ink = np.asarray(page)
    return Layer(dark=True, widest=145, level=100.0, ink=ink, steep=np.full_like(ink, 255), mask=ink > 127)


def page() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Returns a page with the body of a five, whose upper left corner is its first pixel."""
    picture = Image.new("L", (400, 400))
    pen = ImageDraw.Draw(picture)
    pen.line([(130, 120), (125, 190), (230, 200), (235, 290), (130, 300)], fill=200, width=20, joint="curve")
    return picture, pen


def test_a_bar_of_the_same_pen_belongs_to_it() -> None:
    picture, pen = page()
    pen.line([(165, 112), (260, 112)], fill=200, width=20)
    seen = layer(picture)
    assert len(group_strokes(Part(seen, int(seen.parts.areas.argmax())))) == 2


def test_print_in_thin_strokes_does_not() -> None:
    picture, pen = page()
    pen.line([(165, 95), (260, 95), (260, 110)], fill=200, width=4)
    pen.line([(130, 330), (200, 330)], fill=200, width=4)
    seen = layer(picture)
    assert len(group_strokes(Part(seen, int(seen.parts.areas.argmax())))) == 1


def test_words_of_a_line_do_not() -> None:
    picture, pen = page()
    for left in (20, 85, 150, 215, 280, 345):
        pen.line([(left, 330), (left + 50, 330)], fill=200, width=20)
    seen = layer(picture)
    assert len(group_strokes(Part(seen, int(seen.parts.areas.argmax())))) == 1


def test_one_piece_below_does() -> None:
    picture, pen = page()
    pen.line([(150, 330), (200, 330)], fill=200, width=20)
    seen = layer(picture)
    assert len(group_strokes(Part(seen, int(seen.parts.areas.argmax())))) == 2
