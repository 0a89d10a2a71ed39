"""The site of the documents: strict, complete, and without a request to another host."""

import re
import shutil
import tomllib
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from scripts.site import __main__ as site
from scripts.site.diagrams import OutdatedPicture, with_pictures
from scripts.site.links import for_site
from tests.kit.documents import ROOT

_ATTRIBUTES = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src", "srcset"),
    "link": ("href",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
"""Attributes whose URL a browser fetches by itself."""
_FETCHED_BY_CSS = re.compile(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")\s]+)")
_PICTURES = sorted((ROOT / "docs").glob("*.svg"))


class Fetched(HTMLParser):
    """Collects the URLs that a page fetches, and its classes."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.classes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.classes |= set((values.get("class") or "").split())
        self.urls += [values[name] or "" for name in _ATTRIBUTES.get(tag, ()) if name in values]
        self.urls += _FETCHED_BY_CSS.findall(values.get("style") or "")


@cache
def read(page: Path) -> Fetched:
    found = Fetched()
    found.feed(page.read_text())
    return found


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    assert site.build(folder) == ""
    return folder


def foreign(urls: list[str]) -> list[str]:
    return [url for url in urls if re.match(r"(?i)\s*(https?:)?//", url)]


def test_no_page_fetches_anything_from_another_host(built: Path) -> None:
    pages = list((built / "site").rglob("*.html"))
    assert len(pages) > 30
    assert {str(page): found for page in pages if (found := foreign(read(page).urls))} == {}


def test_no_style_and_no_picture_fetches_anything_from_another_host(built: Path) -> None:
    files = [*(built / "site").rglob("*.css"), *(built / "site").rglob("*.svg"), *(built / "site").rglob("*.html")]
    found = {str(file): _FETCHED_BY_CSS.findall(file.read_text()) for file in files}
    assert {name: urls for name, urls in found.items() if urls} == {}


def test_no_page_needs_a_script_that_the_theme_fetches(built: Path) -> None:
    """The theme fetches mermaid, a gallery of images and an editor only for elements of these classes."""
    classes = {name for page in (built / "site").rglob("*.html") for name in read(page).classes}
    assert classes & {"mermaid", "glightbox", "pyodide", "md-source"} == set()


def test_each_page_is_in_the_navigation(built: Path) -> None:
    def paths(entry: Any) -> list[str]:
        (value,) = entry.values()
        return [value] if isinstance(value, str) else [path for each in value for path in paths(each)]

    settings = tomllib.loads((built / "zensical.toml").read_text())
    listed = [path for entry in settings["project"]["nav"] for path in paths(entry)]
    pages = built / "pages"
    assert sorted(listed) == sorted(str(page.relative_to(pages)) for page in pages.rglob("*.md"))


def test_the_search_has_words_of_all_pages(built: Path) -> None:
    index = (built / "site" / "search.js").read_text()
    for words in ("hyper-parameters", "--all-namespaces", "trainerNetworkPolicy", "stallSeconds", "ImagePullBackOff"):
        assert words in index, words


def test_broken_links_and_a_missing_page_fail(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built / "pages", tmp_path / "pages")
    page = tmp_path / "pages" / "docs" / "checker.md"
    links = ("[a](missing.md)", "[a](data.md#no-such-heading)")
    page.write_text(page.read_text() + "".join(f"\n{link}\n" for link in links))
    (tmp_path / "pages" / "docs" / "tables.md").unlink()
    complaints = site.run_zensical(tmp_path)
    assert complaints.count("checker.md") == len(links), complaints
    assert "tables.md" in complaints


def test_links_to_code_become_its_path() -> None:
    links = "[a](../api/src) [b](data.md#c) [tj] [d](../charts/epochal)"
    text = f"{links}\n\n```\n[a](../api)\n```\n[tj]: ../operator\n"
    found = for_site(text, Path("docs/x.md"), ROOT)
    assert '<span title="api/src">a</span> [b](data.md#c) <span title="operator">tj</span>' in found
    assert "[d](../charts/epochal/README.md)" in found
    assert "```\n[a](../api)\n```\n" in found
    assert "| tj | `operator` |" in found


def test_a_diagram_needs_its_own_picture() -> None:
    page = Path("docs/architecture.md")
    text = (ROOT / page).read_text()
    assert "```mermaid" not in with_pictures(text, page)
    with pytest.raises(OutdatedPicture, match=r"scripts\.site\.diagrams"):
        with_pictures(text.replace("flowchart LR", "flowchart TB"), page)


@pytest.mark.parametrize("picture", _PICTURES, ids=lambda picture: picture.name)
def test_pictures_are_small_and_complete(picture: Path) -> None:
    text = picture.read_text()
    assert len(text) < 150_000
    assert foreign(read(picture).urls) + _FETCHED_BY_CSS.findall(text) == []
    assert str(Path.home()) not in text
