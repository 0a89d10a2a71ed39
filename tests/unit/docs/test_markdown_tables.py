"""Markdown shows each table of the pages as a table."""

import re
from itertools import groupby
from pathlib import Path

import pytest

from tests.kit.documents import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_SEPARATOR = re.compile(r"\|(\s*:?-+:?\s*\|)+")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_table_has_a_row_between_its_heading_and_its_content(page: Path) -> None:
    lines = _CODE.sub("", page.read_text()).splitlines()
    for is_row, rows in groupby(lines, lambda line: line.startswith("|")):
        if is_row:
            heading, *content = rows
            assert content, heading
            assert _SEPARATOR.fullmatch(content[0]), heading
