"""Reconcile, between what the watches have told and an API server: one TrainingJob goes on from another."""

import copy
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from epochal_api.pod import JOB_ANNOTATION
from epochal_api.trainingjob import parse
from epochal_operator.reconcile import Reconciler
from epochal_operator.reported import reported
from epochal_operator.store import Key, Store

from tests.unit.operator.objects import INSTALLATION, NOW, SPEC, at, document, report, true

if TYPE_CHECKING:
    from epochal_operator.kube import Kube

FIRST, SECOND = Key("vision", "first"), Key("vision", "second")
URI = "s3://results/vision/first/uid-of-first/"


class ApiServer:
    """Keeps what is written to it."""

    def __init__(self) -> None:
        self.version = 100
        self.jobs: dict[str, Any] = {}
        self.statuses: dict[str, Any] = {}
        self.documents: dict[str, Any] = {}

    def put(self, name: str, **training: Any) -> Any:
        made = document(training=SPEC["training"] | training)
        made["metadata"] |= {"name": name, "uid": f"uid-of-{name}"}
        self.documents[name] = made
        return self._written(made)

    def _written(self, thing: Any) -> Any:
        self.version += 1
        thing["metadata"]["resourceVersion"] = str(self.version)
        return copy.deepcopy(thing)

    async def get_training_job(self, namespace: str, name: str) -> Any:
        assert namespace == "vision"
        return copy.deepcopy(self.documents[name])

    async def create_job(self, job: Any) -> Any:
        self.jobs[job["metadata"]["name"]] = job
        job["metadata"] |= {"uid": f"job-of-{job['metadata']['name']}"}
        job["status"] = {}
        return self._written(job)

    async def apply_status(self, namespace: str, name: str, **what: Any) -> Any:
        assert (namespace, what["uid"]) == ("vision", f"uid-of-{name}")
        parts = self.statuses.setdefault(name, {})
        parts[what["manager"]] = what["status"]
        self.documents[name]["status"] = {key: value for part in parts.values() for key, value in part.items()}
        return self._written(self.documents[name])

    async def create_event(self, _: Any) -> None:
        pass

    def end(self, name: str) -> Any:
        """The Job of a TrainingJob completes."""
        self.jobs[name]["status"] = {"conditions": [true("Complete")], "completionTime": at(0)}
        return self._written(self.jobs[name])


async def test_a_watch_that_is_late_starts_nothing_from_an_older_spec() -> None:
    server, store = ApiServer(), Store()
    reconciler = Reconciler(
        cast("Kube", server), store, lambda: INSTALLATION, instance="test", wake=lambda _: None, clock=lambda: NOW
    )
    store.put("TrainingJob", server.put("first", epochs=1))
    server.put("first", epochs=2)
    server.documents["first"]["metadata"]["generation"] = 2
    await reconciler.reconcile(FIRST)
    assert '"epochs":2' in server.jobs["first"]["spec"]["template"]["metadata"]["annotations"][JOB_ANNOTATION]


async def test_it_goes_on_by_itself_once_the_other_one_has_ended() -> None:
    server, store, woken = ApiServer(), Store(), list[Key]()
    reconciler = Reconciler(
        cast("Kube", server),
        store,
        lambda: INSTALLATION,
        instance="test",
        wake=woken.append,
        clock=lambda: NOW + timedelta(seconds=1),
    )

    async def state(key: Key) -> tuple[str, str, str]:
        assert await reconciler.reconcile(key) is None
        status = server.documents[key.name]["status"]
        ready = next(one for one in status["conditions"] if one["type"] == "Ready")
        return status["state"], ready["reason"], ready["message"]

    store.put("TrainingJob", server.put("second", continueFrom={"name": "first"}, epochs=20))
    assert (await state(SECOND))[:2] == ("Queued", "ContinueFromNotFound")
    assert woken == []

    store.put("TrainingJob", server.put("first"))
    assert (await state(FIRST))[0] == "Queued"
    assert woken == [SECOND]
    assert (await state(SECOND))[1:] == (
        "ContinueFromUnfinished",
        "It goes on from the TrainingJob first, which is Queued. It waits until that is Complete or Failed.",
    )
    assert list(server.jobs) == ["first"]

    woken.clear()
    figures = reported(report(artifacts={"uri": URI}), NOW)
    store.put("TrainingJob", await server.apply_status(*FIRST, uid="uid-of-first", manager="p", status=figures.dump()))
    store.put("Job", server.end("first"))
    assert (await state(FIRST))[0] == "Complete"
    assert woken == [SECOND]
    assert (await state(SECOND))[:2] == ("Queued", "Queued")
    pod = server.jobs["second"]["spec"]["template"]["metadata"]
    source = parse(json.loads(pod["annotations"][JOB_ANNOTATION])).spec.training.continue_from
    assert source is not None
    assert source.dump() == {"uri": URI}

    woken.clear()
    store.remove("TrainingJob", server.documents["first"])
    assert await reconciler.reconcile(FIRST) is None
    assert woken == [SECOND]
    job = copy.deepcopy(server.jobs["second"])
    assert (await state(SECOND))[:2] == ("Queued", "Queued")
    assert server.jobs["second"] == job
