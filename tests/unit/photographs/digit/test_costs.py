"""Processor time for pictures of many components: noise, dots, combs, rings, checkerboards."""

import contextlib
import time
from collections.abc import Callable

import numpy as np
import pytest
from epochal_photographs.digit import find_digit, find_digits
from epochal_photographs.digit.components import components
from epochal_photographs.digit.geometry import Mask
from epochal_photographs.digit.group_digits import MAX_PIECES
from epochal_photographs.errors import PhotographError, TooManyDigits
from PIL import Image

SIDE = 480
"""Longer side of a picture in the search for digits."""
TIMES = 8.0
"""Maximum time of a hostile picture, as a multiple of the time of a picture with one digit."""
RUNS = 5

Make = Callable[[int], Mask]
Read = Callable[[Image.Image], object]


def grid(side: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[:side, :side]
    return rows, columns


def strokes(every: int, wide: int, high: int, *, apart: int | None = None, side: int = SIDE) -> Mask:
    rows, columns = grid(side)
    mask: Mask = (rows % (apart or every) < high) & (columns % every < wide)
    return mask


def comb(every: int) -> Mask:
    """Return teeth that only the last row connects."""
    rows, columns = grid()
    return (columns % every < every // 2) | (rows >= SIDE - 3)


def rings(every: int, *, square: bool = False, gap: int = 0) -> Mask:
    rows, columns = (side - SIDE / 2 + 0.5 for side in grid())
    away = np.maximum(np.abs(rows), np.abs(columns)) if square else np.hypot(rows, columns)
    ring: Mask = away % every < every // 2
    ring[SIDE // 2 - gap : SIDE // 2 + gap, SIDE // 2 :] = False
    return ring


def spiral(every: int) -> Mask:
    rows, columns = (side - SIDE / 2 + 0.5 for side in grid())
    mask: Mask = (np.hypot(rows, columns) - np.arctan2(rows, columns) / (2 * np.pi) * every) % every < every // 2
    return mask


def checkerboard(field: int, side: int = SIDE) -> Mask:
    rows, columns = grid(side)
    mask: Mask = (rows // field + columns // field) % 2 == 0
    return mask


def noise(part: float) -> Mask:
    return np.random.default_rng(0).random((SIDE, SIDE)) < part


HOSTILE = {
    "dots 2": strokes(2, 1, 1),
    "dots 6": strokes(6, 2, 2),
    "dots of 1000": strokes(6, 2, 1, side=1000),
    "strokes": strokes(24, 3, 18),
    "slender strokes": strokes(14, 4, 60, apart=67, side=1000),
    "comb": comb(4),
    "rings": rings(6),
    "squares": rings(30, square=True),
    "open rings": rings(6, gap=6),
    "open squares": rings(4, square=True, gap=6),
    "spiral": spiral(6),
    "checkerboard 1": checkerboard(1),
    "checkerboard 3": checkerboard(3),
    "checkerboard of 999": checkerboard(3, side=999),
    "noise": noise(0.5),
    "sparse noise": noise(0.1),
}


def picture(mask: Mask) -> Image.Image:
    return Image.fromarray(np.where(mask, 0, 255).astype(np.uint8))


def seconds(read: Read, page: Image.Image) -> float:
    began = time.process_time()
    with contextlib.suppress(PhotographError):
        read(page)
    return time.process_time() - began


@pytest.fixture(name="usual", scope="module")
def _usual() -> float:
    """Return the time of a picture with one digit."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[100:380, 220:250] = True
    return min(seconds(find_digits, picture(mask)) for _ in range(RUNS))


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_picture_takes_much_longer_than_a_digit(kind: str, usual: float) -> None:
    page = picture(HOSTILE[kind])
    # Other work on the machine only adds to the time, so one fast run is sufficient.
    assert any(seconds(find_digits, page) <= TIMES * usual for _ in range(RUNS))


@pytest.mark.parametrize("kind", ["dots of 1000", "comb", "open rings", "checkerboard 3"])
def test_no_picture_takes_much_longer_to_find_one_digit(kind: str, usual: float) -> None:
    page = picture(HOSTILE[kind])
    assert any(seconds(find_digit, page) <= TIMES * usual for _ in range(RUNS))


@pytest.mark.parametrize("every", [6, 10, 16, 24, 40])
def test_no_sheet_of_many_strokes_takes_much_longer(every: int, usual: float) -> None:
    """A sheet of 600 to 27,000 strokes."""
    page = picture(strokes(every, every // 3, every // 2, side=1000))
    assert any(seconds(find_digits, page) <= TIMES * usual for _ in range(RUNS))


def test_strokes_are_counted_before_they_are_compared() -> None:
    with pytest.raises(TooManyDigits, match=rf"[\d,]+ strokes .* at most {MAX_PIECES}, .*in parts"):
        find_digits(picture(HOSTILE["dots of 1000"]))


@pytest.mark.parametrize(
    "mask_of",
    [
        lambda wide: np.pad(np.tile(np.array([True, False]), (30, wide // 2)), ((0, 1), (0, 0)), constant_values=True),
        lambda wide: np.pad(np.tile(np.array([True, False]), (30, wide // 2)), ((1, 0), (0, 0)), constant_values=True),
        lambda wide: np.random.default_rng(0).random((30, wide)) < 0.4,
        lambda wide: np.eye(wide, dtype=bool)[:, :2].repeat(15, 1) | (np.arange(wide) % 3 == 0)[:, None],
        lambda wide: (np.add.outer(np.arange(30), np.arange(wide)) % 4) < 2,
    ],
    ids=["comb", "rake", "noise", "rows", "slants"],
)
def test_components_are_found_in_linear_time(mask_of: Make) -> None:
    """A mask of four times the size takes at most eight times as long."""

    def least_seconds(wide: int) -> float:
        mask = mask_of(wide)
        return min(timed(mask) for _ in range(RUNS))

    def timed(mask: Mask) -> float:
        began = time.process_time()
        components(mask)
        return time.process_time() - began

    assert any(least_seconds(8000) <= 8 * least_seconds(2000) for _ in range(RUNS))
