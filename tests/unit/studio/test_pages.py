"""The pages: files, index.html for the paths of pages, caching and compression."""

import gzip
from pathlib import Path

import pytest
from epochal_lib.page_headers import CONTENT_SECURITY_POLICY
from epochal_studio import pages
from epochal_studio.security.headers import PAGE_POLICY

from tests.unit.studio.served import PAGE, Studio


@pytest.mark.parametrize("path", ["/", "/runs", "/runs/TrainingJob/vision/a.b", "/index.html", "/assets"])
async def test_the_page(studio: Studio, path: str) -> None:
    async with studio.request("GET", path) as answer:
        assert (answer.status, await answer.text()) == (200, PAGE)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-cache"
        policy = answer.headers["Content-Security-Policy"].split("; ")
        assert {"script-src 'self'", "worker-src 'self'", "trusted-types studio-worker"} <= set(policy)
        assert "require-trusted-types-for 'script'" in policy
        tag = answer.headers["ETag"]
    async with studio.request("GET", path, {"If-None-Match": tag}) as answer:
        assert answer.status == 304


def test_the_policies_differ_from_that_of_a_model_server_in_the_worker_alone() -> None:
    worker = ["worker-src 'self'", "trusted-types studio-worker"]
    shared = [rule for rule in PAGE_POLICY.split("; ") if rule not in worker]
    assert shared == [rule for rule in CONTENT_SECURITY_POLICY.split("; ") if rule != "trusted-types 'none'"]
    assert "trusted-types 'none'" in CONTENT_SECURITY_POLICY


async def test_a_hashed_file(studio: Studio) -> None:
    path = "/assets/index-d1gest.js"
    async with studio.request("GET", path, {"Accept-Encoding": "gzip"}, auto_decompress=False) as answer:
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert answer.headers["Content-Encoding"] == "gzip"
        content = gzip.decompress(await answer.read())
    async with studio.request("GET", path, {"Accept-Encoding": "identity"}) as answer:
        assert "Content-Encoding" not in answer.headers
        assert await answer.read() == content


@pytest.mark.parametrize("path", ["/assets/index-old.js", "/assets/", "/api", "/api/unknown"])
async def test_nothing(studio: Studio, path: str) -> None:
    async with studio.request("GET", path, studio.cookie()) as answer:
        assert (answer.status, (await answer.json())["reason"]) == (404, "NotFound")


async def test_a_file_outside_of_the_folder(studio: Studio, tmp_path: Path) -> None:
    (tmp_path.parent / "secret").write_text("secret")
    for path in ("/../secret", "/%2e%2e/secret", "/..%2fsecret", "/assets/../../secret"):
        async with studio.request("GET", path) as answer:
            assert answer.status == 400


def test_a_link_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path / "link.txt").symlink_to("/etc/hostname")
    assert set(pages.read_pages(tmp_path)) == {"index.html"}


def test_a_folder_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MAX_BYTES", 10)
    (tmp_path / "index.html").write_text(PAGE)
    with pytest.raises(ValueError, match="the folder of the pages"):
        pages.read_pages(tmp_path)


async def test_pages_that_are_not_built(tmp_path: Path) -> None:
    async with Studio(tmp_path, pages=tmp_path / "nothing") as studio, studio.request("GET", "/") as answer:
        assert (answer.status, (await answer.json())["reason"]) == (503, "NotBuilt")
