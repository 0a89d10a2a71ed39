"""Sign-in, the cookies of a session, sign-out, and a proxy that sends the token."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path

import pytest
from aiohttp import ClientResponse
from epochal_studio import bodies, threads
from epochal_studio.access import MAX_TOKEN
from epochal_studio.session import cookies
from epochal_studio.state import STATE

from tests.kit.fake.faults import Fault
from tests.unit.studio.served import OTHER_TOKEN, TOKEN, Studio, ada, jwt


def sent_back(answer: ClientResponse) -> dict[str, str]:
    """Return the header of a browser that has stored the cookies of an answer."""
    stored = {name: cookie.value for name, cookie in answer.cookies.items() if cookie["max-age"] != "0"}
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in stored.items())}


async def test_a_user_signs_in_and_out(studio: Studio) -> None:
    async with studio.request("POST", "/api/session", json={"token": f" {TOKEN}\n"}) as answer:
        assert answer.status == 200
        session = await answer.json()
        (cookie,) = answer.cookies.values()
        headers = sent_back(answer)
    assert (session["user"], session["isProxied"]) == ("ada", False)
    assert session["namespaces"] == ["audio", "default", "vision"]
    assert cookie.key == "__Host-epochal-0"
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, True, "Strict", "/")
    assert not cookie["domain"]
    assert TOKEN not in cookie.value
    async with studio.request("GET", "/api/session", headers) as answer:
        assert (await answer.json())["user"] == "ada"
    async with studio.request("DELETE", "/api/session", headers) as answer:
        assert answer.status == 204
        assert {deleted["max-age"] for deleted in answer.cookies.values()} == {"0"}


async def test_a_user_without_the_right_to_list_namespaces(studio: Studio) -> None:
    async with studio.request("POST", "/api/session", json={"token": OTHER_TOKEN}) as answer:
        session = await answer.json()
    assert (session["user"], session["namespaces"]) == ("bob", None)


@pytest.mark.parametrize("token", ["wrong-token", jwt(exp=1), "a" * MAX_TOKEN])
async def test_a_wrong_token(studio: Studio, token: str) -> None:
    async with studio.request("POST", "/api/session", json={"token": token}) as answer:
        problem = await answer.json()
        assert (answer.status, problem["reason"] in {"InvalidToken", "Expired"}) == (401, True)
        assert not answer.cookies
        assert token not in str(problem)


@pytest.mark.parametrize("token", ["two words", "line\nfeed", "x\r\nImpersonate-User: admin", "ä", "a,b", "", "="])
async def test_a_text_that_is_no_token_reaches_no_header(studio: Studio, token: str) -> None:
    async with studio.request("POST", "/api/session", json={"token": token}) as answer:
        assert answer.status == 422
    assert studio.cluster.heard == []


async def test_sign_ins_are_bounded_together(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "MAX_SIGN_INS", 1)
    studio.cluster.faults.append(Fault("list", "namespaces", delay=inf, times=1))
    first = asyncio.create_task(_sign_in(studio, TOKEN))
    async with asyncio.timeout(5):
        while True:
            if studio.cluster.asked:
                break
            await asyncio.sleep(0.01)
    async with studio.request("POST", "/api/session", json={"token": OTHER_TOKEN}) as answer:
        assert (answer.status, (await answer.json())["message"]) == (503, "Too many users sign in at this moment.")
    async with studio.request("GET", "/api/session", studio.cookie()) as answer:
        assert answer.status == 200
    first.cancel()


async def _sign_in(studio: Studio, token: str) -> int:
    async with studio.request("POST", "/api/session", json={"token": token}) as answer:
        return answer.status


async def test_a_body_that_does_not_arrive(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", studio.port)
    head = f"POST /api/session HTTP/1.1\r\nHost: localhost:{studio.port}\r\nOrigin: {studio.origin}\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
    assert b"408" in await reader.readline()
    writer.close()


async def test_a_long_token_is_split(studio: Studio) -> None:
    token = jwt(sub="a" * 12_000)
    studio.cluster.users[token] = ada("eve")
    async with studio.request("POST", "/api/session", json={"token": token}) as answer:
        assert len(answer.cookies) > 2
        assert all(len(name) + len(cookie.value) < 4096 for name, cookie in answer.cookies.items())
        headers = sent_back(answer)
    async with studio.request("GET", "/api/session", headers) as answer:
        assert (await answer.json())["user"] == "eve"
    # A shorter session deletes the cookies that it does not need.
    async with studio.request("POST", "/api/session", headers, json={"token": TOKEN}) as answer:
        kept = [name for name, cookie in answer.cookies.items() if cookie["max-age"] != "0"]
        assert kept == [f"{cookies.NAME}-0"]
        assert len(answer.cookies) == headers["Cookie"].count("=") - headers["Cookie"].count("==")
    # A missing part is no session.
    first = headers["Cookie"].partition(";")[0]
    async with studio.request("GET", "/api/session", {"Cookie": first}) as answer:
        assert answer.status == 401


async def test_the_longest_token_fits(studio: Studio) -> None:
    token = "a" * MAX_TOKEN
    studio.cluster.users[token] = ada("eve")
    async with studio.request("POST", "/api/session", json={"token": token}) as answer:
        assert answer.status == 200
        headers = sent_back(answer)
    async with studio.request("GET", "/api/session", headers) as answer:
        assert answer.status == 200


async def test_the_session_ends_with_the_token(studio: Studio) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=10)
    token = jwt(exp=int(end.timestamp()))
    studio.cluster.users[token] = ada("eve")
    async with studio.request("POST", "/api/session", json={"token": token}) as answer:
        session = await answer.json()
        (cookie,) = answer.cookies.values()
    assert datetime.fromisoformat(session["expires"]) == end
    assert 590 <= int(cookie["max-age"]) <= 600


@pytest.mark.parametrize("claims", [{}, {"exp": "x"}, {"exp": 10**30}, {"exp": None}, {"exp": 2**40}])
async def test_a_session_has_an_end_for_any_token(studio: Studio, claims: dict[str, object]) -> None:
    token = jwt(**claims)
    studio.cluster.users[token] = ada("eve")
    async with studio.request("POST", "/api/session", json={"token": token}) as answer:
        assert answer.status == 200
        assert 0 < int(answer.cookies[f"{cookies.NAME}-0"]["max-age"]) <= 12 * 3600


async def test_a_token_that_the_api_server_refuses_for_a_moment_keeps_the_session(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, headers = [0.0], studio.cookie()
    monkeypatch.setattr(studio.app[STATE].refused_tokens, "_clock", lambda: now[0])
    user = studio.cluster.users.pop(TOKEN)
    for _ in range(2):
        for path in ("/api/session", "/api/runs/TrainingJob/vision/mnist"):
            async with studio.request("GET", path, headers) as answer:
                assert (answer.status, (await answer.json())["reason"]) == (503, "Unreachable")
                assert int(answer.headers["Retry-After"]) > 0
                assert not answer.cookies
        now[0] = 29.0
    studio.cluster.users[TOKEN] = user
    async with studio.request("GET", "/api/session", headers) as answer:
        assert answer.status == 200
    del studio.cluster.users[TOKEN]
    now[0] = 1000.0
    async with studio.request("GET", "/api/session", headers) as answer:
        assert answer.status == 503


async def test_a_wrong_token_keeps_the_session_of_another(studio: Studio) -> None:
    for token in ("wrong-token", jwt(exp=1)):
        async with studio.request("POST", "/api/session", studio.cookie(), json={"token": token}) as answer:
            assert answer.status == 401
            assert not answer.cookies


async def test_a_token_that_the_api_server_no_longer_accepts_ends_the_session(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, headers = [0.0], studio.cookie()
    monkeypatch.setattr(studio.app[STATE].refused_tokens, "_clock", lambda: now[0])
    del studio.cluster.users[TOKEN]
    async with studio.request("GET", "/api/session", headers) as answer:
        assert answer.status == 503
    now[0] = 30.0
    async with studio.request("GET", "/api/session", headers) as answer:
        assert (answer.status, (await answer.json())["reason"]) == (401, "Expired")
        assert answer.cookies[f"{cookies.NAME}-0"]["max-age"] == "0"


async def test_the_modeler_alone_notices_that_a_token_is_revoked(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, headers = [0.0], studio.cookie()
    monkeypatch.setattr(studio.app[STATE].refused_tokens, "_clock", lambda: now[0])
    monkeypatch.setattr(studio.app[STATE].owners, "_clock", lambda: now[0])
    found = []
    for seconds in (0.0, 59.0, 60.0, 89.0, 90.0):
        now[0] = seconds
        async with studio.request("GET", "/api/catalogue", headers) as answer:
            found.append(answer.status)
        studio.cluster.users.pop(TOKEN, None)
    assert found == [200, 200, 503, 503, 401]


async def test_signing_out_works_with_an_expired_session(studio: Studio) -> None:
    async with studio.request("DELETE", "/api/session", studio.cookie(seconds=-1)) as answer:
        assert answer.status == 204
        assert answer.cookies[f"{cookies.NAME}-0"]["max-age"] == "0"


async def test_an_api_server_that_does_not_answer_keeps_the_session(studio: Studio) -> None:
    studio.cluster.faults.append(Fault("list", "namespaces", status=503))
    async with studio.request("GET", "/api/session", studio.cookie()) as answer:
        assert (answer.status, (await answer.json())["reason"]) == (503, "Overloaded")
        assert not answer.cookies


async def test_a_proxy_sends_the_token(tmp_path: Path) -> None:
    async with Studio(tmp_path, proxy_auth=True) as studio:
        headers = {"Authorization": f"Bearer {TOKEN}"} | studio.cookie(OTHER_TOKEN)
        async with studio.request("GET", "/api/session", headers) as answer:
            session = await answer.json()
        assert (session["user"], session["isProxied"]) == ("ada", True)
        async with studio.request("GET", "/api/session", studio.cookie(OTHER_TOKEN)) as answer:
            assert ((await answer.json())["user"], answer.status) == ("bob", 200)
        # The token of the proxy is no way around the other rules.
        foreign = headers | {"Origin": "https://evil.example"}
        async with studio.request("GET", "/api/session", foreign) as answer:
            assert answer.status == 403


@pytest.mark.parametrize(
    "headers", [{"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}, {"Authorization": "Bearer a b"}]
)
async def test_another_header_of_a_proxy_is_no_session(tmp_path: Path, headers: Mapping[str, str]) -> None:
    async with (
        Studio(tmp_path, proxy_auth=True) as studio,
        studio.request("GET", "/api/session", {**studio.cookie(), **headers}) as answer,
    ):
        assert answer.status == 401


async def test_no_header_of_a_browser_reaches_the_api_server(studio: Studio) -> None:
    sent = {"Impersonate-User": "admin", "Impersonate-Group": "system:masters", "X-Remote-User": "admin", "X-Own": "1"}
    async with studio.request("GET", "/api/session", studio.cookie() | sent) as answer:
        assert (await answer.json())["user"] == "ada"
    async with studio.request("GET", "/api/stream?namespace=vision", studio.cookie() | sent) as answer:
        while b"runs" not in await answer.content.readline():
            pass
    heard = studio.cluster.heard
    assert len(heard) >= 5
    names = {name.lower() for _, headers in heard for name in headers}
    usual = {"host", "accept", "accept-encoding", "authorization", "user-agent", "content-type", "content-length"}
    assert names <= usual
    assert {headers["Authorization"] for _, headers in heard} == {f"Bearer {TOKEN}"}
