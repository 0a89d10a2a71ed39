"""What lists tell: what is new, what is gone, and from when on all is known; whatever becomes of the rest of them."""

import copy
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from epochal_operator.runtime.inventory import Inventory, Listing, resync
from epochal_operator.runtime.kube import Forbidden, Kube, Page, Unavailable
from epochal_operator.runtime.store import KINDS, Key, Store

from tests.unit.operator.objects import document

JOB = document()
KEY = Key(JOB["metadata"]["namespace"], JOB["metadata"]["name"])


class Lists:
    """An API server that has one TrainingJob, and no answer to the first lists of Jobs.

    Args:
        refuses: How many of them.
        job: The TrainingJob.
    """

    def __init__(self, refuses: int, job: Any = JOB) -> None:
        self._refuses = refuses
        self._job = job

    async def list_training_jobs(self, _: str | None) -> AsyncIterator[Page]:
        yield Page([self._job], "70")

    async def list_jobs(self, *_: Any) -> AsyncIterator[Page]:
        self._refuses -= 1
        if self._refuses >= 0:
            raise Unavailable(503, "ServiceUnavailable", "later")
        yield Page([], "7")

    async def list_pods(self, *_: Any) -> AsyncIterator[Page]:
        yield Page([], "7")


async def test_what_is_new_is_wanted_once_when_all_is_known() -> None:
    wanted = list[Key]()
    inventory = Inventory(Store(), wanted.append)
    for _ in range(2):
        await resync(cast("Kube", Lists(refuses=0)), inventory, ())
    assert wanted == [KEY]


async def test_what_is_known_in_part_is_not_to_be_looked_at() -> None:
    wanted = list[Key]()
    inventory = Inventory(Store(), wanted.append)
    kube = cast("Kube", Lists(refuses=1))
    with pytest.raises(Unavailable):
        await resync(kube, inventory, ())
    inventory.want(KEY)
    inventory.want_all()
    assert wanted == []
    await resync(kube, inventory, ())
    assert wanted == [KEY]


async def test_what_is_new_is_wanted_even_if_the_rest_cannot_be_read() -> None:
    wanted = list[Key]()
    inventory = Inventory(Store(), wanted.append)
    await resync(cast("Kube", Lists(refuses=0)), inventory, ())
    wanted.clear()
    newer = copy.deepcopy(JOB)
    newer["metadata"]["resourceVersion"] = "50"
    with pytest.raises(Unavailable):
        await resync(cast("Kube", Lists(refuses=1, job=newer)), inventory, ())
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
    inventory = Inventory(Store(), list[Key]().append)
    await resync(cast("Kube", tenants), inventory, ("first", "gone", "last"))
    assert tenants.read == ["first", "last"]
    with pytest.raises(Forbidden):
        await resync(cast("Kube", tenants), inventory, ())


def in_namespace(namespace: str) -> Any:
    return JOB | {"metadata": JOB["metadata"] | {"namespace": namespace, "uid": f"uid-in-{namespace}"}}


def test_each_namespace_is_looked_at_once_it_is_known() -> None:
    wanted = list[Key]()
    inventory = Inventory(Store(), wanted.append)
    for namespace in ("first", "last"):
        listing = Listing(inventory, "TrainingJob", namespace)
        listing.take(Page([in_namespace(namespace)], "50"))
        listing.end("50")
    for kind in KINDS[1:]:
        Listing(inventory, kind, "last").end("50")
    assert wanted == [Key("last", "digits")]


async def test_one_object_that_cannot_be_understood_is_no_matter_of_the_others() -> None:
    wanted = list[Key]()
    inventory = Inventory(Store(), wanted.append)
    bad = in_namespace("bad") | {"spec": {"training": "none"}}
    listing = Listing(inventory, "TrainingJob", None)
    listing.take(Page([bad, JOB], "50"))
    listing.end("50")
    assert inventory.store.training_job_keys() == [KEY]
