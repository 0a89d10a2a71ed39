"""The page that says what each reason means, docs/reasons.md: of which kind, and what stands in the tables."""

import re
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "reasons.md"
_EXPERIMENTS = "\n## Of Experiments\n"
_WORD = re.compile(r"`([A-Z]\w+)`")


def documented(*, experiments: bool = False) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields each reason of the page's tables, and its row by the names of the columns.

    Args:
        experiments: Whether those of Experiments; else those of TrainingJobs.
    """
    parts = PAGE.read_text().split(_EXPERIMENTS)
    columns: list[str] = []
    for line in parts[experiments].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells or not columns:
            columns = cells
        elif columns[0] == "reason":
            for word in _WORD.findall(cells[0]):
                yield word, dict(zip(columns, cells, strict=True))
