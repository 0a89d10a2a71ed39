"""The web pages of a model."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession
from epochal_lib.page_headers import CONTENT_SECURITY_POLICY
from epochal_server.model.model import Arrays
from epochal_server.page.assets import assets
from epochal_server.protocols.openapi import document
from epochal_server.routes.page import routes

from tests.kit.served import digits
from tests.unit.server.routes.asking import KEY, service, serving

PAGES = ["/", "/docs", *(f"/page/{name}" for name in assets() if not name.endswith(".html"))]


def never(_: Arrays) -> Arrays:
    raise AssertionError("the page asked the model by itself")


@asynccontextmanager
async def client(*, key: bool = False) -> AsyncIterator[ClientSession]:
    model = digits()
    async with serving(routes(service(model, never, key=key), document(model))) as session:
        yield session


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_needs_no_key_and_has_the_policy(path: str) -> None:
    async with client(key=True) as session, session.get(path) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert await answer.read()


async def test_a_cached_page_is_not_sent_again() -> None:
    async with client() as session:
        async with session.get("/") as answer:
            tag = answer.headers["ETag"]
            assert (answer.content_type, answer.charset) == ("text/html", "utf-8")
        async with session.get("/", headers={"If-None-Match": f'"other", {tag}'}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
            assert answer.headers["ETag"] == tag
        async with session.get("/", headers={"If-None-Match": '"other"'}) as answer:
            assert answer.status == 200


async def test_sends_the_description_of_the_model() -> None:
    async with client() as session, session.get("/page/model.json") as answer:
        assert (await answer.json())["name"] == "digits"
        assert answer.headers["Cache-Control"] == "no-store"


async def test_the_description_needs_the_key() -> None:
    async with client(key=True) as session:
        async with session.get("/page/model.json") as answer:
            assert answer.status == 401
            assert "expected a key" in (await answer.json())["error"]
        async with session.get("/page/model.json", headers={"Authorization": KEY}) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("path", ["/page/index.html", "/page/assets.py", "/page/", "/page/../service.py"])
async def test_serves_no_other_file(path: str) -> None:
    async with client() as session, session.get(path) as answer:
        assert answer.status == 404
