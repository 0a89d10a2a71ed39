"""Formats the output of commands: JSON, sizes in bytes, and cells of tables."""

import json
from collections.abc import Sequence
from typing import Any

from epochal_api.text import printable

_UNIT = 1000


def as_json(content: Any) -> str:
    """Return values as JSON, indented by two spaces. Characters other than ASCII are escaped."""
    return json.dumps(content, indent=2, ensure_ascii=True)


def readable_bytes(size: int) -> str:
    """Return a number of bytes with a decimal unit, such as 1.2 MB."""
    value, units = float(size), ["B", "kB", "MB", "GB", "TB"]
    while value >= _UNIT and len(units) > 1:
        value /= _UNIT
        units.pop(0)
    return f"{value:.0f} {units[0]}" if units[0] == "B" else f"{value:.1f} {units[0]}"


def shortened(text: str, width: int) -> str:
    """Return a text as one line of at most `width` characters, without control characters. A cut text ends with …."""
    line = " ".join(printable(text[: width + 1], instead=" ").split())
    return line if len(text) <= width else f"{line[: width - 1]}…"


def shortened_row(cells: Sequence[str], width: int) -> list[str]:
    """Return cells of at most `width` characters.

    If the longer cells begin with the same text, most of this text is cut off, because the rest shows the difference.
    """
    long = {cell for cell in cells if len(cell) > width}
    differing = (index for index, found in enumerate(zip(*long, strict=False)) if len(set(found)) > 1)
    common = next(differing, min(map(len, long))) if len(long) > 1 else 0
    if (cut := common - width // 4) <= 0:
        return [shortened(cell, width) for cell in cells]
    return [shortened(f"…{cell[cut:]}" if cell in long else cell, width) for cell in cells]
