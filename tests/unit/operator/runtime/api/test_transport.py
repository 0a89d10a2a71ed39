"""Requests: retries, errors, and the fence of writes after the leadership ends."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from epochal_operator.runtime.api import transport
from epochal_operator.runtime.api.bounded_reader import BoundedReader, Bounds
from epochal_operator.runtime.api.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from epochal_operator.runtime.api.kube import Kube
from epochal_operator.runtime.api.resource import EVENTS, JOBS
from epochal_operator.runtime.leader import LeaseLost
from epochal_operator.trainingjob.resources import TRAINING_JOBS

from tests.unit.operator.runtime.api.conftest import EVENT, OK, Script, failure


@pytest.mark.parametrize("trouble", [failure(500), failure(503), failure(429), failure(401), None])
async def test_a_temporary_error_is_retried(script: Script, kube: Kube, trouble: tuple[int, dict[str, Any]]) -> None:
    script.answers = [trouble, trouble, OK]
    assert (await kube.get(JOBS, "vision", "digits"))["metadata"]["name"] == "digits"
    assert len(script.asked) == 3


async def test_a_lasting_error_is_raised(script: Script, kube: Kube) -> None:
    script.answers = [failure(503)] * 3
    with pytest.raises(Unavailable, match="error 503"):
        await kube.get(JOBS, "vision", "digits")


async def test_a_client_without_retries_makes_one_attempt(script: Script, kube: Kube) -> None:
    script.answers = [failure(503)] * 3
    with pytest.raises(Unavailable):
        await kube.with_write_deadline(lambda: 5.0).without_retries().create(EVENTS, EVENT)
    assert len(script.asked) == 1


@pytest.mark.parametrize("status", [200, 500])
async def test_a_response_that_is_too_deep_to_parse_is_read(script: Script, kube: Kube, status: int) -> None:
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
        "epochal.dev/spec-omitted": "spec.network: must be nested at most 100 levels deep within spec, found 9901",
    }


async def test_a_response_without_an_object_raises_the_error_of_its_status(script: Script, kube: Kube) -> None:
    script.texts, script.answers = ["[" * 5_000], [(404, {})]
    with pytest.raises(NotFound):
        await kube.get(TRAINING_JOBS, "vision", "digits")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Invalid), (403, Forbidden), (404, NotFound), (409, Conflict), (410, NotFound), (422, Invalid)],
)
async def test_a_refusal_is_raised_at_once(script: Script, kube: Kube, status: int, kind: type[Exception]) -> None:
    script.answers = [failure(status, "Reason")]
    with pytest.raises(kind, match=f"error {status}"):
        await kube.get(JOBS, "vision", "digits")
    assert len(script.asked) == 1


async def test_a_retry_waits_for_the_retry_after_header_up_to_a_maximum(
    script: Script, kube: Kube, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "MAX_RETRY_SECONDS", 0.1)
    script.answers, script.headers = [failure(429), OK], {"Retry-After": "60"}
    started = asyncio.get_running_loop().time()
    async with asyncio.timeout(30):
        await kube.get(JOBS, "vision", "digits")
    assert asyncio.get_running_loop().time() - started >= 0.095


async def test_each_attempt_calls_back(script: Script, kube: Kube) -> None:
    attempts = list[int]()
    client = kube.with_write_deadline(lambda: 5.0).with_reader(BoundedReader(Bounds()))
    client = client.with_callback(lambda: attempts.append(len(script.asked)))
    script.answers = [failure(503), OK]
    await client.get(JOBS, "vision", "digits")
    assert attempts == [1, 2]
    script.answers = [failure(404)]
    with pytest.raises(NotFound):
        await client.without_retries().get(JOBS, "vision", "digits")
    assert attempts == [1, 2, 3]


def _over() -> float:
    raise LeaseLost("the lease has expired")


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
async def test_a_client_that_lost_the_lease_only_reads(
    script: Script, kube: Kube, write: Callable[[Kube], Any]
) -> None:
    script.answers = [OK]
    fenced = kube.with_write_deadline(_over)
    with pytest.raises(LeaseLost):
        await write(fenced)
    await fenced.get(JOBS, "vision", "digits")
    assert [method for method, _ in script.asked] == ["GET"]


async def test_a_write_is_aborted_when_the_lease_expires(script: Script, kube: Kube) -> None:
    script.hangs = True
    end = asyncio.get_running_loop().time() + 0.5

    def seconds_left() -> float:
        left = end - asyncio.get_running_loop().time()
        return left if left > 0 else _over()

    with pytest.raises(LeaseLost):
        async with asyncio.timeout(5):
            await kube.with_write_deadline(seconds_left).create(EVENTS, EVENT)
    assert script.asked
