"""What a resync finds is wanted looked at, whatever becomes of the rest of it."""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from epochal_operator.kube import Forbidden, Kube, Page, Unavailable
from epochal_operator.resync import resync
from epochal_operator.store import Key, Store

from tests.unit.operator.objects import document

JOB = document()
KEY = Key(JOB["metadata"]["namespace"], JOB["metadata"]["name"])


class Lists:
    """An API server that has one TrainingJob, and no answer to the first lists of Jobs.

    Args:
        refuses: How many of them.
    """

    def __init__(self, refuses: int) -> None:
        self._refuses = refuses

    async def list_training_jobs(self, _: str | None) -> AsyncIterator[Page]:
        yield Page([JOB], "7")

    async def list_jobs(self, *_: Any) -> AsyncIterator[Page]:
        self._refuses -= 1
        if self._refuses >= 0:
            raise Unavailable(503, "ServiceUnavailable", "later")
        yield Page([], "7")

    async def list_pods(self, *_: Any) -> AsyncIterator[Page]:
        yield Page([], "7")


async def test_what_is_new_is_wanted_once() -> None:
    store, wanted = Store(), list[Key]()
    for _ in range(2):
        await resync(cast("Kube", Lists(refuses=0)), store, (), wanted.append)
    assert wanted == [KEY]


async def test_what_is_new_is_wanted_even_if_the_rest_cannot_be_read() -> None:
    store, wanted = Store(), list[Key]()
    kube = cast("Kube", Lists(refuses=1))
    with pytest.raises(Unavailable):
        await resync(kube, store, (), wanted.append)
    await resync(kube, store, (), wanted.append)
    assert wanted == [KEY]


class Tenants(Lists):
    """Namespaces, one of which cannot be read."""

    def __init__(self) -> None:
        super().__init__(refuses=0)
        self.read: list[str | None] = []

    async def list_training_jobs(self, namespace: str | None) -> AsyncIterator[Page]:
        if namespace in {None, "gone"}:
            raise Forbidden(403, "Forbidden", "no")
        self.read.append(namespace)
        yield Page([], "7")


async def test_a_namespace_that_cannot_be_read_is_no_matter_of_the_others() -> None:
    tenants = Tenants()
    await resync(cast("Kube", tenants), Store(), ("first", "gone", "last"), list[Key]().append)
    assert tenants.read == ["first", "last"]
    with pytest.raises(Forbidden):
        await resync(cast("Kube", tenants), Store(), (), list[Key]().append)
