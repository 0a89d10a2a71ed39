"""The README is short and has a link to every other page."""

import re
from pathlib import Path

import pytest

from tests.kit.documents import ROOT

README = (ROOT / "README.md").read_text()
MOST_LINES = 160


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < MOST_LINES


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_the_readme_links_every_page(page: Path) -> None:
    assert page in {ROOT / link for link in re.findall(r"\]\(([^)#]+)", README)}
