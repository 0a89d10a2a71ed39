"""The sheet of paper on a picture."""

import numpy as np
import pytest
from epochal_photographs.digit import find_digit, find_digits
from epochal_photographs.digit.mnist import to_mnist
from epochal_photographs.digit.paper import find_paper
from PIL import Image, ImageDraw

from tests.unit.photographs.digit.conftest import Draw
from tests.unit.photographs.digit.test_find import similarity

CORNERS = [(120, 60), (700, 90), (660, 570), (90, 530)]


def on_a_table(corners: list[tuple[int, int]] = CORNERS) -> Image.Image:
    """Returns a sheet on a table of dark wood with a strong grain."""
    grain = np.random.default_rng(5).normal(45, 22, (150, 40))
    picture = Image.fromarray(np.clip(grain, 0, 110).astype(np.uint8)).resize((800, 600), Image.Resampling.BICUBIC)
    ImageDraw.Draw(picture).polygon(corners, fill=170)
    return picture


def test_finds_the_corners_of_a_sheet() -> None:
    found = find_paper(on_a_table())
    assert found is not None
    assert found.corners * (800, 600) == pytest.approx(np.array(CORNERS), abs=20)
    assert found.on_picture(0, 0, 1, 1) == pytest.approx((90 / 800, 60 / 600, 700 / 800, 570 / 600), abs=0.03)


@pytest.mark.parametrize(
    "picture",
    [
        Image.new("L", (800, 600), 200),
        on_a_table([(0, 0), (799, 0), (799, 599), (0, 599)]),
        on_a_table([(0, 0), (500, 0), (480, 599), (0, 599)]),
        on_a_table([(400, 20), (700, 300), (400, 580), (100, 300)]),
        on_a_table([(300, 200), (420, 200), (420, 330), (300, 330)]),
        on_a_table([(60, 60), (700, 60), (60, 560)]),
    ],
    ids=["blank", "all of it", "light beside a shadow", "who knows which side is up", "small", "no sheet"],
)
def test_finds_no_sheet(picture: Image.Image) -> None:
    assert find_paper(picture) is None


def test_finds_a_faint_digit_on_a_sheet_on_a_table(draw: Draw) -> None:
    box = (300, 260, 328, 300)
    picture = draw(on_a_table(), "4", box, 4, 135)
    page = draw(Image.new("L", (800, 600)), "4", box, 4, 255)
    assert similarity(find_digit(picture), to_mnist(np.asarray(page) > 127, height=28, width=28)) > 0.8
    (found,) = find_digits(picture)
    assert found.place == pytest.approx((302 / 800, 258 / 600, 327 / 800, 302 / 600), abs=0.02)
