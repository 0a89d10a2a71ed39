"""Many digits on a sheet."""

import pytest
from epochal_photographs.digit import find_digits
from epochal_photographs.digit.group_digits import MAX_DIGITS
from epochal_photographs.errors import TooManyDigits
from PIL import Image, ImageDraw


def sheet(columns: int, rows: int) -> Image.Image:
    """Returns a sheet of ones, 50 pixels apart."""
    page = Image.new("L", (50 * columns, 50 * rows), 235)
    for left in range(15, 50 * columns, 50):
        for top in range(8, 50 * rows, 50):
            ImageDraw.Draw(page).line([(left, top + 8), (left + 10, top), (left + 10, top + 32)], 20, 4)
    return page


def test_finds_all_digits_of_a_sheet() -> None:
    found = find_digits(sheet(9, 9))
    assert len(found) == 81
    assert [one.place.left for one in found[:9]] == sorted(one.place.left for one in found[:9])


def test_refuses_too_many_digits() -> None:
    with pytest.raises(TooManyDigits, match=f"at most {MAX_DIGITS}"):
        find_digits(sheet(12, 12))
