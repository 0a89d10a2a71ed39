"""Reconcile, between what the watches have told and an API server: one TrainingJob goes on from another."""

import copy
import json
from datetime import timedelta
from typing import Any

from epochal_api.pod import JOB_ANNOTATION
from epochal_api.trainingjob.spec import parse
from epochal_operator.runtime.api.errors import Forbidden
from epochal_operator.runtime.api.resource import JOBS, Key, Resource
from epochal_operator.runtime.kind import store_for
from epochal_operator.runtime.store import Change
from epochal_operator.trainingjob.kind import followers
from epochal_operator.trainingjob.progress.reported_status import reported_status
from epochal_operator.trainingjob.reconcile import Reconciler
from epochal_operator.trainingjob.resources import TRAINING_JOBS

from tests.unit.operator.api_server import FIRST, SECOND, URI, ApiServer, reconciler
from tests.unit.operator.fakes import term
from tests.unit.operator.objects import (
    INSTALLATION,
    KIND,
    NOW,
    at,
    report,
)


async def test_a_watch_that_is_late_starts_nothing_from_an_older_spec() -> None:
    server, store = ApiServer(), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first", epochs=1))
    server.put("first", epochs=2)
    server.documents["first"]["metadata"]["generation"] = 2
    await reconciler(server, store).reconcile(FIRST)
    assert '"epochs":2' in server.jobs["first"]["spec"]["template"]["metadata"]["annotations"][JOB_ANNOTATION]


async def test_it_goes_on_by_itself_once_the_other_one_has_ended() -> None:
    server, store, woken = ApiServer(), store_for([KIND]), list[Key]()

    def told(change: Change | None) -> None:
        woken.extend(followers(change, store) if change else ())

    reconciler = Reconciler(
        term(server, store, wrote=told),
        lambda: INSTALLATION,
        instance="test",
        clock=lambda: NOW + timedelta(seconds=1),
    )

    async def state(key: Key) -> tuple[str, str, str]:
        assert await reconciler.reconcile(key) is None
        status = server.documents[key.name]["status"]
        ready = next(one for one in status["conditions"] if one["type"] == "Ready")
        return status["state"], ready["reason"], ready["message"]

    store.put(TRAINING_JOBS, server.put("second", continueFrom={"name": "first"}, epochs=20))
    assert (await state(SECOND))[:2] == ("Queued", "ContinueFromNotFound")
    assert woken == []

    told(store.put(TRAINING_JOBS, server.put("first")))
    assert (await state(FIRST))[0] == "Queued"
    assert set(woken) == {SECOND}
    assert (await state(SECOND))[1:] == (
        "ContinueFromUnfinished",
        "It goes on from the TrainingJob first, which is Queued. It waits until that is Complete or Failed.",
    )
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
    source = parse(json.loads(pod["annotations"][JOB_ANNOTATION])).spec.training.continue_from
    assert source is not None
    assert (source.uri, source.name, source.from_) == (URI, None, "Last")

    woken.clear()
    told(store.remove(TRAINING_JOBS, server.documents["first"]))
    assert await reconciler.reconcile(FIRST) is None
    assert woken == [SECOND]
    job = copy.deepcopy(server.jobs["second"])
    assert (await state(SECOND))[:2] == ("Queued", "Queued")
    assert server.jobs["second"] == job

    store.remove(JOBS, server.jobs.pop("second"))
    assert (await state(SECOND))[:2] == ("Queued", "Queued"), "it remembers where the results are"
    assert server.jobs["second"]["spec"]["template"] == job["spec"]["template"]


class Shared(ApiServer):
    """Somebody else holds a field of the status that the leader has no use for: it stays."""

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


async def test_a_field_that_others_hold_is_not_written_again_and_again() -> None:
    server, store = Shared(), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    patches = server.patches
    assert await reconciler(server, store).reconcile(FIRST) is None
    assert server.patches == patches + 1


class Terminating(ApiServer):
    """The namespace is being deleted: nothing new may be created in it."""

    async def create_job(self, job: Any) -> Any:
        raise Forbidden(403, "Forbidden", f"{job['metadata']['name']}: the namespace is being terminated")

    async def create_event(self, told: Any) -> None:
        raise Forbidden(403, "Forbidden", f"{told['metadata']['name']}: the namespace is being terminated")


async def test_a_namespace_that_is_being_deleted_ends_as_it_should() -> None:
    server, store = Terminating(), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    assert await reconciler(server, store).reconcile(FIRST) == 60
    assert server.documents["first"]["status"]["state"] == "Queued"
    store.remove(TRAINING_JOBS, server.documents["first"])
    assert await reconciler(server, store).reconcile(FIRST) is None
