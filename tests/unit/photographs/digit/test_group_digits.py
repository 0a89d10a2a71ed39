"""Digits on a sheet with gaps, or close to each other."""

from epochal_photographs.digit import find_digits
from PIL import Image, ImageDraw

from tests.unit.photographs.digit.conftest import Draw

Line = list[tuple[float, float]]

NINE_WITH_A_GAP: list[Line] = [
    [(0.75, 0.05), (0.35, 0.0), (0.15, 0.25), (0.35, 0.5), (0.68, 0.42)],
    [(0.84, 0.1), (0.8, 0.6), (0.6, 1.0)],
]
FOUR_WITH_A_GAP: list[Line] = [[(0.3, 0.0), (0.1, 0.6), (0.6, 0.6)], [(0.72, 0.2), (0.72, 1.0)]]


def stroke(picture: Image.Image, lines: list[Line], left: int, top: int) -> None:
    """Draws a digit of 100 × 160 pixels."""
    for line in lines:
        ImageDraw.Draw(picture).line([(left + 100 * x, top + 160 * y) for x, y in line], "black", 8, "curve")


def test_a_five_with_a_separate_bar_is_one_digit(draw: Draw) -> None:
    picture = Image.new("RGB", (700, 300), "white")
    for at, name in enumerate("575"):
        draw(picture, name, (80 + 200 * at, 70, 180 + 200 * at, 230), 10, "black")
    assert len(find_digits(picture)) == 3


def test_strokes_with_a_gap_are_one_digit(draw: Draw) -> None:
    picture = Image.new("RGB", (700, 300), "white")
    stroke(picture, NINE_WITH_A_GAP, 80, 70)
    draw(picture, "7", (280, 70, 380, 230), 10, "black")
    stroke(picture, FOUR_WITH_A_GAP, 480, 70)
    found = find_digits(picture)
    assert len(found) == 3
    assert found[0].place.bottom - found[0].place.top > 0.5


def test_close_neighbours_are_two_digits(draw: Draw) -> None:
    picture = Image.new("RGB", (700, 300), "white")
    for at, name in enumerate("1717"):
        draw(picture, name, (80 + 106 * at, 70, 180 + 106 * at, 230), 10, "black")
    assert len(find_digits(picture)) == 4


def test_digits_on_close_lines_are_separate(draw: Draw) -> None:
    picture = Image.new("RGB", (500, 500), "white")
    for left, top, name in ((100, 60, "4"), (280, 60, "7"), (100, 235, "5"), (280, 235, "1")):
        draw(picture, name, (left, top, left + 100, top + 160), 10, "black")
    assert len(find_digits(picture)) == 4
