"""Lists: the objects that they enqueue, and their errors."""

import asyncio
import copy
import gc
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, cast

import pytest
from epochal_operator.runtime.api.errors import Forbidden, Unavailable, error_of
from epochal_operator.runtime.api.pages import Page
from epochal_operator.runtime.api.resource import JOBS, PODS, Key
from epochal_operator.runtime.informer import Informer
from epochal_operator.runtime.kind import store_for
from epochal_operator.runtime.watch.lists import list_source, resync

from tests.unit.operator.fakes import AddedKeys, ByKind
from tests.unit.operator.objects import KIND, document

if TYPE_CHECKING:
    from epochal_operator.runtime.api.kube import Kube

JOB = document()
KEY = Key(JOB["metadata"]["namespace"], JOB["metadata"]["name"])


def informer_of(wanted: AddedKeys) -> Informer:
    return Informer(store_for([KIND]), {KIND: wanted.add})


class Lists(ByKind):
    """An API server with one TrainingJob, which refuses a number of lists of Jobs."""

    def __init__(self, refuses: int, job: Any = JOB) -> None:
        self._refuses = refuses
        self._job = job

    async def list_training_jobs(self, _labels: str, _: str | None) -> AsyncIterator[Page]:
        yield Page([self._job], "70")

    async def list_jobs(self, *_: Any) -> AsyncIterator[Page]:
        self._refuses -= 1
        if self._refuses >= 0:
            raise Unavailable(503, "ServiceUnavailable", "later")
        yield Page([], "7")

    async def list_pods(self, *_: Any) -> AsyncIterator[Page]:
        yield Page([], "7")


async def test_a_new_object_is_enqueued_once_after_all_lists() -> None:
    wanted = AddedKeys()
    informer = informer_of(wanted)
    for _ in range(2):
        await resync(cast("Kube", Lists(refuses=0)), informer, ())
    assert wanted == [KEY]


async def test_nothing_is_enqueued_before_all_lists_are_complete() -> None:
    wanted = AddedKeys()
    informer = informer_of(wanted)
    kube = cast("Kube", Lists(refuses=1))
    with pytest.raises(Unavailable):
        await resync(kube, informer, ())
    informer.enqueue(KIND, KEY)
    informer.enqueue_all()
    assert wanted == []
    await resync(kube, informer, ())
    assert wanted == [KEY]


async def test_a_new_object_is_enqueued_even_if_a_later_page_fails() -> None:
    wanted = AddedKeys()
    informer = informer_of(wanted)
    await resync(cast("Kube", Lists(refuses=0)), informer, ())
    wanted.clear()
    newer = copy.deepcopy(JOB)
    newer["metadata"]["resourceVersion"] = "50"
    with pytest.raises(Unavailable):
        await resync(cast("Kube", Lists(refuses=1, job=newer)), informer, ())
    assert wanted == [KEY]


class Tenants(Lists):
    """An API server that forbids the namespace `gone`, and lists in all namespaces."""

    def __init__(self) -> None:
        super().__init__(refuses=0)
        self.read: list[str | None] = []

    async def list_training_jobs(self, _labels: str, namespace: str | None) -> AsyncIterator[Page]:
        if namespace in {None, "gone"}:
            raise Forbidden(403, "Forbidden", "no")
        self.read.append(namespace)
        yield Page([], "7")


async def test_a_forbidden_namespace_does_not_stop_the_others() -> None:
    tenants = Tenants()
    informer = informer_of(AddedKeys())
    await resync(cast("Kube", tenants), informer, ("first", "gone", "last"))
    assert tenants.read == ["first", "last"]
    with pytest.raises(Forbidden):
        await resync(cast("Kube", tenants), informer, ())


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "cannot list Pods: the API server does not serve them"),
        (410, "cannot list Pods: The provided continue parameter is too old"),
    ],
)
async def test_a_failed_list_is_logged_with_its_cause(status: int, said: str, caplog: pytest.LogCaptureFixture) -> None:
    class Expires(Lists):
        async def list_pods(self, *_: Any) -> AsyncIterator[Page]:
            yield Page([], "7", "token")
            raise error_of(status, {"message": "The provided continue parameter is too old"}, {})

    await resync(cast("Kube", Expires(refuses=0)), informer_of(AddedKeys()), ())
    assert said in caplog.messages


async def test_the_garbage_collector_is_off_until_the_last_list_ends() -> None:
    class Slow(Lists):
        def __init__(self) -> None:
            super().__init__(refuses=0)
            self.ends = asyncio.Event()

        async def list_pods(self, *_: Any) -> AsyncIterator[Page]:
            await self.ends.wait()
            yield Page([], "7")
            raise Unavailable(503, "ServiceUnavailable", "later")

    slow, informer = Slow(), informer_of(AddedKeys())
    jobs, pods = (next(one for one in informer.sources if one.resource == resource) for resource in (JOBS, PODS))
    waiting = asyncio.create_task(list_source(cast("Kube", slow), informer, pods, None))
    await asyncio.sleep(0)
    assert not gc.isenabled()
    await list_source(cast("Kube", slow), informer, jobs, None)
    assert not gc.isenabled()
    slow.ends.set()
    with pytest.raises(Unavailable):
        await waiting
    assert gc.isenabled()
