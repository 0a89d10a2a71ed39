"""Numbers in cells of CSV files."""

import pytest
from epochal.csv_number import parse_number


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1), (" -1.5 ", -1.5), ("+.5", 0.5), ("2.", 2), ("1e-3", 0.001), ("1E3", 1000)],
)
def test_numbers(text: str, number: float) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize(
    "text", ["", " ", "1_000", "nan", "inf", "-Infinity", "0x10", "\u0661", "1 0", "1e999", ".", "e5", "1,5", "1\n"]
)
def test_other_texts(text: str) -> None:
    assert parse_number(text) is None
