"""Reconcile, between what the watches have told and an API server: one TrainingJob goes on from another."""

import asyncio
import copy
import itertools
import json
import tracemalloc
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from epochal_api.pod import JOB_ANNOTATION
from epochal_api.trainingjob import parse
from epochal_operator.runtime.errors import ApiError, Conflict, Forbidden, NotFound, Unavailable
from epochal_operator.runtime.kind import store_for
from epochal_operator.runtime.kube import Kube
from epochal_operator.runtime.pages import PAGE, Page
from epochal_operator.runtime.resource import JOBS, PODS, Key, Resource
from epochal_operator.runtime.store import Change, Store
from epochal_operator.runtime.transport import Transport
from epochal_operator.trainingjob.kind import followers
from epochal_operator.trainingjob.progress_status import reported_status
from epochal_operator.trainingjob.reconcile import Reconciler
from epochal_operator.trainingjob.resources import OWNED_PODS, TRAINING_JOBS

from tests.unit.operator.fakes import ByKind, term
from tests.unit.operator.objects import (
    INSTALLATION,
    KIND,
    NOW,
    OWNED_JOBS,
    SPEC,
    at,
    document,
    failed,
    last_words,
    report,
    running,
    true,
)

FIRST, SECOND = Key("vision", "first"), Key("vision", "second")
URI = "s3://results/vision/first/uid-of-first/"


class ApiServer(ByKind):
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

    async def apply_status(self, _: Resource, namespace: str, name: str, **what: Any) -> Any:
        assert (namespace, what["uid"]) == ("vision", f"uid-of-{name}")
        parts = self.statuses.setdefault(name, {})
        parts[what["manager"]] = what["status"]
        self.documents[name]["status"] = {key: value for part in parts.values() for key, value in part.items()}
        return self._written(self.documents[name])

    async def create_event(self, _: Any) -> None:
        pass

    async def list_pods(self, selector: str, namespace: str) -> AsyncIterator[Page]:  # noqa: ARG002
        yield Page([], "9")

    def end(self, name: str) -> Any:
        """The Job of a TrainingJob completes."""
        self.jobs[name]["status"] = {"conditions": [true("Complete")], "completionTime": at(0)}
        return self._written(self.jobs[name])


def reconciler(server: ApiServer, store: Store) -> Reconciler:
    return Reconciler(term(server, store), lambda: INSTALLATION, instance="test", clock=lambda: NOW)


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


class Replaced(ApiServer):
    """Somebody deletes the TrainingJob and makes it anew at the moment that an Event of its end is told."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store

    async def create_event(self, told: Any) -> None:
        if told["reason"] == "Completed":
            self.jobs.clear()
            self.put("first")
            self.documents["first"]["metadata"]["uid"] = "uid-of-the-next"
            self._store.put(TRAINING_JOBS, self._written(self.documents["first"]))

    async def get_job(self, *_: str) -> Any:
        raise NotFound(404, "NotFound", "gone")

    async def apply_status(self, _: Resource, namespace: str, name: str, **what: Any) -> Any:
        assert what["uid"] == self.documents[name]["metadata"]["uid"]
        what["uid"] = f"uid-of-{name}"
        return await super().apply_status(_, namespace, name, **what)


async def test_a_status_never_lands_on_another_one_of_that_name() -> None:
    store = store_for([KIND])
    server = Replaced(store)
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    store.put(JOBS, server.end("first"))
    await reconciler(server, store).reconcile(FIRST)
    assert server.documents["first"]["status"]["state"] == "Queued"
    assert "startTime" not in server.documents["first"]["status"]


class Ahead(ApiServer):
    """The end of a Job is told before that of its pod."""

    asked = 0

    async def list_pods(self, selector: str, namespace: str) -> AsyncIterator[Page]:
        labels = "epochal.dev/trainingjob=first,epochal.dev/trainingjob-uid=uid-of-first"
        assert (selector, namespace) == (labels, "vision")
        self.asked += 1
        pod = mine(failed(code=65, message=last_words("ShapeMismatch", "(28, 28) is not (8, 8)")))
        yield Page([self._written(pod)], "9")


def mine(pod: Any) -> Any:
    pod["metadata"]["labels"] = {"epochal.dev/trainingjob": "first", "epochal.dev/trainingjob-uid": "uid-of-first"}
    pod["metadata"]["ownerReferences"][0]["uid"] = "job-of-first"
    return pod


async def test_the_reason_of_a_pod_is_not_lost_if_the_end_of_its_job_is_told_first() -> None:
    server, store = Ahead(), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    store.put(PODS, mine(running()))
    server.end("first")
    server.jobs["first"]["status"] = {"conditions": [true("Failed", "PodFailurePolicy", "exit code 65")]}
    store.put(JOBS, server._written(server.jobs["first"]))
    await reconciler(server, store).reconcile(FIRST)
    conditions = server.documents["first"]["status"]["conditions"]
    assert {"ShapeMismatch"} == {one["reason"] for one in conditions if one["type"] in {"Ready", "Failed"}}
    assert server.asked == 1


async def test_the_pods_of_one_that_has_ended_are_read_no_more() -> None:
    server, store = Ahead(), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    store.put(JOBS, server.end("first"))
    for _ in range(3):
        await reconciler(server, store).reconcile(FIRST)
    assert server.asked == 1


async def test_a_pod_that_is_there_no_more_is_none_of_a_job_that_has_ended() -> None:
    server, store = ApiServer(), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    first = reconciler(server, store)
    await first.reconcile(FIRST)
    store.put(PODS, mine(running()))
    store.put(JOBS, server.end("first"))
    observed = first._observe(FIRST, server.documents["first"], {})
    assert len(observed.pods) == 1
    assert (await first._catch_up(server.documents["first"], observed)).pods == ()


class Pages(Transport):
    """An API server that has so many pods of strangers for each TrainingJob, with all that a pod may hold."""

    def __init__(self, pods: int) -> None:
        super().__init__(None)
        self._pods = pods

    def once(self) -> "Pages":
        return self

    async def request(self, *_: Any, query: dict[str, str] | None = None, **__: Any) -> Any:
        query = query or {}
        name = query["labelSelector"].rsplit("=")[-1].removeprefix("uid-of-")
        begin = int(query.get("continue", 0))
        end = min(begin + PAGE, self._pods)
        items = json.dumps([_strange(name, number) for number in range(begin, end)])
        page = {
            "metadata": {"resourceVersion": "9", "continue": str(end % self._pods or "")},
            "items": json.loads(items),
        }
        del items
        await asyncio.sleep(0)
        return page


def _strange(name: str, number: int) -> Any:
    pod = labelled(running(f"{name}-{number}"), f"uid-of-{name}")
    pod["metadata"]["labels"]["epochal.dev/trainingjob"] = name
    pod["spec"]["containers"][0]["env"] = [{"name": "a"}] * 1_000
    return pod


async def catching_up(pods: int, names: list[str]) -> int:
    """Returns the bytes that it takes to look for the pods of Jobs that have ended, of so many TrainingJobs at once."""
    made, store = ApiServer(), store_for([KIND])
    for name in names:
        store.put(TRAINING_JOBS, made.put(name))
        await reconciler(made, store).reconcile(Key("vision", name))
        store.put(JOBS, made.end(name))
    kube = Kube(Pages(pods))
    many = Reconciler(term(kube, store), lambda: INSTALLATION, instance="test", clock=lambda: NOW)
    observed = {name: many._observe(Key("vision", name), made.documents[name], {}) for name in names}
    tracemalloc.start()
    try:
        found = await asyncio.gather(*(many._catch_up(made.documents[name], observed[name]) for name in names))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [len(one.pods) for one in found] == [0] * len(names)
    assert [len(store.find(OWNED_PODS, Key("vision", name))) for name in names] == [pods] * len(names)
    return most


async def test_pods_that_only_bear_the_labels_take_no_more_memory_than_a_page_of_them() -> None:
    one_page = await catching_up(PAGE, ["first"])
    assert await catching_up(12 * PAGE, ["first"]) < 2 * one_page
    assert await catching_up(3 * PAGE, ["first", "second", "third", "fourth"]) < 2 * one_page


class Reporting(Ahead):
    """A report comes in while pods are read."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store

    async def list_pods(self, selector: str, namespace: str) -> AsyncIterator[Page]:
        if not self.asked:
            told = reported_status(report(sequence=9, stage="Done"), NOW).dump()
            self._store.put(
                TRAINING_JOBS,
                await self.apply_status(TRAINING_JOBS, *FIRST, uid="uid-of-first", manager="p", status=told),
            )
        async for page in super().list_pods(selector, namespace):
            yield page


async def test_a_report_that_comes_while_pods_are_read_stays() -> None:
    store = store_for([KIND])
    server = Reporting(store)
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    early = reported_status(report(sequence=5), NOW).dump()
    store.put(
        TRAINING_JOBS, await server.apply_status(TRAINING_JOBS, *FIRST, uid="uid-of-first", manager="p", status=early)
    )
    store.put(PODS, mine(running()))
    store.put(JOBS, server.end("first"))
    await reconciler(server, store).reconcile(FIRST)
    status = server.documents["first"]["status"]
    assert (status["state"], status["progress"]["sequence"]) == ("Complete", 9)


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


def labelled(pod: Any, uid: str, owner: str | None = None) -> Any:
    """Returns a pod with the labels of a trainer of the first TrainingJob, or of an earlier one of its name."""
    pod["metadata"]["labels"] = {"epochal.dev/trainingjob": "first", "epochal.dev/trainingjob-uid": uid}
    pod["metadata"]["ownerReferences"] = (
        [{"kind": "Job", "name": "x", "uid": owner, "controller": True}] if owner else []
    )
    return pod


@pytest.mark.parametrize("owner", [None, "job-of-another"])
async def test_a_pod_that_only_bears_the_labels_says_nothing(owner: str | None) -> None:
    server, store = ApiServer(), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    words = last_words("Completed", "", report(attempt=9, artifacts={"uri": "s3://theirs/"}))
    store.put(PODS, labelled(failed("forged", message=words), "uid-of-first", owner))
    store.put(PODS, labelled(running("stranger"), "uid-of-first", owner))
    await reconciler(server, store).reconcile(FIRST)
    status = server.documents["first"]["status"]
    assert status["state"] == "Queued"
    assert not {"results", "progress", "attempt"} & set(status)


async def test_a_pod_of_a_job_that_is_gone_ends_before_another_one_is_made() -> None:
    server, store = ApiServer(), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    store.put(PODS, labelled(running(), "uid-of-first", "job-that-is-gone"))
    await reconciler(server, store).reconcile(FIRST)
    assert server.jobs == {}
    ready = next(one for one in server.documents["first"]["status"]["conditions"] if one["type"] == "Ready")
    assert "once the pod digits-1 has ended" in ready["message"]
    ended = labelled(failed(), "uid-of-first", "job-that-is-gone")
    ended["metadata"]["resourceVersion"] = "44"
    store.put(PODS, ended)
    await reconciler(server, store).reconcile(FIRST)
    assert list(server.jobs) == ["first"]


async def test_a_pod_of_an_earlier_training_of_that_name_is_none_of_this_one() -> None:
    server, store = ApiServer(), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    store.put(PODS, labelled(running(), "uid-of-an-earlier-one", "job-that-is-gone"))
    await reconciler(server, store).reconcile(FIRST)
    await reconciler(server, store).reconcile(FIRST)
    assert server.documents["first"]["status"]["state"] == "Queued"
    assert list(server.jobs) == ["first"]


class Contested(ApiServer):
    """Somebody suspends the Job whenever it is not suspended; or nobody may change it."""

    refused = False

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self.patches: list[float] = []
        self.seconds = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def suspend(self, managers: Any = ("kueue",)) -> Any:
        job = self.jobs["first"]
        job["spec"]["suspend"] = True
        job["metadata"]["managedFields"] = [
            {"manager": manager, "fieldsV1": {"f:spec": {"f:suspend": {}}}} for manager in managers
        ]
        return self._written(job)

    async def get_job(self, *_: str) -> Any:
        return copy.deepcopy(self.jobs["first"])

    async def patch_job(self, *_: str, uid: str, spec: Any) -> Any:
        assert uid == "job-of-first"
        self.patches.append(self.seconds)
        if self.refused:
            raise Forbidden(403, "Forbidden", "jobs.batch is forbidden")
        self.jobs["first"]["spec"] |= spec
        written = self._written(self.jobs["first"])
        self._store.put(JOBS, self.suspend())
        return written

    def ready(self) -> tuple[str, str, str]:
        status = self.documents["first"]["status"]
        ready = next(one for one in status["conditions"] if one["type"] == "Ready")
        return status["state"], ready["reason"], ready["message"]

    async def live(self, seconds: float) -> None:
        """Reconciles as the queue does."""
        reconciler = Reconciler(term(self, self._store), lambda: INSTALLATION, instance="test", clock=self.now)
        while self.seconds < seconds:
            after = await reconciler.reconcile(FIRST)
            self.seconds += after or 300


@pytest.mark.parametrize("refused", [False, True])
async def test_two_writers_of_a_job_overwrite_each_other_ever_more_seldom(refused: bool) -> None:  # noqa: FBT001
    store = store_for([KIND])
    server = Contested(store)
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    store.put(JOBS, server.suspend())
    server.refused = refused
    await server.live(3600)
    assert 15 < len(server.patches) < 25
    gaps = [after - before for before, after in itertools.pairwise(server.patches)]
    assert gaps == sorted(gaps)
    state, reason, message = server.ready()
    assert (state, reason) == ("Queued", "JobRejected" if refused else "FieldConflict")
    assert (
        "jobs.batch is forbidden" if refused else "kueue and Epochal overwrite each other's spec.suspend"
    ) in message


async def test_a_job_that_may_not_be_changed_does_not_hold_back_the_status() -> None:
    store = store_for([KIND])
    server = Contested(store)
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    server.refused = True
    document = server.put("first")
    document["spec"]["suspend"], document["metadata"]["generation"] = True, 2
    server.documents["first"]["spec"]["suspend"] = True
    store.put(TRAINING_JOBS, document)
    store.put(PODS, mine(running()))
    assert await reconciler(server, store).reconcile(FIRST) == 1
    assert server.ready() == (
        "Running",
        "JobRejected",
        "The API server refuses to change its Job (spec.suspend): jobs.batch is forbidden",
    )


async def test_what_somebody_changes_once_is_put_right_at_once() -> None:
    store = store_for([KIND])
    server = Contested(store)
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    store.put(JOBS, server.suspend())
    await reconciler(server, store).reconcile(FIRST)
    assert server.patches == [0]
    assert server.ready()[1] == "Queued"


class Mute(ApiServer):
    """No Event can be created."""

    def __init__(self, error: ApiError) -> None:
        super().__init__()
        self._error = error
        self.order: list[str] = []

    async def create_event(self, told: Any) -> None:
        self.order.append(told["reason"])
        raise self._error

    async def apply_status(self, _: Resource, namespace: str, name: str, **what: Any) -> Any:
        self.order.append(what["status"].get("state", "figures"))
        return await super().apply_status(_, namespace, name, **what)


@pytest.mark.parametrize(
    "error",
    [
        Unavailable(429, "TooManyRequests", "busy"),
        Unavailable(500, "InternalError", "failed calling webhook"),
        Unavailable(0, "TimeoutError", "no answer"),
        Forbidden(403, "Forbidden", "unable to create new content in namespace vision because it is being terminated"),
        NotFound(404, "NotFound", 'namespaces "vision" not found'),
    ],
)
async def test_an_event_that_is_refused_does_not_hold_back_the_status(error: ApiError) -> None:
    server, store = Mute(error), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    store.put(JOBS, server.end("first"))
    assert await reconciler(server, store).reconcile(FIRST) is None
    assert server.documents["first"]["status"]["state"] == "Complete"
    # Before it: whoever is killed in between tells it again.
    assert server.order == ["Queued", "Completed", "Complete"]


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


class Strict(ApiServer):
    """Refuses a status of an older version, as the API server does."""

    conflicts = 0

    async def get_job(self, _: str, name: str) -> Any:
        return copy.deepcopy(self.jobs[name])

    async def apply_status(self, _: Resource, namespace: str, name: str, **what: Any) -> Any:
        if what["resource_version"] != self.documents[name]["metadata"]["resourceVersion"]:
            self.conflicts += 1
            raise Conflict(409, "Conflict", "the object has been modified")
        return await super().apply_status(_, namespace, name, **what)


async def test_what_has_changed_unheard_of_is_read_anew_at_once() -> None:
    server, store = Strict(), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    told = reported_status(report(sequence=9), NOW).dump()
    version = server.documents["first"]["metadata"]["resourceVersion"]
    await server.apply_status(
        TRAINING_JOBS, *FIRST, uid="uid-of-first", manager="p", status=told, resource_version=version
    )
    store.put(JOBS, server.end("first"))
    assert await reconciler(server, store).reconcile(FIRST) is None
    status = server.documents["first"]["status"]
    assert (status["state"], status["progress"]["sequence"], server.conflicts) == ("Complete", 9, 1)


async def test_a_job_that_has_begun_unheard_of_is_not_deleted() -> None:
    server, store = Strict(), store_for([KIND])

    async def patch_job(_: str, name: str, *, uid: str, spec: Any) -> Any:
        assert uid == "job-of-first"
        server.jobs[name]["spec"] |= spec
        return server._written(server.jobs[name])

    server.patch_job = patch_job  # type: ignore[attr-defined]
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    server.jobs["first"]["status"] = {"startTime": at(-9), "failed": 1}
    server._written(server.jobs["first"])
    changed = server.put("first", epochs=20)
    changed["metadata"]["generation"] = server.documents["first"]["metadata"]["generation"] = 2
    store.put(TRAINING_JOBS, changed)
    await reconciler(server, store).reconcile(FIRST)
    assert server.documents["first"]["status"]["startTime"] == at(-9)
    assert list(server.jobs) == ["first"]


class Taken(ApiServer):
    """A Job of the TrainingJob's name is there that no watch has told of.

    Args:
        strips: Whether an admission webhook takes off the labels of each Job.
    """

    def __init__(self, existing: Any = None, *, strips: bool = False) -> None:
        super().__init__()
        self._strips = strips
        if existing is not None:
            self.jobs["first"] = existing
        self.patches: list[Any] = []

    async def create_job(self, job: Any) -> Any:
        if "first" in self.jobs:
            raise Conflict(409, "AlreadyExists", "jobs.batch first already exists")
        made = await super().create_job(job)
        return self._strip(made)

    async def get_job(self, *_: str) -> Any:
        return self._strip(copy.deepcopy(self.jobs["first"]))

    async def patch_job(self, *_: str, uid: str, labels: Any) -> Any:
        self.patches.append(labels)
        assert uid == self.jobs["first"]["metadata"]["uid"]
        self.jobs["first"]["metadata"]["labels"] = labels
        return self._strip(self._written(self.jobs["first"]))

    def _strip(self, job: Any) -> Any:
        return job | {"metadata": job["metadata"] | ({"labels": {}} if self._strips else {})}

    def reason(self) -> tuple[str, str]:
        conditions = self.documents["first"]["status"]["conditions"]
        return next((one["reason"], one["message"]) for one in conditions if one["type"] == "Ready")


def owned(uid: str | None, kind: str = "TrainingJob") -> Any:
    owner = {"apiVersion": "epochal.dev/v1alpha1", "kind": kind, "name": "first", "uid": uid, "controller": True}
    metadata = {"name": "first", "namespace": "vision", "uid": "foreign-job", "resourceVersion": "50"}
    return {"metadata": metadata | {"ownerReferences": [owner] if uid else []}, "spec": {}, "status": {}}


@pytest.mark.parametrize(
    ("existing", "reason"),
    [
        (owned(None), "NameConflict"),
        (owned("somebody", "CronJob"), "NameConflict"),
        (owned("uid-of-an-earlier-one"), "Cleanup"),
    ],
)
async def test_a_job_of_others_is_never_taken_for_ones_own(existing: Any, reason: str) -> None:
    server, store = Taken(existing), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    assert server.reason()[0] == reason
    assert server.patches == []
    assert store.find(OWNED_JOBS, FIRST).get(FIRST) is None


async def test_a_job_of_ones_own_that_lost_its_label_gets_it_back() -> None:
    server, store = Taken(owned("uid-of-first") | {"spec": {"parallelism": 1, "suspend": False}}), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    assert len(server.patches) == 1
    assert server.reason()[0] == "Queued"
    assert store.find(OWNED_JOBS, FIRST).get(FIRST) is not None


async def test_a_label_that_something_takes_off_again_and_again_is_told() -> None:
    server, store = Taken(strips=True), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    assert await reconciler(server, store).reconcile(FIRST) == 60
    assert await reconciler(server, store).reconcile(FIRST) == 60
    assert len(server.patches) == 1
    reason, message = server.reason()
    assert reason == "JobRejected"
    assert "takes the label epochal.dev/trainingjob off its Job" in message
