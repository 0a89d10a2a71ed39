"""The greatest and the least around pixels, compared with those that are sought one by one."""

import numpy as np
import pytest
from epochal_photographs.digit.morphology import closed, greatest, least, opened
from PIL import Image, ImageFilter

NOISE = np.random.default_rng(0).integers(0, 256, (40, 55), np.uint8)


@pytest.mark.parametrize("size", [1, 3, 5, 7, 13, 31])
def test_in_a_square(size: int) -> None:
    picture = Image.fromarray(NOISE)
    most = np.asarray(picture.filter(ImageFilter.MaxFilter(size)))
    inner = slice(size // 2, -(size // 2) or None)
    assert np.array_equal(greatest(NOISE, size)[inner, inner], most[inner, inner])
    assert np.array_equal(least(NOISE, size), 255 - greatest(255 - NOISE, size))


def test_beyond_an_edge_it_is_as_at_the_edge() -> None:
    assert greatest(np.array([[1, 2, 9]], np.uint8), 3).tolist() == [[2, 9, 9]]
    assert least(np.array([[1, 2, 9]], np.uint8), 3).tolist() == [[1, 1, 2]]


def test_masks_grow_and_shrink() -> None:
    mask = np.zeros((7, 7), bool)
    mask[3, 3] = True
    assert greatest(mask, 3).sum() == 9
    assert np.array_equal(least(greatest(mask, 3), 3), mask)


@pytest.mark.parametrize("size", [3, 9, 25, 99])
def test_closing_only_lightens_and_opening_only_darkens(size: int) -> None:
    assert (closed(NOISE, size) >= NOISE).all()
    assert (opened(NOISE, size) <= NOISE).all()
    assert closed(NOISE, size).shape == NOISE.shape


def lined(width: int, angle: float) -> np.ndarray:
    """Returns a dark line on light paper, at an angle in degrees."""
    rows, columns = np.indices((120, 120)) - 60
    away = np.abs(rows * np.cos(np.deg2rad(angle)) - columns * np.sin(np.deg2rad(angle)))
    return np.where(away < width / 2, 10, 200).astype(np.uint8)


@pytest.mark.parametrize("angle", [0, 10, 22.5, 45, 70, 90])
def test_closing_fills_thin_lines_and_leaves_wide_ones(angle: float) -> None:
    middle = slice(40, 80)
    assert (closed(lined(9, angle), 15)[middle, middle] == 200).all()
    assert closed(lined(25, angle), 15)[60, 60] == 10


@pytest.mark.parametrize("angle", [0, 5, 15, 30, 45])
def test_what_is_wide_keeps_its_edge_at_any_angle(angle: float) -> None:
    """Of squares, the edge of a sheet of paper on a table would have steps, which look like ink."""
    wide = lined(70, angle)
    changed = (closed(wide, 25) != wide)[30:90, 30:90]
    assert changed.mean() < 0.02
