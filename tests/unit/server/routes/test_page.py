"""What a browser is answered that opens the page of a model."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from epochal_server.intake import Intake
from epochal_server.page.assets import POLICY, assets
from epochal_server.refusals import Unauthorized
from epochal_server.routes.page import routes
from epochal_server.service import PROTOCOL, Service

from tests.unit.server.models import DIGITS

PAGES = ["/", "/docs", *(f"/page/{name}" for name in assets() if not name.endswith(".html"))]


async def never(*_: Any, **__: Any) -> Any:
    raise AssertionError("the page asked the model by itself")


def keyed(authorization: str | None) -> None:
    if authorization != "Bearer key":
        raise Unauthorized("key: expected one, found none")


def anyone(authorization: str | None) -> None:
    pass


@asynccontextmanager
async def client(authorize: Callable[[str | None], None] = anyone) -> AsyncIterator[ClientSession]:
    @web.middleware
    async def labelled(request: web.Request, handler: Any) -> web.StreamResponse:
        response: web.StreamResponse = await handler(request)
        response.headers["Protocol"] = request[PROTOCOL]
        return response

    service = Service(
        model=DIGITS,
        answer=never,
        work=never,
        ready=lambda: None,
        authorize=authorize,
        intake=Intake(1, 1, lambda: 0, lambda: 0.0),
    )
    app = web.Application(middlewares=[labelled])
    app.add_routes(routes(service))
    async with TestServer(app) as server, ClientSession(server.make_url("/")) as session:
        yield session


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_open_to_all_and_bound_by_the_policy(path: str) -> None:
    async with client(keyed) as session, session.get(path) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Protocol"] == "page"
        assert await answer.read()


async def test_a_page_that_is_known_is_not_sent_again() -> None:
    async with client() as session:
        async with session.get("/") as answer:
            tag = answer.headers["ETag"]
            assert (answer.content_type, answer.charset) == ("text/html", "utf-8")
        async with session.get("/", headers={"If-None-Match": f'"other", {tag}'}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
            assert answer.headers["ETag"] == tag
        async with session.get("/", headers={"If-None-Match": '"other"'}) as answer:
            assert answer.status == 200


async def test_the_model_is_told_of() -> None:
    async with client() as session, session.get("/page/model.json") as answer:
        assert (await answer.json())["name"] == "digits"
        assert answer.headers["Cache-Control"] == "no-store"


async def test_the_model_is_told_of_to_those_with_a_key() -> None:
    async with client(keyed) as session:
        async with session.get("/page/model.json") as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert (await answer.json())["error"] == "key: expected one, found none"
        async with session.get("/page/model.json", headers={"Authorization": "Bearer key"}) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("path", ["/page/index.html", "/page/assets.py", "/page/", "/page/../service.py"])
async def test_nothing_else_is_served(path: str) -> None:
    async with client() as session, session.get(path) as answer:
        assert answer.status == 404
