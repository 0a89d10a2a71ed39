"""Writes tables of Markdown."""

import html
import re
from collections.abc import Iterable, Sequence

_MARKS = re.compile(r"[\\|*\[\]]")


def cell(text: str) -> str:
    """Return a text that stays in its cell and stays plain: without line breaks, HTML tags and marks of Markdown."""
    return _MARKS.sub(r"\\\g<0>", " ".join(text.split())).replace("<", "&lt;")


def code(text: str) -> str:
    """Return a text as code of a cell. A bar would end the cell, so that such a text is HTML."""
    text = " ".join(text.split())
    if "|" in text or "`" in text:
        return f"<code>{html.escape(text).replace('|', '&#124;')}</code>"
    return f"`{text}`"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with a row of heads."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
