"""Formats tables, durations and ages as `kubectl get` does."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from epochal_api.text import printable

NONE = "-"
"""The text of an empty cell, so that each row has the same number of words for scripts."""
_UNITS = ((365 * 86400, "y", 86400, "d"), (86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s"))
_SMALL_COUNT = 10


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with aligned columns. Control characters and line ends in cells become spaces."""
    lines = [header, *([_cell(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def duration(seconds: float) -> str:
    """Return a number of seconds as text with one or two units, such as 45s, 2m13s or 8d."""
    left = max(0, int(seconds))
    for size, unit, smaller_size, smaller_unit in _UNITS:
        if left >= size:
            count, rest = left // size, left % size // smaller_size
            return f"{count}{unit}{rest}{smaller_unit}" if count < _SMALL_COUNT and rest else f"{count}{unit}"
    return f"{left}s"


def age(time: object, now: datetime) -> str:
    """Return the duration from a time (RFC 3339) to `now`; "-" if the time is missing or unreadable."""
    moment = parse_time(time)
    return NONE if moment is None else duration((now - moment).total_seconds())


def parse_time(time: object) -> datetime | None:
    """Parse a time in RFC 3339; without a zone, it is UTC. Return None if it is missing or unreadable."""
    try:
        moment = datetime.fromisoformat(str(time))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _cell(text: str) -> str:
    return " ".join(printable(text, instead=" ").split()) or NONE
