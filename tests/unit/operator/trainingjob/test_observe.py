"""The observed children of a TrainingJob: only its own pods, with those that the cache lacks."""

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from epochal_operator.runtime.api.kube import Kube
from epochal_operator.runtime.api.pages import FIRST_OBJECTS, Page
from epochal_operator.runtime.api.resource import JOBS, PODS, Key
from epochal_operator.runtime.api.transport import Transport
from epochal_operator.runtime.kind import store_for
from epochal_operator.runtime.store import Store
from epochal_operator.trainingjob.progress.reported_status import reported_status
from epochal_operator.trainingjob.resources import OWNED_PODS, TRAINING_JOBS

from tests.unit.operator.api_server import FIRST, ApiServer, mine, reconciled, reconciler
from tests.unit.operator.objects import KIND, NOW, failed, report, running, succeeded, termination, true


class EndedJob(ApiServer):
    """The cache receives the end of a Job before the end of its pod."""

    asked = 0
    pod = mine(failed(code=65, message=termination("ShapeMismatch", "(28, 28) is not (8, 8)")))

    async def list_pods(self, selector: str, namespace: str) -> AsyncIterator[Page]:
        labels = "epochal.dev/trainingjob=first,epochal.dev/trainingjob-uid=uid-of-first"
        assert (selector, namespace) == (labels, "vision")
        self.asked += 1
        yield Page([self._written(self.pod)], "9")


async def test_reason_of_a_pod_is_read_if_its_job_ends_first_in_the_cache() -> None:
    server = EndedJob()
    store = await reconciled(server)
    store.put(PODS, mine(running()))
    server.end("first")
    server.jobs["first"]["status"] = {"conditions": [true("Failed", "PodFailurePolicy", "exit code 65")]}
    store.put(JOBS, server._written(server.jobs["first"]))
    await reconciler(server, store).reconcile(FIRST)
    conditions = server.documents["first"]["status"]["conditions"]
    assert {"ShapeMismatch"} == {one["reason"] for one in conditions if one["type"] in {"Ready", "Failed"}}
    assert server.asked == 1


async def test_termination_message_of_an_uncached_pod_is_read() -> None:
    server, store = EndedJob(), store_for([KIND])
    server.pod = mine(succeeded("second", termination("Completed", last=report(epoch=3, sequence=9))))
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    store.put(PODS, mine(failed("crashed")))
    server.end("first")
    server.jobs["first"]["status"] |= {"succeeded": 1, "failed": 1}
    store.put(JOBS, server._written(server.jobs["first"]))
    await reconciler(server, store).reconcile(FIRST)
    assert server.documents["first"]["status"]["progress"]["epoch"] == 3
    assert server.asked == 1


async def test_pods_of_a_finished_job_are_listed_once() -> None:
    server = EndedJob()
    store = await reconciled(server)
    store.put(JOBS, server.end("first"))
    for _ in range(3):
        await reconciler(server, store).reconcile(FIRST)
    assert server.asked == 1


async def test_deleted_pod_is_not_observed() -> None:
    server = ApiServer()
    store = await reconciled(server)
    store.put(PODS, mine(running()))
    store.put(JOBS, server.end("first"))
    first = reconciler(server, store)
    observed = first.observe(server.documents["first"], {})
    assert len(observed.pods) == 1
    assert (await first.catch_up(server.documents["first"], observed)).pods == ()


FULL_PAGE = FIRST_OBJECTS + 32
"""Number of pods of 16 KiB after which a list has reached its full page size."""


@dataclass(frozen=True, eq=False)
class Pages(Transport):
    """An API server with many large foreign pods that have the labels of each TrainingJob."""

    pods: int = 0

    async def page(self, path: str, query: dict[str, str], max_bytes: int | None) -> Any:  # noqa: ARG002
        name = query["labelSelector"].rsplit("=")[-1].removeprefix("uid-of-")
        begin = int(query.get("continue", 0))
        end = min(begin + int(query["limit"]), self.pods)
        items = json.dumps([_foreign_pod(name, number) for number in range(begin, end)])
        page = {
            "metadata": {"resourceVersion": "9", "continue": str(end % self.pods or "")},
            "items": json.loads(items),
        }
        size = len(items)
        del items
        await asyncio.sleep(0)
        return page, size


def _foreign_pod(name: str, number: int) -> Any:
    pod = labelled(running(f"{name}-{number}"), f"uid-of-{name}")
    pod["metadata"]["labels"]["epochal.dev/trainingjob"] = name
    pod["spec"]["containers"][0]["env"] = [{"name": "a"}] * 1_000
    return pod


async def peak_memory(pods: int, names: list[str]) -> int:
    """Returns the peak memory in bytes of concurrent lists of the pods of ended Jobs."""
    made, store = ApiServer(), store_for([KIND])
    for name in names:
        store.put(TRAINING_JOBS, made.put(name))
        await reconciler(made, store).reconcile(Key("vision", name))
        store.put(JOBS, made.end(name))
    kube = Kube(Pages(None, pods=pods))
    many = reconciler(kube, store)
    observed = {name: many.observe(made.documents[name], {}) for name in names}
    tracemalloc.start()
    try:
        observations = await asyncio.gather(*(many.catch_up(made.documents[name], observed[name]) for name in names))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [len(one.pods) for one in observations] == [0] * len(names)
    assert [len(store.find(OWNED_PODS, Key("vision", name))) for name in names] == [pods] * len(names)
    return most


async def test_memory_of_listed_pods_is_bounded_by_a_page() -> None:
    one_page = await peak_memory(FULL_PAGE, ["first"])
    assert await peak_memory(3 * FULL_PAGE, ["first"]) < 2 * one_page
    assert await peak_memory(FULL_PAGE, ["first", "second", "third"]) < 2 * one_page


class Reporting(EndedJob):
    """A report arrives while pods are listed."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store

    async def list_pods(self, selector: str, namespace: str) -> AsyncIterator[Page]:
        if not self.asked:
            reported = reported_status(report(sequence=9, stage="Done"), NOW).dump()
            self._store.put(
                TRAINING_JOBS,
                await self.apply_status(TRAINING_JOBS, *FIRST, uid="uid-of-first", manager="p", status=reported),
            )
        async for page in super().list_pods(selector, namespace):
            yield page


async def test_report_during_a_list_is_kept() -> None:
    store = store_for([KIND])
    server = Reporting(store)
    await reconciled(server, store)
    early = reported_status(report(sequence=5), NOW).dump()
    store.put(
        TRAINING_JOBS, await server.apply_status(TRAINING_JOBS, *FIRST, uid="uid-of-first", manager="p", status=early)
    )
    store.put(PODS, mine(running()))
    store.put(JOBS, server.end("first"))
    await reconciler(server, store).reconcile(FIRST)
    status = server.documents["first"]["status"]
    assert (status["state"], status["progress"]["sequence"]) == ("Complete", 9)


def labelled(pod: Any, uid: str, owner: str | None = None) -> Any:
    """Returns a pod with the labels of a trainer of the first TrainingJob, or of an earlier one of its name."""
    pod["metadata"]["labels"] = {"epochal.dev/trainingjob": "first", "epochal.dev/trainingjob-uid": uid}
    pod["metadata"]["ownerReferences"] = (
        [{"kind": "Job", "name": "x", "uid": owner, "controller": True}] if owner else []
    )
    return pod


@pytest.mark.parametrize("owner", [None, "job-of-another"])
async def test_pod_with_forged_labels_is_ignored(owner: str | None) -> None:
    server = ApiServer()
    store = await reconciled(server)
    words = termination("Completed", "", report(attempt=9, artifacts={"uri": "s3://theirs/"}))
    store.put(PODS, labelled(failed("forged", message=words), "uid-of-first", owner))
    store.put(PODS, labelled(running("stranger"), "uid-of-first", owner))
    await reconciler(server, store).reconcile(FIRST)
    status = server.documents["first"]["status"]
    assert status["state"] == "Queued"
    assert not {"results", "progress", "attempt"} & set(status)


async def test_orphan_pod_delays_the_next_job() -> None:
    server, store = ApiServer(), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    store.put(PODS, labelled(running(), "uid-of-first", "job-that-is-gone"))
    await reconciler(server, store).reconcile(FIRST)
    assert server.jobs == {}
    assert "once the pod digits-1 has ended" in server.ready()["message"]
    ended = labelled(failed(), "uid-of-first", "job-that-is-gone")
    ended["metadata"]["resourceVersion"] = "44"
    store.put(PODS, ended)
    await reconciler(server, store).reconcile(FIRST)
    assert list(server.jobs) == ["first"]


async def test_pod_of_an_earlier_training_job_is_ignored() -> None:
    server, store = ApiServer(), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    store.put(PODS, labelled(running(), "uid-of-an-earlier-one", "job-that-is-gone"))
    await reconciler(server, store).reconcile(FIRST)
    await reconciler(server, store).reconcile(FIRST)
    assert server.documents["first"]["status"]["state"] == "Queued"
    assert list(server.jobs) == ["first"]
