"""Reads the first rows of a CSV file. csv.Sniffer is not used, because its regular expressions need quadratic time."""

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from epochal_api.text import printable

MAX_HEAD = 256 * 1024
"""Maximum bytes that are read from the start of a table."""
MAX_COLUMNS, MAX_ROWS = 200, 10
SUFFIXES = (".csv", ".tsv", ".txt")
_DELIMITERS = "\t;,|"
_MAX_CELL = 200
_LINES = 5
_NUMBER = re.compile(r"[-+]?([0-9]++[.,]?[0-9]*+|[.,][0-9]++)(e[-+]?[0-9]++)?|nan|-?inf", re.IGNORECASE)
"""A number. The expression is possessive (`++`): otherwise a cell of 100,000 digits and a letter would block all
threads for hours."""


class Table(NamedTuple):
    """The first rows and columns of a table.

    Args:
        columns: Names of the first columns.
        rows: The first rows.
        omitted: Number of the columns above MAX_COLUMNS, which are left out.
    """

    columns: list[str]
    rows: list[list[str]]
    omitted: int


def is_table(key: str, head: bytes) -> bool:
    """Return whether a file may be a table of text, such as CSV, by its suffix or its first line.

    Args:
        key: Key of the object.
        head: The first bytes of the object's content.
    """
    is_text = bool(head) and all(byte >= ord(" ") or byte in b"\t\r\n" for byte in head[:512])
    name = key.lower().removesuffix(".gz")
    first = head[:4096].partition(b"\n")[0]
    return is_text and (name.endswith(SUFFIXES) or bool(re.match(rb"(\xef\xbb\xbf)?[-+.0-9]+[,;\t]", first)))


def read_table(head: bytes, *, is_whole: bool) -> Table:
    """Return the first rows and columns of a table.

    The first row has the names of the columns if no cell in it is a number.

    Args:
        head: The first bytes of the table.
        is_whole: Whether `head` is the whole table. If not, its last line is left out, because it may be incomplete.
    """
    lines = list(io.StringIO(head.decode("utf-8-sig", errors="replace"), newline=""))
    if not is_whole and len(lines) > 1:
        lines.pop()
    rows = _rows(lines, _delimiter(lines))
    if not rows:
        return Table([], [], 0)
    width = max(map(len, rows))
    has_header = not any(_NUMBER.fullmatch(cell.strip()) for cell in rows[0])
    names = rows[0] if has_header else []
    padded = _padded(names, min(width, MAX_COLUMNS))
    columns = [_shown(name) or f"column {number}" for number, name in enumerate(padded, 1)]
    body = (rows[1:] if has_header else rows)[:MAX_ROWS]
    return Table(columns, [[_shown(cell) for cell in row[:MAX_COLUMNS]] for row in body], max(0, width - MAX_COLUMNS))


def _rows(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    rows: list[list[str]] = []
    try:
        for row in csv.reader(lines, delimiter=delimiter):
            rows += [row] if any(cell.strip() for cell in row) else []
            if len(rows) > MAX_ROWS:
                break
    except csv.Error:  # a cell above the limit of the module, or a quote without an end
        pass
    return rows


def _delimiter(lines: Sequence[str]) -> str:
    """Return the most frequent delimiter in the first lines, ignoring text in quotes; a tab before others if equal."""
    text = re.sub(r'"[^"]*"', "", "\n".join(lines[:_LINES]))
    counts = Counter(character for character in text if character in _DELIMITERS)
    # A tab is seldom part of a number or a word; a comma may be a decimal point.
    return max(_DELIMITERS, key=lambda delimiter: (counts[delimiter], -_DELIMITERS.index(delimiter)))


def _padded(names: Sequence[str], width: int) -> list[str]:
    return [names[index] if index < len(names) else "" for index in range(width)]


def _shown(cell: str) -> str:
    return " ".join(printable(cell[:_MAX_CELL], instead=" ").split())
