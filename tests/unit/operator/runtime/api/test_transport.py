"""Requests: what is tried again, what is raised, and what a leader may no longer write."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from epochal_operator.runtime.api.bounded_reader import BoundedReader, Bounds
from epochal_operator.runtime.api.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from epochal_operator.runtime.api.kube import Kube
from epochal_operator.runtime.api.resource import EVENTS, JOBS
from epochal_operator.runtime.leader import LeaseLost
from epochal_operator.trainingjob.resources import TRAINING_JOBS

from tests.unit.operator.runtime.api.conftest import Script

OK = (200, {"metadata": {"name": "digits", "resourceVersion": "1"}})
EVENT = {"metadata": {"name": "digits.1", "namespace": "vision"}}


def failure(status: int, reason: str = "") -> tuple[int, dict[str, Any]]:
    return status, {"kind": "Status", "reason": reason, "message": f"told {status}"}


@pytest.mark.parametrize("trouble", [failure(500), failure(503), failure(429), failure(401), None])
async def test_what_may_pass_is_tried_again(script: Script, kube: Kube, trouble: tuple[int, dict[str, Any]]) -> None:
    script.answers = [trouble, trouble, OK]
    assert (await kube.get(JOBS, "vision", "digits"))["metadata"]["name"] == "digits"
    assert len(script.asked) == 3


async def test_what_does_not_pass_ends(script: Script, kube: Kube) -> None:
    script.answers = [failure(503)] * 3
    with pytest.raises(Unavailable, match="told 503"):
        await kube.get(JOBS, "vision", "digits")


async def test_whoever_tries_again_himself_has_one_try(script: Script, kube: Kube) -> None:
    script.answers = [failure(503)] * 3
    with pytest.raises(Unavailable):
        await kube.fenced(lambda: 5.0).once().create(EVENTS, EVENT)
    assert len(script.asked) == 1


@pytest.mark.parametrize("status", [200, 500])
async def test_an_answer_too_deep_for_a_reader_is_read(script: Script, kube: Kube, status: int) -> None:
    deep = "[" * 9_900 + "]" * 9_900
    script.texts = [f'{{"metadata":{{"name":"digits"}},"spec":{{"suspend":true,"network":{deep}}}}}'] * 3
    script.answers = [(status, {})] * 3
    if status == 500:
        with pytest.raises(Unavailable, match="HTTP 500"):
            await kube.get(TRAINING_JOBS, "vision", "digits")
        return
    job = await kube.get(TRAINING_JOBS, "vision", "digits")
    assert job == {
        "metadata": {"name": "digits"},
        "spec": {"suspend": True},
        "unread": "spec.network: must be nested at most 100 levels deep within spec, found 9901",
    }


async def test_an_answer_that_is_no_object_is_an_error_of_its_status(script: Script, kube: Kube) -> None:
    script.texts, script.answers = ["[" * 5_000], [(404, {})]
    with pytest.raises(NotFound):
        await kube.get(TRAINING_JOBS, "vision", "digits")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Invalid), (403, Forbidden), (404, NotFound), (409, Conflict), (410, NotFound), (422, Invalid)],
)
async def test_what_is_refused_is_told_at_once(script: Script, kube: Kube, status: int, kind: type[Exception]) -> None:
    script.answers = [failure(status, "Reason")]
    with pytest.raises(kind, match=f"told {status}"):
        await kube.get(JOBS, "vision", "digits")
    assert len(script.asked) == 1


async def test_a_server_that_wants_to_be_left_alone_is(script: Script, kube: Kube) -> None:
    script.answers, script.headers = [failure(429), OK], {"Retry-After": "1"}
    begun = asyncio.get_running_loop().time()
    await kube.get(JOBS, "vision", "digits")
    assert asyncio.get_running_loop().time() - begun >= 0.95


async def test_each_request_that_ends_is_counted(script: Script, kube: Kube) -> None:
    ended = list[int]()
    observed = (
        kube.fenced(lambda: 5.0).reading(BoundedReader(Bounds())).observed(lambda: ended.append(len(script.asked)))
    )
    script.answers = [failure(503), OK]
    await observed.get(JOBS, "vision", "digits")
    assert ended == [1, 2]
    script.answers = [failure(404)]
    with pytest.raises(NotFound):
        await observed.once().get(JOBS, "vision", "digits")
    assert ended == [1, 2, 3]


def _over() -> float:
    raise LeaseLost("the lease has run out")


WRITES: Sequence[Callable[[Kube], Any]] = (
    lambda kube: kube.create(EVENTS, EVENT),
    lambda kube: kube.create(JOBS, {"metadata": {"namespace": "vision"}}, manager="epochal"),
    lambda kube: kube.replace(JOBS, {"metadata": {"namespace": "vision", "name": "digits"}}),
    lambda kube: kube.patch(JOBS, "vision", "digits", {}, uid="u", resource_version="1", manager="epochal"),
    lambda kube: kube.delete(JOBS, "vision", "digits", uid="u", resource_version="1"),
    lambda kube: kube.delete(TRAINING_JOBS, "vision", "digits", uid="u", resource_version="1"),
    lambda kube: kube.apply_status(TRAINING_JOBS, "vision", "digits", uid="u", manager="epochal", status={}),
)


@pytest.mark.parametrize("write", WRITES)
async def test_whoever_lost_the_lease_reads_but_writes_nothing(
    script: Script, kube: Kube, write: Callable[[Kube], Any]
) -> None:
    script.answers = [OK]
    fenced = kube.fenced(_over)
    with pytest.raises(LeaseLost):
        await write(fenced)
    await fenced.get(JOBS, "vision", "digits")
    assert [method for method, _ in script.asked] == ["GET"]


async def test_a_write_ends_with_the_lease(script: Script, kube: Kube) -> None:
    script.hangs = True
    end = asyncio.get_running_loop().time() + 0.5

    def seconds_left() -> float:
        left = end - asyncio.get_running_loop().time()
        return left if left > 0 else _over()

    with pytest.raises(LeaseLost):
        async with asyncio.timeout(5):
            await kube.fenced(seconds_left).create(EVENTS, EVENT)
    assert script.asked
