"""The file of results: each bench writes a part of its own, below a heading of its own."""

import os
import platform
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.figures import Figure

RESULTS = Path(__file__).parent / "RESULTS.md"


def when_and_where() -> str:
    """Returns the day and the machine, such as `2026-11-26, 2 cores, Linux 6.18.44, x86_64`."""
    return f"{_day()}, {os.cpu_count()} cores, Linux {platform.release().split('-')[0]}, {platform.machine()}"


def put(title: str, text: str, path: Path = RESULTS) -> None:
    """Replaces the part with this title (a heading of the first level), or appends it to the other parts."""
    by_title = _parts(path)
    by_title[f"# {title}"] = f"# {title}\n\n{text.strip()}"
    _write(by_title, path)


def put_figures(title: str, figures: Iterable[Figure], path: Path = RESULTS) -> None:
    """Replaces the lines of these figures in the part with this title, or appends them to its table, with the day."""
    by_title = _parts(path)
    lines = by_title[f"# {title}"].splitlines()
    for figure in figures:
        line = replace(figure, measured=f"{figure.measured}; {_day()}").line()
        found = [index for index, known in enumerate(lines) if known.startswith(f"| {figure.name} |")]
        end = 1 + max(index for index, known in enumerate(lines) if known.startswith("|"))
        (at,) = found or (end,)
        lines[at : at + len(found)] = [line]
    by_title[f"# {title}"] = "\n".join(lines)
    _write(by_title, path)


def _day() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


def _parts(path: Path) -> dict[str, str]:
    """Returns the parts by their headings."""
    parts = re.split(r"^(?=# )", path.read_text() if path.exists() else "", flags=re.MULTILINE)
    return {part.partition("\n")[0]: part.strip() for part in parts if part.strip()}


def _write(by_title: dict[str, str], path: Path) -> None:
    path.write_text("\n\n".join(by_title.values()) + "\n")
