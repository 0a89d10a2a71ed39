"""The page that says where to change what: each ask has its row, and takes two files at most."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "where-to-change.md"
ASKS = (
    "a data format",
    "a condition",
    "a series",
    "a printer column",
    "a failure reason",
    "the back-off after a crash",
    "a field of `spec.training`",
    "an Event's text",
    "a chart value",
    "a child object of a TrainingJob",
)


def rows() -> dict[str, list[str]]:
    """Returns what each row is about, and its other cells."""
    table = [line.strip("|").split("|") for line in PAGE.read_text().splitlines() if line.startswith("|")]
    return {first.strip(): [cell.strip() for cell in rest] for first, *rest in table[2:]}


@pytest.mark.parametrize("ask", ASKS)
def test_every_ask_has_its_row(ask: str) -> None:
    assert rows()[ask][0]


def test_the_files_are_there() -> None:
    links = re.findall(r"\]\(([^)]+)\)", PAGE.read_text())
    assert len(links) > len(ASKS)
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
