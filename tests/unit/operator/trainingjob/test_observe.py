"""What is seen of a TrainingJob: pods that are its own, and those whose end was not told yet."""

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

from tests.unit.operator.api_server import FIRST, ApiServer, mine, reconciler
from tests.unit.operator.objects import (
    KIND,
    NOW,
    failed,
    last_words,
    report,
    running,
    succeeded,
    true,
)


class Ahead(ApiServer):
    """The end of a Job is told before that of its pod."""

    asked = 0
    pod = mine(failed(code=65, message=last_words("ShapeMismatch", "(28, 28) is not (8, 8)")))

    async def list_pods(self, selector: str, namespace: str) -> AsyncIterator[Page]:
        labels = "epochal.dev/trainingjob=first,epochal.dev/trainingjob-uid=uid-of-first"
        assert (selector, namespace) == (labels, "vision")
        self.asked += 1
        yield Page([self._written(self.pod)], "9")


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


async def test_the_last_words_of_a_pod_that_nothing_was_told_of_are_not_lost() -> None:
    server, store = Ahead(), store_for([KIND])
    server.pod = mine(succeeded("second", last_words("Completed", last=report(epoch=3, sequence=9))))
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    store.put(PODS, mine(failed("crashed")))
    server.end("first")
    server.jobs["first"]["status"] |= {"succeeded": 1, "failed": 1}
    store.put(JOBS, server._written(server.jobs["first"]))
    await reconciler(server, store).reconcile(FIRST)
    assert server.documents["first"]["status"]["progress"]["epoch"] == 3
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
    await reconciler(server, store).reconcile(FIRST)
    store.put(PODS, mine(running()))
    store.put(JOBS, server.end("first"))
    first = reconciler(server, store)
    observed = first.observe(server.documents["first"], {})
    assert len(observed.pods) == 1
    assert (await first.catch_up(server.documents["first"], observed)).pods == ()


FULL_PAGE = FIRST_OBJECTS + 32
"""Pods of 16 KiB after which a list has had a page of its full size."""


@dataclass(frozen=True, eq=False)
class Pages(Transport):
    """An API server that has so many pods of strangers for each TrainingJob, with all that a pod may hold."""

    pods: int = 0

    async def page(self, path: str, query: dict[str, str], max_bytes: int | None) -> Any:  # noqa: ARG002
        name = query["labelSelector"].rsplit("=")[-1].removeprefix("uid-of-")
        begin = int(query.get("continue", 0))
        end = min(begin + int(query["limit"]), self.pods)
        items = json.dumps([_strange(name, number) for number in range(begin, end)])
        page = {
            "metadata": {"resourceVersion": "9", "continue": str(end % self.pods or "")},
            "items": json.loads(items),
        }
        size = len(items)
        del items
        await asyncio.sleep(0)
        return page, size


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
    kube = Kube(Pages(None, pods=pods))
    many = reconciler(kube, store)
    observed = {name: many.observe(made.documents[name], {}) for name in names}
    tracemalloc.start()
    try:
        found = await asyncio.gather(*(many.catch_up(made.documents[name], observed[name]) for name in names))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [len(one.pods) for one in found] == [0] * len(names)
    assert [len(store.find(OWNED_PODS, Key("vision", name))) for name in names] == [pods] * len(names)
    return most


async def test_pods_that_only_bear_the_labels_take_no_more_memory_than_a_page_of_them() -> None:
    one_page = await catching_up(FULL_PAGE, ["first"])
    assert await catching_up(6 * FULL_PAGE, ["first"]) < 2 * one_page
    assert await catching_up(2 * FULL_PAGE, ["first", "second", "third", "fourth"]) < 2 * one_page


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
