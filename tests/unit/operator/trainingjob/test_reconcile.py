"""Reconciles of TrainingJobs with a cache and an API server."""

import copy
import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from epochal_api.pod import JOB_ANNOTATION
from epochal_api.trainingjob.spec import parse
from epochal_operator.runtime.api.errors import Forbidden
from epochal_operator.runtime.api.resource import JOBS, Key, Resource
from epochal_operator.runtime.kind import store_for
from epochal_operator.runtime.store import Change
from epochal_operator.trainingjob import reconcile
from epochal_operator.trainingjob.kind import continuing_jobs
from epochal_operator.trainingjob.progress.reported_status import reported_status
from epochal_operator.trainingjob.reconcile import THREAD_BYTES, Reconciler, parse_and_plan
from epochal_operator.trainingjob.resources import TRAINING_JOBS

from tests.unit.operator.api_server import FIRST, SECOND, URI, ApiServer, reconciled, reconciler
from tests.unit.operator.fakes import reconcile_context
from tests.unit.operator.objects import INSTALLATION, KIND, NOW, at, report, required


async def test_follower_starts_after_the_end_of_its_predecessor() -> None:
    server, store, woken = ApiServer(), store_for([KIND]), list[Key]()

    def enqueue(change: Change | None) -> None:
        woken.extend(continuing_jobs(change, store) if change else ())

    reconciler = Reconciler(
        reconcile_context(server, store, on_change=enqueue),
        lambda: INSTALLATION,
        instance="test",
        clock=lambda: NOW + timedelta(seconds=1),
    )

    async def state(key: Key) -> tuple[str, str, str]:
        assert await reconciler.reconcile(key) is None
        ready = server.ready(key.name)
        return server.documents[key.name]["status"]["state"], ready["reason"], ready["message"]

    store.put(TRAINING_JOBS, server.put("second", continueFrom={"name": "first"}, epochs=20))
    assert (await state(SECOND))[:2] == ("Queued", "ContinueFromNotFound")
    assert woken == []

    enqueue(store.put(TRAINING_JOBS, server.put("first")))
    assert (await state(FIRST))[0] == "Queued"
    assert set(woken) == {SECOND}
    _, reason, message = await state(SECOND)
    assert (reason, "first, which is Queued" in message) == ("ContinueFromUnfinished", True)
    assert list(server.jobs) == ["first"]

    woken.clear()
    figures = reported_status(report(artifacts={"uri": URI}), NOW)
    store.put(
        TRAINING_JOBS,
        await server.apply_status(TRAINING_JOBS, *FIRST, uid="uid-of-first", manager="p", status=figures.dump()),
    )
    store.put(JOBS, server.end("first"))
    assert (await state(FIRST))[0] == "Complete"
    assert woken == [SECOND]
    assert (await state(SECOND))[:2] == ("Queued", "Queued")
    pod = server.jobs["second"]["spec"]["template"]["metadata"]
    source = required(parse(json.loads(pod["annotations"][JOB_ANNOTATION])).spec.training.continue_from)
    assert (source.uri, source.name, source.from_) == (URI, None, "Last")

    woken.clear()
    enqueue(store.remove(TRAINING_JOBS, server.documents["first"]))
    assert await reconciler.reconcile(FIRST) is None
    assert woken == [SECOND]
    job = copy.deepcopy(server.jobs["second"])
    assert (await state(SECOND))[:2] == ("Queued", "Queued")
    assert server.jobs["second"] == job

    store.remove(JOBS, server.jobs.pop("second"))
    assert (await state(SECOND))[:2] == ("Queued", "Queued"), "it remembers where the results are"
    assert server.jobs["second"]["spec"]["template"] == job["spec"]["template"]


class Shared(ApiServer):
    """Another field manager owns a status field that the leader does not set."""

    patches = 0

    async def apply_status(self, _: Resource, namespace: str, name: str, **what: Any) -> Any:
        self.patches += 1
        before = copy.deepcopy(self.documents[name])
        after = await super().apply_status(_, namespace, name, **what)
        self.documents[name]["status"]["completionTime"] = after["status"]["completionTime"] = at(0)
        if after["status"] == before.get("status"):
            self.documents[name] = before  # what changes nothing makes no version
            return copy.deepcopy(before)
        return after


async def test_status_field_of_another_manager_is_written_once() -> None:
    server = Shared()
    store = await reconciled(server)
    patches = server.patches
    assert await reconciler(server, store).reconcile(FIRST) is None
    assert server.patches == patches + 1


class Terminating(ApiServer):
    """A terminating namespace, which refuses new objects."""

    async def create_job(self, job: Any) -> Any:
        raise Forbidden(403, "Forbidden", f"{job['metadata']['name']}: the namespace is being terminated")

    async def create_event(self, event: Any) -> None:
        raise Forbidden(403, "Forbidden", f"{event['metadata']['name']}: the namespace is being terminated")


async def test_terminating_namespace() -> None:
    server, store = Terminating(), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    assert await reconciler(server, store).reconcile(FIRST) == 60
    assert server.documents["first"]["status"]["state"] == "Queued"
    store.remove(TRAINING_JOBS, server.documents["first"])
    assert await reconciler(server, store).reconcile(FIRST) is None


@pytest.mark.parametrize(("length", "in_thread"), [(0, False), (THREAD_BYTES, True)])
async def test_a_large_spec_is_checked_in_a_thread(
    monkeypatch: pytest.MonkeyPatch, length: int, *, in_thread: bool
) -> None:
    threads = list[bool]()

    def plan(*inputs: Any) -> Any:
        threads.append(threading.current_thread() is not threading.main_thread())
        return parse_and_plan(*inputs)

    monkeypatch.setattr(reconcile, "parse_and_plan", plan)
    server, store = ApiServer(), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first", callbacks=[{"callback": "x" * length}]))
    await reconciler(server, store).reconcile(FIRST)
    assert set(threads) == {in_thread}
