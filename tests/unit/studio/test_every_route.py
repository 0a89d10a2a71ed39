"""The rules that every route keeps: session, origin, host, size, type and headers. A new route is tested by itself."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

import pytest
from epochal_studio.bodies import MAX_BODY
from epochal_studio.security.checks import STREAM
from epochal_studio.session import cookies
from epochal_studio.session.sealing import Sealer

from tests.unit.studio.every_route import API, CHANGES, HOSTED, PROBES, ROUTES, SIGNED_IN, Route
from tests.unit.studio.served import OTHER_TOKEN, TOKEN, Studio, cookie_header

Headers = dict[str, str]
BAD_COOKIES: dict[str, Callable[[Studio], Headers]] = {
    "none": lambda _: {},
    "empty": lambda _: {"Cookie": f"{cookies.NAME}-0="},
    "forged": lambda _: cookie_header("A" * 120),
    "the token itself": lambda _: cookie_header(TOKEN),
    "of another process": lambda studio: studio.cookie(sealer=Sealer()),
    "expired": lambda studio: studio.cookie(seconds=-1),
    "a bit changed": lambda studio: {
        "Cookie": (value := studio.cookie()["Cookie"])[:-8] + ("B" if value[-8] != "B" else "C") + value[-7:]
    },
    "authorization without a proxy": lambda _: {"Authorization": f"Bearer {TOKEN}"},
    "of another name": lambda studio: studio.cookie(name="epochal"),
}
FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:1"},
    {"Origin": "https://localhost.evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]
NOT_JSON = [
    {"Content-Type": ""},
    {"Content-Type": "text/plain"},
    {"Content-Type": "application/x-www-form-urlencoded"},
    {"Content-Type": "multipart/form-data; boundary=b"},
    {"Content-Encoding": "gzip"},
]
NAMES = ["..", "%2e%2e", ".", "a%2fb", "a%5cb", "a%00b", "a%0ab", "A", "a_b", "a" * 254]
"""Texts that no object has as its name."""
OF_A_RUN = [route for route in SIGNED_IN if "{namespace}" in route.template]


async def refused(
    studio: Studio,
    routes: Iterable[Route],
    status: int,
    *variants: Mapping[str, str],
    reason: str = "",
    body: Callable[[Route], Any] = lambda route: route.body,
) -> None:
    """Check that routes refuse requests with some headers, and that the API server has heard of none of them."""
    for route in routes:
        for headers in variants or ({},):
            sent = {**studio.cookie(), **route.headers, **headers}
            async with studio.request(route.method, route.path, sent, data=body(route)) as answer:
                assert answer.status == status, (str(route), headers)
                assert not [cookie for cookie in answer.cookies.values() if cookie.value]
                if reason and route.method != "HEAD":
                    assert (await answer.json())["reason"] == reason, (str(route), headers)
    assert studio.cluster.heard == []


@pytest.mark.parametrize("bad", BAD_COOKIES.values(), ids=BAD_COOKIES)
async def test_no_route_answers_without_a_valid_session(studio: Studio, bad: Callable[[Studio], Headers]) -> None:
    await refused(studio, SIGNED_IN, 401, {"Cookie": "", **bad(studio)}, reason="Expired")


async def test_no_route_answers_a_revoked_token(studio: Studio) -> None:
    headers = studio.cookie()
    async with studio.request("GET", "/api/catalogue", headers) as answer:
        assert answer.status == 200
    del studio.cluster.users[TOKEN]
    async with studio.request("GET", "/api/session", headers) as answer:
        assert answer.status == 503  # the API server may be restarting
    for route in SIGNED_IN:
        if route.template != STREAM:  # its watches end it, see stream/test_stream.py
            async with studio.request(route.method, route.path, route.headers | headers, data=route.body) as answer:
                assert answer.status >= 400, str(route)


async def test_an_invalid_session_is_deleted(studio: Studio) -> None:
    for route in SIGNED_IN:
        headers = studio.cookie(sealer=Sealer())
        async with studio.request(route.method, route.path, route.headers | headers, data=route.body) as answer:
            deleted = answer.cookies[f"{cookies.NAME}-0"]
        assert (deleted.value, deleted["max-age"], deleted["path"]) == ("", "0", "/")
        assert deleted["secure"]  # a browser ignores a cookie with the prefix __Host- without it


async def test_no_route_answers_a_page_of_another_origin(studio: Studio) -> None:
    await refused(studio, API, 403, *FOREIGN, reason="ForeignOrigin")


async def test_no_route_answers_for_another_host(studio: Studio) -> None:
    hosts = ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil", "[::2]"]
    variants = [{"Host": host, "Origin": f"https://{host}"} for host in hosts]
    await refused(studio, HOSTED, 421, *variants, reason="HostNotAllowed")


async def test_a_change_has_an_origin(studio: Studio) -> None:
    await refused(studio, CHANGES, 403, {"Origin": "", "Sec-Fetch-Site": ""}, reason="ForeignOrigin")


async def test_a_change_is_json(studio: Studio) -> None:
    await refused(studio, [route for route in CHANGES if route.is_json], 415, *NOT_JSON, reason="NotJSON")
    others = [route for route in CHANGES if not route.is_json]
    await refused(studio, others, 415, *NOT_JSON, {"Content-Type": "text/html"}, reason="WrongType")


async def test_a_change_that_is_no_json_has_a_header_of_its_own(studio: Studio) -> None:
    """A form of another page can send neither this header nor JSON."""
    routes = [route for route in CHANGES if not route.is_json]
    assert routes
    variants = [{"Epochal-Studio": value} for value in ("", "0", "true")]
    await refused(studio, routes, 403, *variants, reason="ForeignOrigin")


async def test_a_large_body_is_refused_before_it_is_read(studio: Studio) -> None:
    large = b'{"token": "' + b"a" * MAX_BODY + b'"}'
    await refused(studio, [route for route in CHANGES if route.is_json], 413, reason="TooLarge", body=lambda _: large)


async def test_a_large_upload_is_refused_before_it_is_read(studio: Studio) -> None:
    for route in [route for route in CHANGES if not route.is_json]:
        reader, writer = await asyncio.open_connection("127.0.0.1", studio.port)
        try:
            headers = {"Host": f"localhost:{studio.port}", "Origin": studio.origin, **studio.cookie(), **route.headers}
            headers["Content-Length"] = str(5 * 2**30 + 1)
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            writer.write(f"{route.method} {route.path} HTTP/1.1\r\n{lines}\r\n".encode())
            assert b" 413 " in await reader.readline(), str(route)
        finally:
            writer.close()


async def test_a_body_has_a_length(studio: Studio) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"{}"

    await refused(studio, CHANGES, 411, reason="LengthRequired", body=lambda _: chunks())


async def test_a_read_has_no_body(studio: Studio) -> None:
    await refused(studio, [route for route in API if not route.is_change], 400, body=lambda _: b"{}")


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"[" * 100_000, b'{"unknown": 1}'], ids=len)
async def test_an_invalid_body_reaches_no_api_server(studio: Studio, body: bytes) -> None:
    await refused(
        studio,
        [route for route in CHANGES if route.method == "POST" and route.is_json],
        422,
        reason="Invalid",
        body=lambda _: body,
    )


async def test_other_methods_are_refused(studio: Studio) -> None:
    for route in ROUTES:
        for method in {"PUT", "PATCH", "OPTIONS", "TRACE"} - {route.method}:
            async with studio.request(method, route.path, studio.cookie(), data=b"{}") as answer:
                assert answer.status == 405, (str(route), method)
                # No answer allows a page of another origin to read it.
                assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    assert studio.cluster.heard == []


async def test_the_api_server_decides_about_another_namespace(studio: Studio) -> None:
    studio.cluster.objects.create("trainingjobs", "vision", {"metadata": {"name": "mnist"}, "spec": {}})
    for route in OF_A_RUN:
        headers = studio.cookie(OTHER_TOKEN)
        async with studio.request(route.method, route.path, route.headers | headers, data=route.body) as answer:
            assert answer.status == 403, str(route)
            assert route.method == "HEAD" or (await answer.json())["reason"] == "Forbidden", str(route)


async def test_no_name_leads_to_another_path(studio: Studio) -> None:
    for route in OF_A_RUN:
        for value in ("vision", "mnist"):
            for bad in NAMES:
                path = route.path.replace(f"/{value}", f"/{bad}", 1)
                headers = route.headers | studio.cookie()
                async with studio.request(route.method, path, headers, data=route.body) as answer:
                    assert answer.status in {400, 404}, (str(route), path)
    assert studio.cluster.heard == []


async def test_headers_of_each_answer(studio: Studio) -> None:
    for route in ROUTES:
        async with studio.request(
            route.method, route.path, route.headers | {"Host": "localhost"}, data=route.body
        ) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
            assert answer.headers["Server"] == "epochal-studio"
            if route.is_api:
                assert answer.headers["Cache-Control"] == "no-store"
                assert "sandbox" in policy
            elif route.template not in PROBES:
                assert "require-trusted-types-for 'script'" in policy


async def test_no_log_has_a_token_a_key_or_a_query(
    studio: Studio, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    document = json.dumps({"token": TOKEN, "secretKey": "secret-key-of-ada"}).encode()
    headers = studio.cookie()
    for is_broken in (False, True):
        if is_broken:  # a fault of Studio, whose text has the token
            monkeypatch.setattr("epochal_studio.access.Connections.cluster", _fail)
            monkeypatch.setattr("epochal_studio.stream.hub.Hub.subscribe", _fail)
        for route in API:
            path = f"{route.path}{'&' if '?' in route.path else '?'}secret-in-query=1"
            for body in [route.body, document] if route.method == "POST" else [None]:
                async with studio.request(route.method, path, route.headers | headers, data=body) as answer:
                    assert answer.status < 500 or is_broken, str(route)
    logged = "\n".join(logging.Formatter().format(record) for record in caplog.records)
    assert "the fault quotes" in logged
    for secret in (TOKEN, "secret-in-query", "secret-key-of-ada", "token-of-eve-5555555555", headers["Cookie"]):
        assert secret not in logged


def _fail(*_: object, **__: object) -> None:
    raise RuntimeError(f"the fault quotes Bearer {TOKEN} and {TOKEN}")
