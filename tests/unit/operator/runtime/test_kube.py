"""Requests to the API server: what is tried again, what is raised, and what a leader may no longer write."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml
from aiohttp import web
from epochal_operator.runtime import kube as module
from epochal_operator.runtime.kube import (
    Conflict,
    Forbidden,
    Invalid,
    Kube,
    NotFound,
    Unavailable,
)
from epochal_operator.runtime.leader import LeaseLost
from hypothesis import example, given
from hypothesis import strategies as st
from kubernetes.aio.client import ApiClient, Configuration

OK = (200, {"metadata": {"name": "digits", "resourceVersion": "1"}})
EVENT = {"metadata": {"name": "digits.1", "namespace": "vision"}}


def failure(status: int, reason: str = "") -> tuple[int, dict[str, Any]]:
    return status, {"kind": "Status", "reason": reason, "message": f"told {status}"}


class Script:
    """A server that gives answers by a script and keeps what it was asked; None is a connection that breaks off."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, Any]] | None] = []
        self.texts: list[str] = []
        self.headers: dict[str, str] = {}
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[str] = []
        self.hangs = False

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.method, request.path_qs))
        self.bodies.append(await request.text())
        if self.hangs:
            await asyncio.sleep(30)
        told = self.answers.pop(0)
        if told is not None and self.texts:
            return web.Response(text=self.texts.pop(0), status=told[0])
        if told is not None:
            return web.json_response(told[1], status=told[0], headers=self.headers)
        response = web.StreamResponse()
        response.content_length = 1000
        await response.prepare(request)
        await response.write(b'{"metadata": {')
        assert request.transport is not None
        request.transport.abort()
        return response


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.001)
    return Script()


@pytest.fixture
async def kube(script: Script) -> AsyncIterator[Kube]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", script.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    configuration = Configuration()
    configuration.host = f"http://127.0.0.1:{runner.addresses[0][1]}"
    kube = Kube(ApiClient(configuration))
    yield kube
    await kube.close()
    await runner.cleanup()


@pytest.mark.parametrize("trouble", [failure(500), failure(503), failure(429), failure(401), None])
async def test_what_may_pass_is_tried_again(script: Script, kube: Kube, trouble: tuple[int, dict[str, Any]]) -> None:
    script.answers = [trouble, trouble, OK]
    assert (await kube.get_job("vision", "digits"))["metadata"]["name"] == "digits"
    assert len(script.asked) == 3


async def test_what_does_not_pass_ends(script: Script, kube: Kube) -> None:
    script.answers = [failure(503)] * 3
    with pytest.raises(Unavailable, match="told 503"):
        await kube.get_job("vision", "digits")


async def test_whoever_tries_again_himself_has_one_try(script: Script, kube: Kube) -> None:
    script.answers = [failure(503)] * 3
    with pytest.raises(Unavailable):
        await kube.fenced(lambda: 5.0).once().create_event(EVENT)
    assert len(script.asked) == 1


@pytest.mark.parametrize("status", [200, 500])
async def test_an_answer_too_deep_for_a_reader_is_read(script: Script, kube: Kube, status: int) -> None:
    deep = "[" * 9_900 + "]" * 9_900
    script.texts = [f'{{"metadata":{{"name":"digits"}},"spec":{{"suspend":true,"network":{deep}}}}}'] * 3
    script.answers = [(status, {})] * 3
    if status == 500:
        with pytest.raises(Unavailable, match="HTTP 500"):
            await kube.get_training_job("vision", "digits")
        return
    job = await kube.get_training_job("vision", "digits")
    assert job == {
        "metadata": {"name": "digits"},
        "spec": {"suspend": True},
        "unread": "spec.network: must be nested at most 100 levels deep within spec, found 9901",
    }


async def test_an_answer_that_is_no_object_is_an_error_of_its_status(script: Script, kube: Kube) -> None:
    script.texts, script.answers = ["[" * 5_000], [(404, {})]
    with pytest.raises(NotFound):
        await kube.get_training_job("vision", "digits")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Invalid), (403, Forbidden), (404, NotFound), (409, Conflict), (410, NotFound), (422, Invalid)],
)
async def test_what_is_refused_is_told_at_once(script: Script, kube: Kube, status: int, kind: type[Exception]) -> None:
    script.answers = [failure(status, "Reason")]
    with pytest.raises(kind, match=f"told {status}"):
        await kube.get_job("vision", "digits")
    assert len(script.asked) == 1


async def test_a_server_that_wants_to_be_left_alone_is(script: Script, kube: Kube) -> None:
    script.answers, script.headers = [failure(429), OK], {"Retry-After": "1"}
    begun = asyncio.get_running_loop().time()
    await kube.get_job("vision", "digits")
    assert asyncio.get_running_loop().time() - begun >= 0.95


def event(version: str) -> dict[str, Any]:
    return {"metadata": {"name": f"digits.{version}", "resourceVersion": version}}


async def test_events_are_listed_then_watched(script: Script, kube: Kube) -> None:
    ended = {"type": "ERROR", "object": {"kind": "Status", "code": 410}}
    script.answers = [
        (200, {"metadata": {"resourceVersion": "7", "continue": "more"}, "items": [event("3")]}),
        (200, {"metadata": {"resourceVersion": "7"}, "items": [event("5")]}),
        (200, {"type": "ADDED", "object": event("8")}),
        (200, {"type": "DELETED", "object": event("9")}),
        (200, ended),
    ]
    told = [one["metadata"]["resourceVersion"] async for one in kube.watch_events("reason=FailedCreate", "vision")]
    assert told == ["3", "5", "8"]
    watches = [dict(parse_qsl(urlsplit(path).query)) for _, path in script.asked if "watch" in path]
    assert [one["resourceVersion"] for one in watches] == ["7", "8", "9"]
    assert {one["fieldSelector"] for one in watches} == {"reason=FailedCreate"}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(failure(403), Forbidden), (failure(410), NotFound), (failure(500), Unavailable), (None, Unavailable)],
)
async def test_a_watch_that_is_refused_says_so(script: Script, kube: Kube, answer: Any, kind: type[Exception]) -> None:
    script.answers = [(200, {"metadata": {"resourceVersion": "7"}, "items": []}), answer]
    with pytest.raises(kind):
        await anext(kube.watch_events("reason=FailedCreate"))


async def test_a_job_is_deleted_only_as_it_was_read(script: Script, kube: Kube) -> None:
    script.answers = [OK]
    await kube.delete_job("vision", "digits", uid="u", resource_version="41")
    assert json.loads(script.bodies[0])["preconditions"] == {"uid": "u", "resourceVersion": "41"}


async def test_an_event_that_exists_is_told(script: Script, kube: Kube) -> None:
    script.answers = [failure(409, "AlreadyExists")]
    await kube.create_event(EVENT)


async def test_an_event_that_met_a_conflict_is_not_told(script: Script, kube: Kube) -> None:
    script.answers = [failure(409, "Conflict")]
    with pytest.raises(Conflict):
        await kube.create_event(EVENT)


async def test_a_list_comes_in_pages(script: Script, kube: Kube) -> None:
    first = {"metadata": {"resourceVersion": "7", "continue": "more"}, "items": [{"metadata": {"name": "a"}}]}
    last = {"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"name": "b"}}]}
    script.answers = [(200, first), (200, last)]
    pages = [page async for page in kube.list_jobs("epochal.dev/trainingjob", "vision")]
    assert [[one["metadata"]["name"] for one in page.items] for page in pages] == [["a"], ["b"]]
    assert {page.resource_version for page in pages} == {"7"}
    assert "continue=more" in script.asked[1][1]


def _over() -> float:
    raise LeaseLost("the lease has run out")


WRITES: Sequence[Callable[[Kube], Any]] = (
    lambda kube: kube.create_event(EVENT),
    lambda kube: kube.create_job({"metadata": {"namespace": "vision"}}),
    lambda kube: kube.patch_job("vision", "digits", uid="u"),
    lambda kube: kube.delete_job("vision", "digits", uid="u", resource_version="1"),
    lambda kube: kube.delete_training_job("vision", "digits", uid="u", resource_version="1"),
    lambda kube: kube.apply_status("vision", "digits", uid="u", manager="epochal", status={}),
)


@pytest.mark.parametrize("write", WRITES)
async def test_whoever_lost_the_lease_reads_but_writes_nothing(
    script: Script, kube: Kube, write: Callable[[Kube], Any]
) -> None:
    script.answers = [OK]
    fenced = kube.fenced(_over)
    with pytest.raises(LeaseLost):
        await write(fenced)
    await fenced.get_job("vision", "digits")
    assert [method for method, _ in script.asked] == ["GET"]


async def test_a_write_ends_with_the_lease(script: Script, kube: Kube) -> None:
    script.hangs = True
    end = asyncio.get_running_loop().time() + 0.5

    def seconds_left() -> float:
        left = end - asyncio.get_running_loop().time()
        return left if left > 0 else _over()

    with pytest.raises(LeaseLost):
        async with asyncio.timeout(5):
            await kube.fenced(seconds_left).create_event(EVENT)
    assert script.asked


# PyYAML takes and refuses the same escapes and characters as the API server.
@given(
    st.dictionaries(
        # A key of YAML has at most 1,024 characters, each escape six: the API's have at most 128 in all.
        st.text(st.characters(exclude_categories=["Cs"]), max_size=128),
        st.text(st.characters(exclude_categories=["Cs"])),
    )
)
@example({"loss of \U0001f600": "\x07 \x85 \u2028 \ufeff \uffff \U0010ffff \\ud83d\\ude00"})
def test_what_is_applied_is_yaml(document: dict[str, str]) -> None:
    assert yaml.safe_load(module._yaml(document)) == document


async def test_a_status_is_applied_as_yaml(script: Script, kube: Kube) -> None:
    script.answers = [OK]
    await kube.apply_status("vision", "digits", uid="u", manager="epochal", status={"metrics": {"\U0001f600": 1.0}})
    assert yaml.safe_load(script.bodies[0])["status"] == {"metrics": {"\U0001f600": 1.0}}
