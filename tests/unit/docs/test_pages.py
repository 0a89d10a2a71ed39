"""Pages that repeat words of other places: commands, reasons and fields."""

import re

import pytest

from tests.kit.documents import ROOT, blocks

TRIED = ("README.md", "docs/data.md", "docs/command.md")
"""Pages whose commands the tests run."""
PAGES = ("docs/five-minutes.md", "docs/concepts.md", "docs/troubleshooting.md", "docs/migration.md")
_REASON = re.compile(r"`([A-Z][A-Za-z]+)`")


def command_of(line: str) -> str:
    """Returns a line of shell without the comment at its end."""
    return line.partition("  #")[0].strip()


@pytest.mark.parametrize(
    "line", [line for block in blocks("docs/five-minutes.md", "sh") for line in block.text.splitlines()]
)
def test_each_command_of_five_minutes_is_on_a_page_that_tests_run(line: str) -> None:
    tried = {command_of(each) for page in TRIED for each in (ROOT / page).read_text().splitlines()}
    assert command_of(line) in tried


def test_each_reason_of_troubleshooting_is_on_the_page_of_reasons() -> None:
    reasons = (ROOT / "docs" / "reasons.md").read_text()
    text = (ROOT / "docs" / "troubleshooting.md").read_text()
    known = set(_REASON.findall(reasons)) | {"Normalization", "Rescaling", "Progressing", "NAME", "Starting"}
    assert {word for word in _REASON.findall(text) if word not in known} == set()


def test_the_kinds_of_concepts_have_their_short_names() -> None:
    text = (ROOT / "docs" / "concepts.md").read_text()
    for kind, short in (("TrainingJob", "tj"), ("Experiment", "exp"), ("ModelServer", "msv")):
        assert re.search(rf"\[{kind}\]\([^)]+\) \| `{short}`", text)


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_short_enough_to_read(page: str) -> None:
    assert len((ROOT / page).read_text().splitlines()) < 220
