"""Digits on whole pictures."""

import contextlib

import numpy as np
import pytest
from epochal_photographs.digit import RelativeBox, find_digit, find_digits
from epochal_photographs.digit.mnist import to_mnist
from epochal_photographs.errors import NoDigitFound
from PIL import Image, ImageDraw, ImageFilter

from tests.unit.photographs.digit.conftest import Draw


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Return the similarity of two images, from 0 to 1, with a tolerance of one pixel."""
    one, other = (
        np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(1)), float) for image in (one, other)
    )
    best = 0.0
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            moved = np.roll(other, (down, across), (0, 1))
            best = max(best, float((one * moved).sum() / np.sqrt((one**2).sum() * (moved**2).sum())))
    return best


def expected_image(draw: Draw, name: str, width: float = 0.12) -> np.ndarray:
    page = draw(Image.new("L", (400, 400)), name, (100, 100, 300, 300), width * 200, 255)
    return to_mnist(np.asarray(page) > 0, height=28, width=28)


def paper_in_light(size: tuple[int, int], colour: tuple[int, int, int], darkest: float) -> Image.Image:
    """Return paper with less light at the right."""
    light = np.linspace(1, darkest, size[0])[None, :, None]
    noise = np.random.default_rng(0).normal(0, 2, (size[1], size[0], 1))
    return Image.fromarray(np.clip(np.array(colour) * light + noise, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("name", ["1", "4", "5", "7"])
@pytest.mark.parametrize("side", [40, 100, 300, 900])
@pytest.mark.parametrize(("ink", "page"), [("black", "white"), ("white", "black"), ("navy", "khaki")])
def test_finds_a_drawn_digit(draw: Draw, name: str, side: int, ink: str, page: str) -> None:
    box = (side * 0.25, side * 0.2, side * 0.75, side * 0.7)
    picture = draw(Image.new("RGB", (side, side), page), name, box, max(side * 0.06, 1), ink)
    assert similarity(find_digit(picture), expected_image(draw, name)) > 0.85


@pytest.mark.parametrize("name", ["1", "4", "5", "7"])
@pytest.mark.parametrize("width", [0.01, 0.03, 0.2])
def test_finds_strokes_of_any_width(draw: Draw, name: str, width: float) -> None:
    picture = draw(Image.new("RGB", (600, 600), "white"), name, (150, 150, 450, 450), width * 300, (40, 40, 90))
    assert similarity(find_digit(picture), expected_image(draw, name)) > 0.8


@pytest.mark.parametrize("name", ["1", "4", "5", "7"])
def test_finds_a_digit_in_bad_light(draw: Draw, name: str) -> None:
    picture = draw(paper_in_light((800, 600), (235, 220, 190), 0.25), name, (450, 150, 700, 400), 14, (50, 45, 60))
    shadow = Image.new("L", picture.size)
    ImageDraw.Draw(shadow).polygon([(0, 300), (800, 250), (800, 600), (0, 600)], fill=120)
    picture = Image.composite(Image.new("RGB", picture.size), picture, shadow.filter(ImageFilter.GaussianBlur(3)))
    assert similarity(find_digit(picture), expected_image(draw, name)) > 0.85


@pytest.mark.parametrize("name", ["1", "4", "5", "7"])
@pytest.mark.parametrize(("frame", "width"), [("black", 3), ("grey", 8)])
def test_finds_a_digit_in_a_frame(draw: Draw, name: str, frame: str, width: int) -> None:
    picture = draw(Image.new("RGB", (400, 400), "white"), name, (140, 130, 260, 250), 12, "dimgrey")
    ImageDraw.Draw(picture).rectangle((80, 80, 320, 320), outline=frame, width=width)
    assert similarity(find_digit(picture), expected_image(draw, name)) > 0.85


@pytest.mark.parametrize("name", ["1", "4", "7"])
def test_finds_a_digit_across_its_frame(draw: Draw, name: str) -> None:
    picture = draw(Image.new("RGB", (400, 400), "white"), name, (130, 110, 270, 340), 14, "navy")
    ImageDraw.Draw(picture).rectangle((90, 90, 310, 310), outline="black", width=2)
    page = draw(Image.new("L", (400, 400)), name, (130, 110, 270, 340), 14, 255)
    assert similarity(find_digit(picture), to_mnist(np.asarray(page) > 0, height=28, width=28)) > 0.8


@pytest.mark.parametrize("name", ["4", "7"])
def test_finds_a_digit_on_ruled_paper(draw: Draw, name: str) -> None:
    picture = Image.new("RGB", (600, 600), "white")
    for y in range(20, 600, 40):
        ImageDraw.Draw(picture).line((0, y, 600, y + 10), fill=(170, 190, 230), width=2)
    draw(picture, name, (200, 200, 400, 400), 14, (40, 40, 45))
    assert similarity(find_digit(picture), expected_image(draw, name)) > 0.85


def test_ignores_specks(draw: Draw) -> None:
    picture = draw(Image.new("RGB", (400, 400), "white"), "7", (100, 100, 300, 300), 24, "black")
    for x, y in ((50, 60), (330, 310), (120, 250), (350, 80)):
        ImageDraw.Draw(picture).ellipse((x, y, x + 6, y + 6), fill="black")
    assert similarity(find_digit(picture), expected_image(draw, "7")) > 0.95


def test_finds_a_digit_on_a_transparent_page(draw: Draw) -> None:
    for ink in ("black", "white"):
        picture = draw(Image.new("RGBA", (300, 300)), "4", (75, 75, 225, 225), 16, ink)
        assert similarity(find_digit(picture), expected_image(draw, "4")) > 0.85


def test_returns_an_image_of_mnist_unchanged(draw: Draw) -> None:
    image = expected_image(draw, "5")
    assert np.array_equal(find_digit(Image.fromarray(image)), image)
    assert np.array_equal(find_digit(Image.fromarray(255 - image)), image)
    assert find_digits(Image.fromarray(image))[0].place == RelativeBox(0, 0, 1, 1)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (28, 28), (640, 480)])
@pytest.mark.parametrize("colour", ["black", "white", "grey"])
def test_an_empty_page_has_no_digit(size: tuple[int, int], colour: str) -> None:
    for find in (find_digit, find_digits):
        with pytest.raises(NoDigitFound, match="closer"):
            find(Image.new("RGB", size, colour))


@pytest.mark.parametrize("size", [(2, 2), (5, 300), (300, 5), (33, 47), (640, 480)])
def test_noise_is_a_digit_or_none(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (size[1], size[0], 3), np.uint8)
    with contextlib.suppress(NoDigitFound):
        assert find_digit(Image.fromarray(noise)).shape == (28, 28)


@pytest.mark.parametrize(
    ("ink", "page"),
    [((255, 235, 60), "white"), ((200, 60, 60), (84, 110, 110)), ((90, 90, 255), (140, 108, 60))],
    ids=["yellow on white", "red on green", "blue on brown"],
)
def test_finds_coloured_ink_as_light_as_its_paper(
    draw: Draw, ink: tuple[int, int, int], page: str | tuple[int, int, int]
) -> None:
    picture = draw(Image.new("RGB", (400, 400), page), "5", (100, 100, 300, 300), 24, ink)
    assert similarity(find_digit(picture), expected_image(draw, "5")) > 0.9


def test_finds_several_digits_from_left_to_right(draw: Draw) -> None:
    picture = paper_in_light((900, 400), (240, 240, 235), 0.5)
    names = "7514"
    for at, name in enumerate(names):
        draw(picture, name, (60 + 210 * at, 90 + 20 * at, 180 + 210 * at, 250 + 20 * at), 12, (30, 30, 60))
    found = find_digits(picture)
    assert len(found) == 4
    assert [one.place.left for one in found] == sorted(one.place.left for one in found)
    for one, name in zip(found, names, strict=True):
        page = draw(Image.new("L", (400, 400)), name, (100, 100, 250, 300), 15, 255)
        assert similarity(one.image, to_mnist(np.asarray(page) > 0, height=28, width=28)) > 0.8
    assert found[0].place == pytest.approx((0.08, 0.22, 0.19, 0.63), abs=0.04)


def test_finds_several_digits_line_by_line(draw: Draw) -> None:
    picture = Image.new("RGB", (600, 600), "white")
    for name, left, top in (("4", 80, 330), ("7", 100, 60), ("1", 380, 350), ("5", 350, 80)):
        draw(picture, name, (left, top, left + 150, top + 200), 14, "black")
    found = find_digits(picture)
    assert [one.place.left < 0.5 for one in found] == [True, False, True, False]
    assert [one.place.top < 0.5 for one in found] == [True, True, False, False]


def test_several_each_in_its_box(draw: Draw) -> None:
    picture = Image.new("RGB", (800, 300), "white")
    for at, name in enumerate("475"):
        ImageDraw.Draw(picture).rectangle((40 + 240 * at, 40, 240 + 240 * at, 260), outline="black", width=3)
        draw(picture, name, (90 + 240 * at, 80, 190 + 240 * at, 220), 12, "navy")
    assert len(find_digits(picture)) == 3
