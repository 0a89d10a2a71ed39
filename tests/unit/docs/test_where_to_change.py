"""The page that names the place of each change has the words of common changes, and its places exist."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "where-to-change.md"
TEXT = PAGE.read_text()
FOLDERS = {name: PAGE.parent / path for name, path in re.findall(r"^\[([\w-]+)\]: (\S+)$", TEXT, re.MULTILINE)}
ROWS = [line.strip("|").split("|") for line in TEXT.splitlines() if line.startswith("|")][2:]


@pytest.mark.parametrize(
    "words",
    [
        "data format",
        "printer column",
        "failure reason",
        "new kind",
        "pruning rule",
        "inference protocol",
        "pod field",
        "child object",
        "series",
        "condition",
        "backend",
        "backoff limit",
        "RBAC",
        "TTL",
        "`spec.training` field",
        "Event text",
        "Helm value",
    ],
)
def test_common_changes_have_a_row(words: str) -> None:
    assert [first for first, *_ in ROWS if words in first]


def test_the_page_is_short() -> None:
    assert len(TEXT.encode()) < 6000


def test_the_folders_exist_and_hold_the_files() -> None:
    assert {name for name, folder in FOLDERS.items() if not folder.is_dir()} == set()
    for _, first, also in ROWS:
        for cell in (first, also):
            names = re.findall(r"\[([\w-]+)\](?!\()", cell)
            assert set(names) <= FOLDERS.keys()
            for file in re.findall(r"`([\w./*-]+\.(?:py|yaml|json))`", cell):
                found = [path for name in names for path in FOLDERS[name].rglob(Path(file).name)]
                assert found or file == "best.yaml", file
