"""Maximum and minimum filters, closing and opening."""

import numpy as np
import pytest
from epochal_photographs.digit.morphology import closing, maximum_filter, minimum_filter, opening
from PIL import Image, ImageFilter

NOISE = np.random.default_rng(0).integers(0, 256, (40, 55), np.uint8)


@pytest.mark.parametrize("size", [1, 3, 5, 7, 13, 31])
def test_filters_a_square_like_pillow(size: int) -> None:
    picture = Image.fromarray(NOISE)
    most = np.asarray(picture.filter(ImageFilter.MaxFilter(size)))
    inner = slice(size // 2, -(size // 2) or None)
    assert np.array_equal(maximum_filter(NOISE, size)[inner, inner], most[inner, inner])
    assert np.array_equal(minimum_filter(NOISE, size), 255 - maximum_filter(255 - NOISE, size))


def test_the_values_of_an_edge_continue_beyond_it() -> None:
    assert maximum_filter(np.array([[1, 2, 9]], np.uint8), 3).tolist() == [[2, 9, 9]]
    assert minimum_filter(np.array([[1, 2, 9]], np.uint8), 3).tolist() == [[1, 1, 2]]


def test_masks_grow_and_shrink() -> None:
    mask = np.zeros((7, 7), bool)
    mask[3, 3] = True
    assert maximum_filter(mask, 3).sum() == 9
    assert np.array_equal(minimum_filter(maximum_filter(mask, 3), 3), mask)


@pytest.mark.parametrize("size", [3, 9, 25, 99])
def test_closing_only_lightens_and_opening_only_darkens(size: int) -> None:
    assert (closing(NOISE, size) >= NOISE).all()
    assert (opening(NOISE, size) <= NOISE).all()
    assert closing(NOISE, size).shape == NOISE.shape


def lined(width: int, angle: float) -> np.ndarray:
    """Returns a dark line on light paper, at an angle in degrees."""
    rows, columns = np.indices((120, 120)) - 60
    away = np.abs(rows * np.cos(np.deg2rad(angle)) - columns * np.sin(np.deg2rad(angle)))
    return np.where(away < width / 2, 10, 200).astype(np.uint8)


@pytest.mark.parametrize("angle", [0, 10, 22.5, 45, 70, 90])
def test_closing_fills_thin_lines_and_leaves_wide_ones(angle: float) -> None:
    middle = slice(40, 80)
    assert (closing(lined(9, angle), 15)[middle, middle] == 200).all()
    assert closing(lined(25, angle), 15)[60, 60] == 10


@pytest.mark.parametrize("angle", [0, 5, 15, 30, 45])
def test_wide_lines_keep_their_edges_at_any_angle(angle: float) -> None:
    """Of squares, the edge of a sheet of paper on a table would have steps, which look like ink."""
    wide = lined(70, angle)
    changed = (closing(wide, 25) != wide)[30:90, 30:90]
    assert changed.mean() < 0.02
