import pytest
from epochal_trainer.lib.text import format_bytes, format_duration, format_number


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.04, "0.0s"),
        (9.94, "9.9s"),
        (15.2, "15s"),
        (59.6, "1m00s"),
        (105, "1m45s"),
        (7380, "2h03m"),
        (273600, "3d04h"),
    ],
)
def test_duration(seconds: float, expected: str) -> None:
    assert format_duration(seconds) == expected


def test_figure() -> None:
    assert [format_number(value) for value in (0.043567, 1.0, 12345.6, 1e-9)] == ["0.04357", "1", "1.235e+04", "1e-09"]


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (23_100, "23.1 kB"), (4_600_000, "4.6 MB")])
def test_readable(count: int, text: str) -> None:
    assert format_bytes(count) == text
