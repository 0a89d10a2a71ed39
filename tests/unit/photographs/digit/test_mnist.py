"""The form of MNIST."""

import numpy as np
import pytest
from epochal_photographs.digit.mnist import THICK, THIN, stroke_width, to_mnist
from PIL import Image

from tests.unit.photographs.digit.conftest import Draw


def mask_of(draw: Draw, digit: str, side: int, width: float) -> np.ndarray:
    page = Image.new("L", (2 * side, 2 * side))
    return np.asarray(draw(page, digit, (side / 2, side / 2, side * 1.5, side * 1.5), width, 255)) > 0


@pytest.mark.parametrize("digit", ["1", "4", "5", "7"])
@pytest.mark.parametrize("side", [12, 40, 400])
@pytest.mark.parametrize("part", [0.01, 0.1, 0.2])
def test_the_longer_side_has_20_pixels_and_the_mass_is_in_the_middle(
    draw: Draw, digit: str, side: int, part: float
) -> None:
    image = to_mnist(mask_of(draw, digit, side, max(part * side, 1)), height=28, width=28)
    assert image.shape == (28, 28)
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    assert max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1 == pytest.approx(20, abs=1)
    mass = image.astype(float)
    middle = [(mass.sum(axis) * (np.arange(28) + 0.5)).sum() / mass.sum() for axis in (0, 1)]
    assert middle == pytest.approx([14, 14], abs=0.51)


def test_ink_is_white_on_black(draw: Draw) -> None:
    image = to_mnist(mask_of(draw, "7", 100, 14), height=28, width=28)
    assert image.max() == 255
    assert (image == 0).mean() > 0.5


@pytest.mark.parametrize(("height", "width", "longer"), [(28, 28, 20), (56, 56, 40), (28, 60, 20), (20, 20, 14)])
def test_scales_to_other_sizes(draw: Draw, height: int, width: int, longer: int) -> None:
    image = to_mnist(mask_of(draw, "7", 100, 12), height=height, width=width)
    assert image.shape == (height, width)
    rows, columns = np.flatnonzero((image > 20).any(1)), np.flatnonzero((image > 20).any(0))
    assert max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1 == pytest.approx(longer, abs=2)


@pytest.mark.parametrize("part", [0.005, 0.02, 0.05, 0.15, 0.3])
def test_strokes_are_about_as_wide_as_those_of_mnist(draw: Draw, part: float) -> None:
    image = to_mnist(mask_of(draw, "7", 400, part * 400), height=28, width=28)
    large = np.asarray(Image.fromarray(image).resize((280, 280), Image.Resampling.BICUBIC)) > 127
    assert THIN - 0.03 <= stroke_width(large) / 200 <= THICK + 0.05


def test_converts_a_single_pixel() -> None:
    image = to_mnist(np.ones((1, 1), bool), height=28, width=28)
    assert image.max() == 255


@pytest.mark.parametrize("shape", [(1, 300), (300, 1)])
def test_converts_a_line(shape: tuple[int, int]) -> None:
    image = to_mnist(np.ones(shape, bool), height=28, width=28)
    assert image.max() > 200
    assert np.flatnonzero(image.any(1 if shape[0] > 1 else 0)).size == pytest.approx(20, abs=1)


@pytest.mark.parametrize("width", [4, 10, 20, 40])
@pytest.mark.parametrize("slant", [0, 0.5, 1])
def test_measures_the_stroke_width(width: int, slant: float) -> None:
    rows, columns = np.indices((300, 300)) - 150
    mask = np.abs(columns - slant * rows) / np.hypot(1, slant) <= width / 2
    assert stroke_width(mask) == pytest.approx(width, rel=0.3)
