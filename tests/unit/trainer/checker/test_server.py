"""The HTTP interface of the checker, with processes without Keras."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from epochal_api.checker import CATALOGUE_PATH, CHECK_PATH, MAX_QUESTION_BYTES, Problem
from epochal_trainer.checker import builders as module
from epochal_trainer.checker.builders import Builders
from epochal_trainer.checker.server import application

Client = TestClient[Any, Any]


def question(order: str) -> bytes:
    """Return a question that is an order to the stub: its JSON has the order as its only field beside a network."""
    return f'{{"network": {{"layers": ["{order}"]}}, "order": "{order}"}}'.encode()


@pytest.fixture
async def client(builders: Builders) -> AsyncIterator[Client]:
    async with TestClient(TestServer(application(builders))) as found:
        yield found


async def problem(response: ClientResponse) -> tuple[int, str]:
    return response.status, Problem.model_validate(await response.json()).error


async def test_an_answer_is_json(client: Client) -> None:
    response = await client.post(CHECK_PATH, data=question("first"))
    assert (response.status, response.content_type) == (200, "application/json")
    assert b"first" in await response.read()


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "must be JSON"),
        (b"\x00\xff" * 1000, 400, "must be JSON"),
        (b"[" * 100_000, 400, "must be JSON"),
        (b'{"network": {"layers": ' + b"[" * 200 + b"]" * 200 + b"}}", 400, "at most 100 levels"),
        (b" " * (MAX_QUESTION_BYTES + 1), 413, ""),
        (question("invalid"), 422, "network: must be a network"),
        (question("sleep 60"), 504, "takes more than 1 s"),
        (question("exit"), 507, "too much memory"),
        (question("bug"), 500, "an unexpected error"),
    ],
)
async def test_a_question_without_an_answer(client: Client, body: bytes, status: int, message: str) -> None:
    code, error = await problem(await client.post(CHECK_PATH, data=body))
    assert code == status
    assert message in error
    assert (await client.post(CHECK_PATH, data=question("next"))).status == 200


async def test_a_full_queue(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 0)
    response = await client.post(CHECK_PATH, data=question("next"))
    assert (response.status, response.headers["Retry-After"]) == (503, "5")


async def test_ten_questions_at_once(client: Client) -> None:
    answers = await asyncio.gather(*(client.post(CHECK_PATH, data=question(str(index))) for index in range(10)))
    assert [answer.status for answer in answers] == [200] * 10


async def test_the_catalogue_is_what_the_process_with_keras_sent(client: Client, builders: Builders) -> None:
    builders.greeting = gzip.compress(b'{"modules": {}}')
    for encoding in ("gzip", "identity"):
        response = await client.get(CATALOGUE_PATH, headers={"Accept-Encoding": encoding})
        assert response.headers.get("Content-Encoding", "identity") == encoding
        assert (response.status, await response.json()) == (200, {"modules": {}})


async def test_health_and_other_paths(client: Client, builders: Builders) -> None:
    assert [(await client.get(path)).status for path in ("/healthz", "/readyz", "/other")] == [200, 200, 404]
    assert (await client.get(CHECK_PATH)).status == 405
    builders._zygote = None
    assert [(await client.get(path)).status for path in ("/healthz", "/readyz", CATALOGUE_PATH)] == [200, 503, 503]
