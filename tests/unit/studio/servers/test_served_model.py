"""GET /api/servers/NS/NAME: the description of a model, as its server sends it to its own page."""

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web
from epochal_studio.servers import description
from epochal_studio.servers.description import parsed
from pydantic import ValidationError

from tests.kit.served import digits
from tests.unit.studio.servers.conftest import KEY, Models

PAGE: dict[str, Any] = {
    "name": "digits",
    "version": "1",
    "runtime": "Keras",
    "inputs": [],
    "outputs": [],
    "images": "None",
    "example": None,
    "limits": {"request_bytes": 1},
}


async def test_the_model_in_the_words_of_its_page(models: Models) -> None:
    found = await models.show()
    assert found["server"] == {"kind": "ModelServer", "namespace": "vision", "name": "digits"}
    assert (found["isReady"], found["state"], found["needsKey"], found["problem"]) == (True, "Ready", False, None)
    page = found["page"]
    assert (page["name"], page["images"], page["runtime"]) == ("digits", "Digit", "ONNX Runtime")
    assert page["inputs"] == [{"name": "image", "dtype": "float32", "shape": [-1, 28, 28, 1]}]
    assert page["outputs"][0]["classes"][7] == "seven"
    assert page["limits"] == {"request_bytes": digits().limits.request_bytes}


async def test_the_server_gets_the_key_and_no_header_of_the_browser(keyed: Models) -> None:
    headers = {"Cookie": "other=1", "Sec-Fetch-Site": "same-origin", "X-Forwarded-For": "1.2.3.4", "Epochal-Page": "1"}
    assert (await keyed.show(key=KEY, headers=headers))["page"]["name"] == "digits"
    [(method, path, heard)] = keyed.pod.heard
    assert (method, path, heard["X-API-Key"]) == ("GET", "/page/model.json", KEY)
    assert heard["User-Agent"] == "epochal-studio"
    assert heard["X-Forwarded-For"] == "127.0.0.1"  # of the API server
    assert not {"Authorization", "Origin", "Cookie", "Sec-Fetch-Site", "Epochal-Page"} & set(heard)


async def test_a_key_goes_to_the_api_server_alone_as_a_header(keyed: Models) -> None:
    await keyed.show(key=KEY)
    proxied = [headers for path, headers in keyed.studio.server.heard if "/proxy/" in path]
    assert [headers["Authorization"] for headers in proxied] == ["Bearer alice"]
    assert not [path for path, _ in keyed.studio.server.heard if KEY in path]


@pytest.mark.parametrize("key", ["", "another key of 16 characters"])
async def test_a_missing_or_wrong_key_is_asked_for_and_ends_no_session(keyed: Models, key: str) -> None:
    for _ in range(3):
        found = await keyed.show(key=key)
        assert (found["needsKey"], found["page"], found["isReady"]) == (True, None, True)
        assert found["problem"]["reason"] == "KeyRequired"
        cause = "does not know this key" if key else "asks for a key"
        assert found["problem"]["message"] == f"ModelServer digits {cause}."
        assert "spec.auth" in found["problem"]["remedy"]
        assert not key or key not in found["problem"]["message"]
    assert keyed.studio.state.refused_tokens._first == {}
    assert (await keyed.show(key=KEY))["needsKey"] is False


async def test_https_is_told_to_the_proxy(models: Models) -> None:
    models.studio.server.objects.patch(
        "modelservers", "vision", "digits", {"spec": {"tls": {"secretRef": {"name": "c"}}}}
    )
    assert (await models.show())["problem"]["reason"] == "NotReady"
    models.proxies["services", "vision", "https:digits:https"] = models.pod.address
    assert (await models.show())["page"]["name"] == "digits"


async def test_a_server_without_a_pod_is_not_asked(models: Models) -> None:
    waiting = {"type": "Ready", "status": "False", "reason": "ModelMissing", "message": "TrainingJob mnist is running"}
    models.studio.set_status("modelservers", "digits", {"state": "Waiting", "conditions": [waiting]})
    found = await models.show()
    assert (found["isReady"], found["state"], found["page"]) == (False, "Waiting", None)
    assert (found["problem"]["reason"], "TrainingJob mnist is running" in found["problem"]["message"]) == (
        "NotReady",
        True,
    )
    assert models.pod.heard == []


async def test_a_server_that_is_new_is_pending(models: Models) -> None:
    models.studio.create("modelservers", "new", {})
    async with models.studio.client.get("/api/servers/vision/new", headers={"Authorization": "Bearer alice"}) as found:
        content = await found.json()
    assert (content["state"], content["isReady"], content["problem"]["reason"]) == ("Pending", False, "NotReady")


async def test_a_user_without_the_right_reads_its_name(models: Models) -> None:
    models.studio.alice.denied.add(("get", "services/proxy"))
    problem = (await models.show())["problem"]
    assert problem["reason"] == "Forbidden"
    assert "the right to get services/proxy in the namespace vision is missing" in problem["message"]
    assert "ClusterRole edit has it, and view does not" in problem["remedy"]
    assert models.pod.heard == []


async def test_a_user_who_may_not_read_the_server(models: Models) -> None:
    assert (await models.ask("GET", "", user="bob")).status == 403
    assert (await models.ask("GET", "", user="nobody")).status in {401, 503}
    assert models.pod.heard == []


async def test_an_unknown_server(models: Models) -> None:
    models.studio.server.objects.delete("modelservers", "vision", "digits")
    found = await models.ask("GET", "")
    assert (found.status, found.json()["reason"]) == (404, "NotFound")


async def test_pods_that_the_api_server_does_not_reach(models: Models) -> None:
    models.proxies["services", "vision", "digits:http"] = "http://127.0.0.1:1"
    problem = (await models.show())["problem"]
    assert (problem["reason"], "connection refused" in problem["message"]) == ("Unreachable", True)
    assert "serverNetworkPolicy.from" in problem["remedy"]


async def test_pods_that_have_just_ended(models: Models) -> None:
    del models.proxies["services", "vision", "digits:http"]
    problem = (await models.show())["problem"]
    assert (problem["reason"], "no endpoints available" in problem["message"]) == ("NotReady", True)


FORGED = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 401, "reason": "Unauthorized"}


@pytest.mark.parametrize(
    ("status", "body", "content_type", "reason"),
    [
        (200, b"{}", "application/json", "ServerFailed"),
        (200, b"[" * 100_000, "application/json", "ServerFailed"),
        (200, json.dumps({**PAGE, "x": "\ud800"}).encode(), "application/json", "ServerFailed"),
        (200, json.dumps(PAGE).encode(), "text/html", "ServerFailed"),
        (200, json.dumps({**PAGE, "x": "a" * description.MAX_PAGE}).encode(), "application/json", "ServerFailed"),
        (302, b"", "text/html", "ServerFailed"),
        (500, b"<html>", "text/html", "ServerFailed"),
        (404, b'{"error": "unknown path"}', "application/json", "NotFound"),
        (429, b'{"error": "queue is full"}', "application/json", "Overloaded"),
        (503, b'{"error": "the model is not loaded yet"}', "application/json", "NotReady"),
        (401, json.dumps(FORGED).encode(), "application/json", "Unreachable"),
    ],
)
async def test_any_answer_of_a_server_has_a_problem(
    models: Models, status: int, body: bytes, content_type: str, reason: str
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(
            status=status, body=body, content_type=content_type, headers={"Location": "http://127.0.0.1:1"}
        )

    models.pod.answer = answer
    found = await models.show()
    assert (found["page"], found["problem"]["reason"], found["needsKey"]) == (None, reason, False)
    assert len(models.pod.heard) == 1  # no redirect was followed
    assert models.studio.state.refused_tokens._first == {}


async def test_a_server_that_sends_slowly_is_cut_off(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(description, "SECONDS", 0.3)

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.02)

    models.pod.answer = answer
    found = await models.show()
    assert (found["page"], found["problem"]["reason"]) == (None, "Unreachable")
    assert models.studio.state.model_reads.count == 0


async def test_the_reads_of_a_user_are_bounded(models: Models) -> None:
    held, free = asyncio.Event(), asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        held.set()
        await free.wait()
        return web.json_response(PAGE)

    models.pod.answer = answer
    waiting = [asyncio.create_task(models.show()) for _ in range(3)]
    await held.wait()
    await models.wait(lambda: models.studio.state.model_reads.count == 3)
    refused = await models.ask("GET", "")
    assert (refused.status, refused.json()["reason"]) == (503, "Overloaded")
    free.set()
    assert [found["page"] for found in await asyncio.gather(*waiting)] == [PAGE] * 3


@pytest.mark.parametrize("key", ["ключ длиннее шестнадцати", "a" * 2000, "a\tb"])
async def test_a_key_that_no_header_can_have_is_not_sent(models: Models, key: str) -> None:
    found = await models.ask("GET", "", headers={"X-API-Key": key})
    assert (found.status, key in found.text) == (400, False)
    assert models.pod.heard == []


@pytest.mark.parametrize(
    "content",
    [
        b"", b"null", b"[]", b'{"name": "digits"}', b"[" * 3000,
        json.dumps({**PAGE, "images": "All"}).encode(),
        json.dumps({**PAGE, "inputs": [{"name": 1}]}).encode(),
        json.dumps({**PAGE, "outputs": [{"name": "y", "dtype": "float32", "shape": []}] * 1000}).encode(),
        json.dumps({**PAGE, "version": "X"}).replace('"X"', "NaN").encode(),
        json.dumps({**PAGE, "x": "X"}).replace('"X"', "[" * 900 + "]" * 900).encode(),
        json.dumps({**PAGE, "x": "X"}).replace('"X"', "9" * 5000).encode(),
    ],
)  # fmt: skip
def test_content_that_no_page_can_read(content: bytes) -> None:
    assert parsed(content) is None


def test_fields_of_newer_servers_stay() -> None:
    newer: dict[str, Any] = {**PAGE, "newer": {"field": [1, 2.5, "é", None]}}
    assert parsed(json.dumps(newer).encode()) == newer


def test_a_list_of_faults_ends_at_the_first() -> None:
    tensor = {"name": "x", "dtype": "float32", "shape": [], "classes": [1] * 5_000}
    with pytest.raises(ValidationError) as caught:
        description._Description.model_validate({**PAGE, "inputs": [tensor]})
    assert caught.value.error_count() == 1
