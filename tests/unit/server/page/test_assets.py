"""The files of the web pages, and their policy."""

import re

import pytest
from epochal_lib.page_headers import CONTENT_SECURITY_POLICY
from epochal_server.page.assets import assets

PAGES = ("index.html", "docs.html")
LINK = re.compile(r"""(?:href|src)="([^"]+)"|from "([^"]+)\"""")
SERVED = {".", "docs", "openapi.json"}
"""What the pages lead to that is no file."""


def linked(name: str) -> set[str]:
    return {one or other for one, other in LINK.findall(assets()[name].content.decode())}


@pytest.mark.parametrize("name", sorted(assets()))
def test_every_link_leads_to_a_file(name: str) -> None:
    files = {re.sub(r"^(page|\.)/", "", link) for link in linked(name) - SERVED}
    assert files <= assets().keys()


def test_every_file_is_used() -> None:
    reached, new = set[str](), set(PAGES)
    while new:
        reached |= new
        new = {re.sub(r"^(page|\.)/", "", link) for name in new for link in linked(name) - SERVED} - reached
    assert reached == assets().keys()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_inline_script_or_style(name: str) -> None:
    text = assets()[name].content.decode()
    assert re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:|//", text) is None


@pytest.mark.parametrize("name", sorted(name for name in assets() if name.endswith(".js")))
def test_a_script_inserts_no_text_as_html(name: str) -> None:
    text = assets()[name].content.decode()
    assert re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", text) is None


def test_the_policy_allows_no_other_origin() -> None:
    assert "default-src 'none'" in CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "http" not in CONTENT_SECURITY_POLICY


def test_every_file_has_its_own_digest() -> None:
    digests = [asset.digest for asset in assets().values()]
    assert len(set(digests)) == len(digests)
