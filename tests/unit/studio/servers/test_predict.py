"""POST /api/servers/NS/NAME/predict: pictures and requests of Open Inference, through the API server's proxy."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from epochal_studio.servers import refusals, routes
from epochal_studio.servers.options import MAX_BYTES

from tests.unit.server.protocols.test_preprocess import sheet, stored
from tests.unit.studio.servers.conftest import KEY, PATH, Models

ONE = stored(sheet((180, 100)))
TWO = stored(sheet((100, 100), (280, 100)), "JPEG")
INPUT = {"name": "image", "datatype": "FP32", "shape": [1, 28, 28, 1], "data": np.zeros(28 * 28).tolist()}


async def test_a_picture(models: Models) -> None:
    found = await models.predict(ONE)
    assert (found.status, found.headers["Content-Type"]) == (200, "application/json")
    content = found.json()
    assert (content["class"], content["name"], content["probability"]) == (1, "one", 1.0)
    assert "image" not in content


async def test_its_options(models: Models) -> None:
    shown = (await models.predict(ONE, query="?show=true&several=false")).json()
    assert shown["image"].startswith("data:image/png;base64,")
    several = (await models.predict(TWO, "image/jpeg", "?several=true&show=1")).json()
    assert [each["class"] for each in several["predictions"]] == [1, 1]
    assert [path for _, path, _ in models.pod.heard] == ["/predict?show=true", "/predict?several=true&show=true"]


async def test_a_request_of_open_inference(models: Models) -> None:
    found = await models.predict({"inputs": [INPUT]}, "application/json")
    [output] = found.json()["outputs"]
    assert (found.status, output["name"], output["shape"], output["data"][1]) == (200, "digit", [1, 10], 1.0)
    assert models.pod.heard[0][:2] == ("POST", "/v2/models/digits/infer")


async def test_the_server_gets_type_length_and_key_alone(keyed: Models) -> None:
    headers = {"Cookie": "other=1", "Sec-Fetch-Site": "same-origin", "Accept-Language": "de"}
    assert (await keyed.predict(ONE, key=KEY, headers=headers)).status == 200
    [(_, _, heard)] = keyed.pod.heard
    expected = {"X-API-Key": KEY, "Content-Type": "image/png", "Content-Length": str(len(ONE))}
    assert {name: heard[name] for name in expected} == expected
    assert set(heard) - set(expected) == {"Host", "Accept", "Accept-Encoding", "User-Agent", "X-Forwarded-For"}


async def test_a_picture_without_a_key(keyed: Models) -> None:
    found = await keyed.predict(ONE)
    assert (found.status, found.json()["reason"]) == (403, "KeyRequired")
    assert not found.headers.getall("Set-Cookie", [])
    assert (await keyed.predict(ONE, key="another key of 16 characters")).status == 403


async def test_a_large_body_is_a_stream(models: Models) -> None:
    size = 7 * 2**20
    received: list[int] = []

    async def answer(request: web.Request) -> web.Response:
        received.extend([len(part) async for part in request.content.iter_any()])
        return web.json_response({"class": 1})

    async def body() -> AsyncIterator[bytes]:
        for _ in range(size // 2**16):
            yield bytes(2**16)

    models.pod.answer = answer
    headers = {"Content-Type": "image/png", "Content-Length": str(size)}
    found = await models.ask("POST", "/predict", body(), headers=headers)
    assert (found.status, found.json()) == (200, {"class": 1})
    assert (sum(received), max(received) <= 2**18) == (size, True)
    assert models.pod.heard[0][2]["Content-Length"] == str(size)


@pytest.mark.parametrize(
    ("content_type", "query", "status", "reason"),
    [
        ("text/plain", "", 415, "WrongType"),
        ("image/svg+xml", "", 415, "WrongType"),
        ("multipart/form-data; boundary=b", "", 415, "WrongType"),
        ("image/png", "?fit=pad", 400, "Invalid"),
        ("image/png", "?show=yes", 400, "Invalid"),
        ("image/png", "?show=true&show=true", 400, "Invalid"),
        ("image/png", "?show=true%26several%3Dtrue", 400, "Invalid"),
        ("application/json", "?show=true", 400, "Invalid"),
    ],
)
async def test_what_no_server_is_asked(models: Models, content_type: str, query: str, status: int, reason: str) -> None:
    found = await models.predict(ONE, content_type, query)
    assert (found.status, found.json()["reason"]) == (status, reason)
    assert models.pod.heard == []


async def test_a_body_above_the_limit_of_the_server_or_of_studio_is_not_read(models: Models) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"a"  # aiohttp sends the head with the first part
        await asyncio.Event().wait()

    patch = {"spec": {"limits": {"requestBytes": 1000}}}
    models.studio.server.objects.patch("modelservers", "vision", "digits", patch)
    for size, limit in ((1001, "accepts at most 1,000"), (MAX_BYTES + 1, "32 MiB")):
        headers = {"Content-Type": "image/png", "Content-Length": str(size)}
        found = await models.ask("POST", "/predict", endless(), headers=headers)
        assert (found.status, found.json()["reason"], limit in found.json()["message"]) == (413, "TooLarge", True)
    assert models.pod.heard == []


async def test_an_answer_before_the_end_of_the_body(models: Models) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield bytes(2**16)
        await asyncio.Event().wait()

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"error": "the server needs no more"}, status=415)

    models.pod.answer = answer
    headers = {"Content-Type": "image/png", "Content-Length": str(2**20)}
    found = await models.ask("POST", "/predict", endless(), headers=headers)
    assert (found.status, found.json()["reason"]) == (415, "UnsupportedType")
    assert models.studio.state.predictions.count == 0


async def test_a_server_without_a_pod(models: Models) -> None:
    models.studio.set_status("modelservers", "digits", {"state": "Stopped", "conditions": []})
    found = await models.predict(ONE)
    assert (found.status, found.json()["reason"], "Stopped" in found.json()["message"]) == (503, "NotReady", True)
    assert models.pod.heard == []


async def test_a_user_without_the_right(models: Models) -> None:
    models.studio.alice.denied.add(("create", "services/proxy"))
    found = await models.predict(ONE)
    assert (found.status, found.json()["reason"]) == (403, "Forbidden")
    assert "the right to create services/proxy in the namespace vision is missing" in found.json()["message"]
    assert models.pod.heard == []
    assert (await models.show())["page"]["name"] == "digits"


@pytest.mark.parametrize(
    ("body", "content_type", "status", "reason", "message"),
    [
        (b"no picture", "image/png", 400, "Invalid", "ModelServer digits: the file is not a JPEG, PNG or WebP"),
        (b"{}", "application/json", 400, "Invalid", "inputs"),
        (ONE, "application/json", 415, "UnsupportedType", "found a PNG picture"),
    ],
)
async def test_the_message_of_the_server_stays(  # noqa: PLR0917
    models: Models, body: bytes, content_type: str, status: int, reason: str, message: str
) -> None:
    found = await models.predict(body, content_type)
    assert (found.status, found.json()["reason"]) == (status, reason)
    assert message in found.json()["message"]
    assert found.json()["remedy"]


STATUS = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "of the way"}


@pytest.mark.parametrize(
    ("status", "body", "retry", "expected", "reason"),
    [
        (400, {"error": "e"}, "", 400, "Invalid"),
        (401, {"error": "e"}, "", 403, "KeyRequired"),
        (403, {"error": "e"}, "", 502, "ServerFailed"),
        (404, {"error": "e"}, "", 404, "NotFound"),
        (408, {"error": "e"}, "", 408, "Timeout"),
        (413, {"error": "e"}, "", 413, "TooLarge"),
        (415, {"error": "e"}, "", 415, "UnsupportedType"),
        (429, {"error": "e"}, "7", 429, "Overloaded"),
        (429, {"error": "e"}, "soon", 429, "Overloaded"),
        (429, {"error": "e"}, "99999999999", 429, "Overloaded"),
        (500, {"error": "e"}, "", 502, "ServerFailed"),
        (503, {"error": "e"}, "3", 503, "NotReady"),
        (307, {"error": "e"}, "", 502, "ServerFailed"),
        (401, STATUS, "", 503, "Unreachable"),
        (403, STATUS, "", 403, "Forbidden"),
        (404, STATUS, "", 503, "NotReady"),
        (429, STATUS, "", 503, "Overloaded"),
        (500, STATUS, "", 502, "Unreachable"),
        (503, STATUS, "", 503, "NotReady"),
        (502, "error trying to reach service: EOF", "", 502, "Unreachable"),
    ],
)
async def test_each_refusal_has_a_status_a_reason_and_a_remedy(  # noqa: PLR0917
    models: Models, status: int, body: Any, retry: str, expected: int, reason: str
) -> None:
    async def answer(_: web.Request) -> web.Response:
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        headers = {"Location": "http://127.0.0.1:1", **({"Retry-After": retry} if retry else {})}
        return web.Response(status=status, body=content, headers=headers)

    models.pod.answer = answer
    found = await models.predict(ONE)
    problem = found.json()
    assert (found.status, problem["reason"], bool(problem["message"]), bool(problem["remedy"])) == (
        expected, reason, True, True,
    )  # fmt: skip
    if retry:
        assert found.headers.get("Retry-After", "") == (retry if len(retry) == 1 else "")
    assert models.studio.state.refused_tokens._first == {}
    assert models.studio.state.predictions.count == 0


async def test_an_answer_is_json_of_bounded_size(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = {"body": b'"%b"' % (b"a" * 100), "content_type": "application/json", "headers": {}}

    async def answer(_: web.Request) -> web.Response:
        return web.Response(**answered)  # type: ignore[arg-type]

    models.pod.answer = answer
    assert (await models.predict(ONE)).status == 200
    monkeypatch.setattr(routes, "MAX_ANSWER", 101)
    found = await models.predict(ONE)
    assert (found.status, found.json()["reason"]) == (422, "TooLarge")
    monkeypatch.undo()
    answered["content_type"] = "text/html"
    assert (await models.predict(ONE)).status == 502
    answered |= {"content_type": "application/json", "headers": {"Content-Encoding": "gzip"}}
    assert (await models.predict(ONE)).status == 502


async def test_a_server_that_never_answers_and_predictions_of_a_user_are_bounded(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "PREDICT_SECONDS", 1.0)
    ended: list[bool] = []

    async def answer(_: web.Request) -> web.Response:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)
        return web.Response()

    models.pod.answer = answer
    waiting = [asyncio.create_task(models.predict(ONE)) for _ in range(4)]
    await models.wait(lambda: models.studio.state.predictions.count == 4)
    refused = await models.predict(ONE)
    assert (refused.status, refused.json()["reason"]) == (503, "Overloaded")
    assert [found.status for found in await asyncio.gather(*waiting)] == [504] * 4
    assert models.studio.state.predictions.count == 0
    await models.wait(lambda: len(ended) == len(models.pod.heard) == 4)  # the requests to the pod have ended, too


async def test_a_slow_browser_is_not_the_fault_of_the_server(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "PREDICT_SECONDS", 0.5)

    async def slow() -> AsyncIterator[bytes]:
        yield ONE[:10]
        await asyncio.sleep(5)
        yield ONE[10:]

    headers = {"Content-Type": "image/png", "Content-Length": str(len(ONE))}
    found = await models.studio.send("POST", f"{PATH}/predict", slow(), **headers)
    problem = found.json()
    assert (found.status, problem["reason"]) == (408, "Timeout")
    assert "model server" not in problem["message"]


async def test_a_large_refusal_is_not_parsed(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []

    def status(body: bytes) -> None:
        parsed.append(len(body))

    monkeypatch.setattr(refusals, "status_of_kubernetes", status)

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=b'{"error": "x", "a": [' + b"[]," * 10**6 + b"0]}", status=400)

    models.pod.answer = answer
    assert (await models.predict(ONE)).status == 400
    assert max(parsed) <= refusals.MAX_ERROR


async def test_a_browser_that_leaves_ends_the_request(models: Models) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return web.Response()

    models.pod.answer = answer
    asked = asyncio.create_task(models.predict(ONE))
    await began.wait()
    asked.cancel()
    await models.wait(lambda: models.studio.state.predictions.count == 0 and ended.is_set())


async def test_no_log_has_the_key(
    models: Models, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("DEBUG")
    assert (await models.predict(ONE, key=KEY)).status == 200

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(f"a fault with {KEY}")

    monkeypatch.setattr(routes, "refusal", fail)
    assert (await models.predict(b"no picture", key=KEY)).status == 500
    assert "a fault with ***" in caplog.text
    assert KEY not in caplog.text
