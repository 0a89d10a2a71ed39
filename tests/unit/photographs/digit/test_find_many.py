"""How many digits are read of one sheet."""

import pytest
from epochal_photographs.digit import digits
from epochal_photographs.digit.group_digits import MAX_DIGITS
from epochal_photographs.errors import TooMany
from PIL import Image, ImageDraw


def sheet(columns: int, rows: int) -> Image.Image:
    """Returns a sheet of ones, 50 pixels apart."""
    page = Image.new("L", (50 * columns, 50 * rows), 235)
    for left in range(15, 50 * columns, 50):
        for top in range(8, 50 * rows, 50):
            ImageDraw.Draw(page).line([(left, top + 8), (left + 10, top), (left + 10, top + 32)], 20, 4)
    return page


def test_reads_as_many_as_a_sheet_has() -> None:
    found = digits(sheet(9, 9))
    assert len(found) == 81
    assert [one.place.left for one in found[:9]] == sorted(one.place.left for one in found[:9])


def test_refuses_more_than_there_is_time_for() -> None:
    with pytest.raises(TooMany, match=f"at most {MAX_DIGITS}"):
        digits(sheet(12, 12))
