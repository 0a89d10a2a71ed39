"""The site of the documents in a real browser, from files and without a network: pages and the search."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from scripts.site import __main__ as site
from tests.kit.browser import browser

WORD = "stallSeconds"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("site")
    assert site.build(folder) == ""
    with browser() as chromium:
        opened = chromium.new_page()
        opened.set_default_timeout(30_000)
        opened.goto((folder / "site" / "index.html").as_uri())
        yield opened


@pytest.fixture
def requests(page: Page) -> list[str]:
    found: list[str] = []
    page.on("request", lambda request: found.append(request.url))
    return found


def test_the_search_finds_a_field_of_the_reference(page: Page, requests: list[str]) -> None:
    page.click(".md-search__button")
    page.keyboard.type(WORD)
    expect(page.get_by_text(WORD).first).to_be_visible()
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []


def test_a_page_with_a_diagram_shows_its_picture(page: Page, requests: list[str]) -> None:
    page.goto(page.url.partition("#")[0].replace("index.html", "docs/architecture.html"))
    width = page.evaluate("document.querySelector('img[src$=\"architecture.svg\"]').naturalWidth")
    assert width > 300
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
