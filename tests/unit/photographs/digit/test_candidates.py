"""The choice of the digit among the candidates on a picture."""

import numpy as np
import pytest
from epochal_photographs.digit import find_digit
from epochal_photographs.digit.candidates import Candidate, Part, choose
from epochal_photographs.digit.geometry import Box, Mask
from epochal_photographs.digit.layers import Layer
from epochal_photographs.digit.mnist import to_mnist
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image, ImageDraw, ImageFilter

from tests.unit.photographs.digit.test_find import similarity

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=5, max_side=10), elements=st.booleans())


def rings(thick: int, *boxes: tuple[int, int, int, int], turn: float = 0) -> Image.Image:
    """Returns rings, as those of an 8 or a 0, that are turned by some degrees."""
    page = Image.new("L", (480, 480))
    for box in boxes:
        ImageDraw.Draw(page).ellipse(box, outline=255, width=thick)
    return page.rotate(turn, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(1))


@pytest.mark.parametrize(
    "page",
    [
        rings(6, (190, 140, 250, 340), turn=-25),
        rings(60, (140, 60, 340, 260), (110, 220, 370, 440), turn=-10),
        rings(84, (130, 30, 350, 240), (100, 180, 380, 460), turn=-30),
    ],
    ids=["slanted", "thick", "thicker"],
)
@pytest.mark.parametrize(("ink", "paper"), [("navy", "khaki"), ("white", "darkgreen")])
def test_chooses_the_strokes_around_a_hole(page: Image.Image, ink: str, paper: str) -> None:
    picture = Image.composite(Image.new("RGB", page.size, ink), Image.new("RGB", page.size, paper), page)
    assert similarity(find_digit(picture), to_mnist(np.asarray(page) > 127, height=28, width=28)) > 0.85


@given(masks, st.tuples(*[st.integers(0, 8)] * 2), st.tuples(*[st.integers(2, 4)] * 2))
def test_a_part_with_pixels_on_all_sides_surrounds_a_box(
    mask: Mask, corner: tuple[int, int], size: tuple[int, int]
) -> None:
    box = Box(corner[0], corner[1], corner[0] + size[0], corner[1] + size[1])
    row, column = box.middle
    layer = part(mask, dark=True).layer
    for at in range(len(layer.parts)):
        own = Part(layer, at)
        across, down = np.flatnonzero(own.mask[row : row + 1].any(0)), np.flatnonzero(own.mask[:, column : column + 1])
        beside = len(across) and across[0] < box.left and across[-1] >= box.right
        above = len(down) and down[0] < box.top and down[-1] >= box.bottom
        assert own.surrounds(box) == bool(own.box.contains(box) and beside and above)


def part(mask: Mask, *, dark: bool) -> Part:
    """Returns a part of a layer that has no other, with sharp edges."""
    ink = np.where(mask, 200, 0).astype(np.uint8)
    return Part(Layer(dark, widest=145, level=100.0, ink=ink, steep=np.full_like(ink, 255), mask=mask), 0)


@pytest.mark.parametrize("turn", [0, -30, 45])
def test_a_rotated_ring_encloses_its_hole(turn: float) -> None:
    ring = part(np.asarray(rings(6, (190, 140, 250, 340), turn=turn)) > 127, dark=True)
    hole = Image.new("L", (480, 480))
    ImageDraw.Draw(hole).ellipse((196, 146, 244, 334), fill=255)
    assert ring.encloses(part(np.asarray(hole.rotate(turn)) > 127, dark=False))


def test_a_ring_does_not_enclose_a_part_beside_it() -> None:
    ring = part(np.asarray(rings(6, (190, 140, 250, 340), turn=45)) > 127, dark=True)
    beside = Image.new("L", (480, 480))
    ImageDraw.Draw(beside).ellipse((180, 180, 200, 200), fill=255)
    assert not ring.encloses(part(np.asarray(beside) > 127, dark=False))


@pytest.mark.parametrize("thick", [6, 60])
def test_strokes_of_a_pen_are_even(thick: int) -> None:
    assert part(np.asarray(rings(thick, (140, 60, 340, 260), (110, 220, 370, 440))) > 127, dark=True).even > 0.9


def test_paper_between_lines_of_print_is_uneven_and_is_not_chosen() -> None:
    page = Image.new("L", (480, 480))
    pen = ImageDraw.Draw(page)
    pen.rectangle((20, 20, 460, 460), fill=255)
    for top in (*range(40, 180, 12), *range(320, 440, 12)):
        pen.rectangle((40, top, 440, top + 6), fill=0)
    paper = part(np.asarray(page) > 127, dark=False)
    digit = part(np.asarray(rings(6, (190, 190, 250, 300))) > 127, dark=True)
    assert paper.even < 0.5
    assert choose([Candidate(30.0, paper), Candidate(25.0, digit)]) == Candidate(25.0 * digit.even, digit)


def test_chooses_a_digit_in_a_shadow_on_a_sheet() -> None:
    page = Image.new("L", (480, 480))
    pen = ImageDraw.Draw(page)
    pen.rectangle((20, 20, 460, 460), fill=255)
    pen.rectangle((0, 150, 330, 350), fill=0)
    paper = part(np.asarray(page) > 127, dark=False)
    digit = part(np.asarray(rings(6, (190, 190, 250, 310))) > 127, dark=True)
    assert choose([Candidate(40.0, paper), Candidate(30.0, digit)]) == Candidate(30.0, digit)


def test_a_hole_with_ink_is_not_chosen() -> None:
    page = rings(44, (150, 40, 330, 240), (110, 200, 370, 440))
    ImageDraw.Draw(page).rectangle((190, 80, 250, 135), fill=255)
    hole = Image.new("L", page.size)
    pen = ImageDraw.Draw(hole)
    pen.line([(265, 90), (270, 140), (257, 168), (210, 168)], fill=255, width=26, joint="curve")
    mask = np.asarray(page) > 127
    eight, inside = part(mask, dark=True), part((np.asarray(hole) > 127) & ~mask, dark=False)
    assert choose([Candidate(32.0, eight), Candidate(14.0, inside)]) == Candidate(32.0 * eight.even, eight)
