"""Tables and durations."""

import pytest
from epochal.views.table import age, duration, parse_time, table


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (59.9, "59s"),
        (60, "1m"),
        (133, "2m13s"),
        (600, "10m"),
        (3600 * 5 + 120, "5h2m"),
        (86400 * 8, "8d"),
        (86400 * 9 + 3600, "9d1h"),
        (86400 * 400, "1y35d"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_an_age_without_a_time() -> None:
    now = parse_time("2026-11-30T00:00:00Z")
    assert now is not None
    assert age(None, now) == age("yesterday", now) == "-"
    assert age("2026-11-29T23:58:00", now) == "2m"


def test_cells_are_one_line_and_never_empty() -> None:
    assert table(["A", "B"], [["x\n\x1b[2Jy", ""], ["longer", "z"]]) == "A        B\nx [2Jy   -\nlonger   z"
