"""The fake API server, asked by the operator's client; kopf watches it in test_main.py of the operator."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from epochal_operator.runtime.api import transport
from epochal_operator.runtime.api.errors import ApiError, Conflict, Forbidden, NotFound, Unavailable
from epochal_operator.runtime.api.kube import Kube
from epochal_operator.runtime.api.resource import EVENTS, JOBS
from epochal_operator.runtime.api.transport import Transport
from epochal_operator.trainingjob.resources import TRAINING_JOBS
from epochal_operator.web.pod_auth import PodAuth

from tests.kit.fake.faults import Fault
from tests.kit.fake.server import FakeApiServer
from tests.unit.operator.objects import SPEC

LABEL = "epochal.dev/trainingjob"
PATH = "/apis/batch/v1/namespaces/vision/jobs"


def job(name: str = "digits", **rest: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "vision", "labels": {LABEL: name}}, "spec": {}, **rest}


@pytest.fixture
async def server() -> AsyncIterator[FakeApiServer]:
    async with FakeApiServer("vision") as server:
        yield server


@pytest.fixture
def kube(server: FakeApiServer, monkeypatch: pytest.MonkeyPatch) -> Kube:
    monkeypatch.setattr(transport, "RETRY_SECONDS", 0.001)
    return Kube(Transport(server.client()))


@asynccontextmanager
async def watching(server: FakeApiServer, query: str) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
    async def events(answer: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, Any]]:
        async for line in answer.content:
            event = json.loads(line)
            yield event["type"], event["object"]

    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
        session.get(f"{server.address}{PATH}?watch=true&{query}") as answer,
    ):
        yield events(answer)


async def test_a_written_object_is_read(server: FakeApiServer, kube: Kube) -> None:
    made = await kube.create(JOBS, job())
    uid, version = made["metadata"]["uid"], made["metadata"]["resourceVersion"]
    where, suspended, resumed = (JOBS, "vision", "digits"), {"spec": {"suspend": True}}, {"spec": {"suspend": False}}
    patched = await kube.patch(*where, suspended, uid=uid, resource_version=version, manager="epochal")
    assert await kube.get(JOBS, "vision", "digits") == patched == server.objects.get("jobs", "vision", "digits")
    now = patched["metadata"]["resourceVersion"]
    for seen in ({"uid": "other", "resource_version": now}, {"uid": uid, "resource_version": version}):
        with pytest.raises(Conflict):
            await kube.patch(*where, resumed, **seen, manager="epochal")
    with pytest.raises(Conflict, check=lambda error: error.reason == "AlreadyExists"):
        await kube.create(JOBS, job())
    await kube.transport.request("DELETE", f"{PATH}/digits", body={"preconditions": {"uid": uid}})
    await asyncio.sleep(0.01)
    with pytest.raises(NotFound):
        await kube.get(JOBS, "vision", "digits")
    # A client of an earlier test may still try to watch at the same port.
    assert [request.verb for request in server.asked if request.verb != "watch"][:3] == ["create", "patch", "get"]


async def test_a_status_is_applied_with_its_manager(server: FakeApiServer, kube: Kube) -> None:
    made = server.objects.create("trainingjobs", "vision", {"metadata": {"name": "digits"}, "spec": SPEC})
    uid, version = (made["metadata"][field] for field in ("uid", "resourceVersion"))
    place: dict[str, Any] = {"namespace": "vision", "name": "digits", "uid": uid}
    await kube.apply_status(
        TRAINING_JOBS, **place, manager="epochal", status={"state": "Queued"}, resource_version=version
    )
    with pytest.raises(Conflict):
        await kube.apply_status(
            TRAINING_JOBS, **place, manager="epochal", status={"state": "Running"}, resource_version=version
        )
    after = await kube.apply_status(
        TRAINING_JOBS, **place, manager="epochal-progress", status={"metrics": {"loss": "0.1"}}
    )
    assert after["status"] == {"state": "Queued", "metrics": {"loss": "0.1"}}
    assert after["metadata"]["generation"] == 1


async def test_a_list_is_of_one_version(server: FakeApiServer, kube: Kube) -> None:
    server._page = 2
    for name in "abcde":
        server.objects.create("jobs", "vision", job(name))
    pages = []
    async for page in kube.list(JOBS, labels=LABEL):
        pages.append(page)
        server.objects.delete("jobs", "vision", "abcde"[len(pages)])
        server.objects.create("jobs", "vision", job(f"late-{len(pages)}"))
    assert [item["metadata"]["name"] for page in pages for item in page.items] == list("abcde")
    assert len({page.resource_version for page in pages}) == 1
    assert len(pages) == 3


async def test_only_custom_objects_have_their_kind_in_a_list(server: FakeApiServer, kube: Kube) -> None:
    server.objects.create("jobs", "vision", job())
    server.objects.create("trainingjobs", "vision", job())
    pages = [page for pages in (kube.list(JOBS, labels=LABEL), kube.list(TRAINING_JOBS)) async for page in pages]
    assert [page.items[0].get("kind") for page in pages] == [None, "TrainingJob"]


async def test_the_next_page_may_be_too_late(server: FakeApiServer, kube: Kube) -> None:
    server._page = 1
    for name in "ab":
        server.objects.create("jobs", "vision", job(name))
    pages = kube.list(JOBS, labels=LABEL)
    await anext(pages)
    server.objects.create("jobs", "vision", job("late"))
    server.objects.compact()
    with pytest.raises(NotFound, match="too old"):
        await anext(pages)


async def test_unsupported_field_selectors_are_refused(server: FakeApiServer, kube: Kube) -> None:
    event = {"metadata": {"name": "one", "namespace": "vision"}, "regarding": {"uid": "u"}, "reason": "FailedCreate"}
    await kube.create(EVENTS, event)
    with pytest.raises(Conflict, check=lambda error: error.reason == "AlreadyExists"):
        await kube.create(EVENTS, event)
    events = "/apis/events.k8s.io/v1/events"
    for uid, count in (("u", 1), ("other", 0)):
        query = {"fieldSelector": f"regarding.uid={uid},reason=FailedCreate"}
        assert len((await kube.transport.request("GET", events, query=query))["items"]) == count
    with pytest.raises(ApiError, match=r"field label not supported: regarding\.colour"):
        await kube.transport.request("GET", events, query={"fieldSelector": "regarding.colour=red"})


async def test_a_token_is_reviewed(server: FakeApiServer, kube: Kube) -> None:
    user = {"username": "system:serviceaccount:vision:default"}
    server.tokens["good"] = {"authenticated": True, "audiences": ["epochal.dev"], "user": user}
    auth = PodAuth(kube, "epochal.dev")
    found = await auth.identity("good")
    assert found is not None
    assert found.namespace == "vision"
    assert await auth.identity("bad") is None


async def test_a_watch_starts_at_a_version(server: FakeApiServer) -> None:
    server.objects.create("jobs", "vision", job("before"))
    version = server.objects.version
    server.objects.create("jobs", "vision", job("between"))
    async with watching(server, f"resourceVersion={version}&allowWatchBookmarks=true") as events:
        assert (await anext(events))[1]["metadata"]["name"] == "between"
        server.objects.delete("jobs", "vision", "before")
        kind, last = await anext(events)
        assert (kind, last["metadata"]["resourceVersion"]) == ("DELETED", str(server.objects.version))
        server.objects.create("pods", "vision", job())
        server.watches.bookmark()
        kind, mark = await anext(events)
        assert (kind, mark["metadata"]) == ("BOOKMARK", {"resourceVersion": str(server.objects.version)})
        server.watches.cut()
        assert [event async for event in events] == []


async def test_raw_json_is_sent_instead_of_its_mark(server: FakeApiServer) -> None:
    deep = "[" * 9_900 + "]" * 9_900
    server.objects.raw["@deep"] = deep
    server.objects.create("jobs", "vision", job(spec={"deep": "@deep"}))
    async with aiohttp.ClientSession() as session:
        for query in ("", "/digits", "?watch=true"):
            async with session.get(f"{server.address}{PATH}{query}", read_bufsize=2**20) as answer:
                assert f'"spec": {{"deep": {deep}}}' in (await answer.content.readline()).decode()


async def test_a_watch_from_nowhere_begins_with_all_there_is(server: FakeApiServer) -> None:
    server.objects.create("jobs", "vision", job())
    async with watching(server, "sendInitialEvents=true&resourceVersionMatch=NotOlderThan") as events:
        assert (await anext(events))[0] == "ADDED"
        assert (await anext(events))[1]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_a_watch_from_an_expired_version_gets_an_error(server: FakeApiServer) -> None:
    version = server.objects.version
    server.objects.create("jobs", "vision", job())
    server.objects.compact()
    async with watching(server, f"resourceVersion={version}") as events:
        assert [(kind, error["code"]) async for kind, error in events] == [("ERROR", 410)]


@pytest.mark.parametrize(
    ("what", "kind"),
    [({"status": 403}, Forbidden), ({"status": 500}, Unavailable), ({"cut": True}, Unavailable)],
)
async def test_faults_hit_matching_requests(
    server: FakeApiServer, kube: Kube, what: dict[str, Any], kind: type[Exception]
) -> None:
    made = server.objects.create("jobs", "vision", job())["metadata"]
    seen = {"uid": made["uid"], "resource_version": made["resourceVersion"]}
    server.faults.append(Fault("patch", "jobs", namespace="vision", **what))
    with pytest.raises(kind):
        await kube.without_retries().patch(
            JOBS, "vision", "digits", {"spec": {"suspend": True}}, **seen, manager="epochal"
        )
    await kube.create(JOBS, job("beside"))
    assert bool(server.objects.get("jobs", "vision", "digits")["spec"]) is ("cut" in what)


async def test_a_fault_ends_after_its_times(server: FakeApiServer, kube: Kube) -> None:
    server.faults.append(Fault(verb="create", status=503, times=2))
    await kube.create(JOBS, job())
    assert [request.verb for request in server.asked] == ["create"] * 3


async def test_a_fault_may_act_before_and_after_a_request(server: FakeApiServer, kube: Kube) -> None:
    await kube.create(JOBS, job())
    done: list[bool] = []

    def poll() -> None:
        done.append("suspend" in server.objects.get("jobs", "vision", "digits")["spec"])

    server.faults.append(Fault("patch", "jobs", meanwhile=poll, afterwards=poll))
    made = server.objects.get("jobs", "vision", "digits")["metadata"]
    seen = {"uid": made["uid"], "resource_version": made["resourceVersion"]}
    await kube.patch(JOBS, "vision", "digits", {"spec": {"suspend": True}}, **seen, manager="epochal")
    assert done == [False, True]
