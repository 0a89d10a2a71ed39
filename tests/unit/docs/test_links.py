"""Every link in a document to a file, or to a heading of a document, has a target."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted(
    file
    for pattern in ("*.md", "docs/*.md", "charts/**/*.md", "trainer-image/src/**/*.md", "tests/**/*.md")
    for file in ROOT.glob(pattern)
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def anchor(heading: str) -> str:
    """Returns the anchor of a heading: https://docs.github.com/en/get-started/writing-on-github."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def anchors(document: Path) -> set[str]:
    return {anchor(heading) for heading in HEADING.findall(document.read_text())}


def dead(document: Path) -> list[str]:
    def leads_nowhere(link: str) -> bool:
        path, _, fragment = link.partition("#")
        target = document.parent / path if path else document
        return not target.exists() or (fragment != "" and fragment not in anchors(target))

    return [link for link in LINK.findall(document.read_text()) if "://" not in link and leads_nowhere(link)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_have_a_target(document: Path) -> None:
    assert dead(document) == []


def test_the_documents_are_checked() -> None:
    names = {str(file.relative_to(ROOT)) for file in DOCUMENTS}
    assert {"README.md", "SECURITY.md", "docs/reasons.md", "charts/epochal/README.md"} <= names


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("# One, two\n[a](a.md) [b](b.md) [c](#one-two) [d](#three) [e](https://example.com/x)\n")
    assert dead(document) == ["b.md", "#three"]


def test_a_dead_link_to_a_heading_of_another_document_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# One, two\n")
    document = tmp_path / "b.md"
    document.write_text("[a](a.md#one-two) [b](a.md#three)\n")
    assert dead(document) == ["a.md#three"]
