"""The tables of docs/reasons.md, by kind."""

import re
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "reasons.md"
OF_PODS = {
    "CreateContainerConfigError",
    "CreateContainerError",
    "ImagePullBackOff",
    "InvalidImageName",
    "NoMatchingNode",
    "RunContainerError",
    "SchedulingGated",
    "Unschedulable",
}
"""Reasons of pods that do not start, given by the kubelet, by the scheduler and by pods/diagnosis.py."""
_KIND = re.compile(r"^## Of (Experiment|ModelServer)s$", re.MULTILINE)
"""Headings of the other kinds; the tables before them are those of TrainingJobs."""
_WORD = re.compile(r"`([A-Z]\w+)`")


def documented(kind: str = "TrainingJob") -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each reason of a kind, and its row of the table by column name."""
    text = PAGE.read_text()
    begins = [("TrainingJob", 0), *((found[1], found.end()) for found in _KIND.finditer(text))]
    ends = [*(found.start() for found in _KIND.finditer(text)), len(text)]
    (part,) = [text[start:end] for (name, start), end in zip(begins, ends, strict=True) if name == kind]
    columns: list[str] = []
    for line in part.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells or not columns:
            columns = cells
        elif columns[0] == "reason":
            for word in _WORD.findall(cells[0]):
                yield word, dict(zip(columns, cells, strict=True))
