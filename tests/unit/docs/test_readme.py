"""The README is short and has a link to every other page."""

import re
from pathlib import Path

import pytest

from tests.kit.documents import ROOT

README = (ROOT / "README.md").read_text()
RESULTS = (ROOT / "tests" / "faults" / "RESULTS.md").read_text()
MOST_LINES = 160
_SURVIVED = re.compile(r"^\| faults (?:of (searches|servers) )?survived \|[^|]*\| (\d+ of \d+) \|", re.MULTILINE)
"""The rows of tests/faults/RESULTS.md with the number of survived faults."""


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < MOST_LINES


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_the_readme_links_every_page(page: Path) -> None:
    assert page in {ROOT / link for link in re.findall(r"\]\(([^)#]+)", README)}


def test_the_readme_has_the_numbers_of_survived_faults() -> None:
    measured = {kind or "trainings": number for kind, number in _SURVIVED.findall(RESULTS)}
    assert measured.keys() == {"trainings", "searches", "servers"}
    sentence = (
        f"trainings survived {measured['trainings']} faults, searches {measured['searches']} "
        f"and servers {measured['servers']}."
    )
    assert sentence in " ".join(README.split())
