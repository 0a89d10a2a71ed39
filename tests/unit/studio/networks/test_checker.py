"""The client of the checker, against a fake one: answers, errors, bounds, and no credential."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import pytest
from epochal_studio.networks import checker as module
from epochal_studio.networks.checker import Checker, NoAnswer
from epochal_studio.wire.common import Problem

from tests.kit.fake.checker import FakeChecker

QUESTION = b'{"network": {"input": {"shape": [4]}, "layers": [{"layer": "Dense", "units": 2}]}}'


@pytest.fixture
async def client(checker: FakeChecker) -> AsyncIterator[Checker]:
    found = Checker(checker.address)
    yield found
    await found.close()


async def no_answer(client: Checker) -> Problem:
    with pytest.raises(NoAnswer) as caught:
        await client.ask(QUESTION)
    return caught.value.problem


async def test_an_answer(checker: FakeChecker, client: Checker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    answer = json.loads(await client.ask(QUESTION))
    assert answer["layers"][0]["outputs"] == [[2]]
    assert checker.asked == [json.loads(QUESTION)]
    assert {name.lower() for name in checker.heard[0]} == {
        "host",
        "accept",
        "accept-encoding",
        "content-length",
        "content-type",
        "user-agent",
    }  # no credential
    assert b'"docs"' in await client.catalogue()


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (422, {"error": "layers: is\nrequired"}, ("Invalid", "refuses the network: layers: is required")),
        (400, b"no JSON", ("Invalid", "HTTP 400")),
        (503, {"error": "16 questions are waiting"}, ("Overloaded", "busy: 16 questions")),
        (504, {"error": "more than 5 s"}, ("TooLarge", "more than 5 s")),
        (507, {"error": "more than 256 MiB"}, ("TooLarge", "more than 256 MiB")),
        (500, {"error": "see the log"}, ("Unreachable", "see the log")),
        (204, b"", ("Unreachable", "HTTP 204")),
        (418, {"error": "a" * 10_000}, ("Invalid", "aaa")),
    ],
)
async def test_an_error(
    checker: FakeChecker, client: Checker, status: int, answer: object, expected: tuple[str, str]
) -> None:
    checker.status, checker.answer = status, answer
    problem = await no_answer(client)
    assert problem.reason == expected[0]
    assert expected[1] in problem.message
    assert len(problem.message) < 1200


async def test_no_redirect_is_followed(checker: FakeChecker, client: Checker) -> None:
    with FakeChecker() as other:
        checker.status, checker.answer = 307, b""
        checker.headers["Location"] = f"{other.address}/v1alpha1/check"
        assert (await no_answer(client)).reason == "Unreachable"
        assert other.heard == []


async def test_an_answer_is_bounded(checker: FakeChecker, client: Checker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 1000)
    checker.answer = b"[" + b" " * 1000 + b"]"
    assert "cannot be read" in (await no_answer(client)).message
    checker.answer = b"[" + b" " * 998 + b"]"
    assert await client.ask(QUESTION) == checker.answer


async def test_a_slow_checker(checker: FakeChecker, client: Checker, monkeypatch: pytest.MonkeyPatch) -> None:
    checker.delay = 1
    with monkeypatch.context() as patch:
        patch.setattr(module, "TIMEOUT_SECONDS", 0.2)
        assert "within 0.2 s" in (await no_answer(client)).message
    checker.delay = 0  # another question may be fast
    await client.ask(QUESTION)


async def test_without_a_connection_it_is_asked_later() -> None:
    now = 100.0
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    client = Checker(f"http://127.0.0.1:{port}", lambda: now)
    assert "there is no connection" in (await no_answer(client)).message
    assert "a few seconds ago" in (await no_answer(client)).message
    now += module.UNREACHABLE_SECONDS
    assert "there is no connection" in (await no_answer(client)).message
    await client.close()


async def test_an_installation_without_a_checker() -> None:
    problem = await no_answer(Checker(""))
    assert problem.reason == "NoChecker"
    assert "checker.enabled" in problem.remedy


async def test_connections_are_closed(client: Checker) -> None:
    await client.ask(QUESTION)
    await client.close()
    await client.close()
    await asyncio.sleep(0)
