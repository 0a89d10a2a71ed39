"""The controller with the fake API server and kopf: lists, missed changes, hostile objects."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import Any

import kopf
import pytest
from epochal_operator.runtime.api.resource import Key
from epochal_operator.runtime.watch import kopf_watch
from epochal_operator.trainingjob.resources import OWNED_PODS, TRAINING_JOBS
from prometheus_client import CollectorRegistry

from tests.kit.fake.faults import Fault
from tests.kit.fake.server import FakeApiServer
from tests.unit.operator.controlled import controlled, until
from tests.unit.operator.objects import KIND, document, pod

HOSTILE = {
    "lists": "[" * 9_900 + "]" * 9_900,
    "objects": '{"a":' * 4_950 + "1" + "}" * 4_950,
    "size": "[" + ",".join(["[]"] * 400_000) + "]",
}
COUNT = {"result": "error"}


@pytest.fixture
async def server() -> AsyncIterator[FakeApiServer]:
    async with FakeApiServer("vision", "slow") as server:
        server.objects.raw |= {f"@{kind}": text for kind, text in HOSTILE.items()}
        yield server


@pytest.fixture
def controlling(server: FakeApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path / "kubeconfig")))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    def controlling(*namespaces: str, registry: CollectorRegistry | None = None) -> Any:
        return controlled([KIND], server, namespaces=namespaces, registry=registry)

    return controlling


def create(server: FakeApiServer, *names: str, namespace: str = "vision", **spec: Any) -> None:
    for name in names:
        made = document(**{"suspend": True} | spec) | {"metadata": {"name": name, "labels": {}}}
        server.objects.create("trainingjobs", namespace, made)


def condition(server: FakeApiServer, name: str, kind: str) -> tuple[str, str, str] | None:
    found = server.objects.get("trainingjobs", "vision", name).get("status", {}).get("conditions", [])
    return next(((one["status"], one["reason"], one["message"]) for one in found if one["type"] == kind), None)


async def wait_ready(server: FakeApiServer, *names: str) -> None:
    await until(lambda: all((condition(server, name, "Ready") or ("False",))[0] == "True" for name in names))


def lists(server: FakeApiServer, resource: str) -> int:
    return sum(one.verb == "list" and one.resource == resource for one in server.asked)


async def test_all_objects_are_listed_once_in_growing_pages(server: FakeApiServer, controlling: Any) -> None:
    """etcd takes 1.5 MiB of each object, and the operator has 768 MiB."""
    names = [f"digits-{number}" for number in range(60)]
    create(server, *names)
    async with controlling():
        await wait_ready(server, *names)
        create(server, "later")
        await wait_ready(server, "later")
    assert lists(server, "trainingjobs") == 1 + 1 + 3, (
        "a check whether the kind is served, the list of kopf, and three pages"
    )
    assert lists(server, "jobs") == lists(server, "pods") == 1 + 1


async def test_an_expired_list_starts_again(
    server: FakeApiServer, controlling: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kopf_watch, "RELIST_SECONDS", 0.01)
    expired = Fault("list", "pods", status=410, times=1)
    server.faults.append(Fault("list", "pods", afterwards=lambda: server.faults.append(expired), times=1))
    create(server, "digits")
    async with controlling():
        await wait_ready(server, "digits")
    assert lists(server, "pods") == 2 + 2
    assert lists(server, "jobs") == 2


async def test_a_deletion_during_a_watch_gap_is_found_by_the_next_list(server: FakeApiServer, controlling: Any) -> None:
    create(server, "kept", "deleted")
    server.objects.create("pods", "vision", pod())
    async with controlling() as controller:
        await wait_ready(server, "kept", "deleted")
        assert len(controller.store.find(OWNED_PODS, Key("vision", "digits"))) == 1
        await until(lambda: len(server.watches) >= 3)
        server.objects.delete("trainingjobs", "vision", "deleted")
        server.objects.delete("pods", "vision", "digits-1", grace=0)
        server.objects.compact()
        await until(lambda: controller.store.keys(TRAINING_JOBS) == [Key("vision", "kept")])
        await until(lambda: not controller.store.find(OWNED_PODS, Key("vision", "digits")))


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("source", ["list", "watch"])
async def test_a_hostile_training_job_fails_and_the_others_continue(
    server: FakeApiServer, controlling: Any, kind: str, source: str
) -> None:
    layers = [{"layer": "Dense", "units": f"@{kind}"}]
    create(server, "good")
    if source == "list":
        create(server, "bad", network={"input": {"shape": [1]}, "layers": layers})
    async with controlling() as controller:
        await wait_ready(server, "good")
        if source == "watch":
            create(server, "bad", network={"input": {"shape": [1]}, "layers": layers})
        await until(lambda: condition(server, "bad", "Failed"))
        status, reason, message = condition(server, "bad", "Failed") or ("", "", "")
        assert (status, reason) == ("True", "InvalidSpec")
        assert "spec: must fit in" in message if kind == "size" else "spec.network: must be nested" in message
        create(server, "after")
        await wait_ready(server, "after")
        server.objects.delete("trainingjobs", "vision", "bad")
        await until(lambda: Key("vision", "bad") not in controller.store.keys(TRAINING_JOBS))


async def test_an_unreadable_object_does_not_stop_the_others(
    server: FakeApiServer, controlling: Any, caplog: pytest.LogCaptureFixture
) -> None:
    create(server, "listed", training=["no", "object"])
    create(server, "good")
    async with controlling():
        await wait_ready(server, "good")
        create(server, "watched", training=["no", "object"])
        create(server, "after")
        await wait_ready(server, "after")
    assert "cannot read the TrainingJob vision/listed" in caplog.messages
    assert "cannot read the TrainingJob vision/watched" in caplog.messages


async def test_a_forbidden_namespace_does_not_block_the_others(
    server: FakeApiServer, controlling: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def impatient(make: Any = kopf.OperatorSettings) -> Any:
        settings = make()
        settings.networking.error_backoffs = (0.01,)
        return settings

    def lists_of(namespace: str) -> int:
        return sum((one.verb, one.resource, one.namespace) == ("list", "pods", namespace) for one in server.asked)

    monkeypatch.setattr(kopf, "OperatorSettings", impatient)
    server.faults.append(Fault("list", namespace="slow", status=403))
    create(server, "good")
    async with controlling("slow", "vision"):
        await wait_ready(server, "good")
        await until(lambda: lists_of("slow") >= 4)
        assert lists_of("vision") == 1 + 1


async def test_requests_that_hang_block_no_other_namespace(server: FakeApiServer, controlling: Any) -> None:
    server.faults.append(Fault("create", "jobs", "slow", delay=inf))
    create(server, *(f"digits-{number}" for number in range(40)), namespace="slow")
    create(server, "good")
    async with controlling() as controller:
        await wait_ready(server, "good")
        assert controller.depth() >= 30


async def test_only_the_queue_retries_a_write(server: FakeApiServer, controlling: Any) -> None:
    server.faults.append(Fault("create", "jobs", status=503))
    create(server, "digits", suspend=False)
    registry = CollectorRegistry()

    def failed() -> float:
        return registry.get_sample_value("epochal_reconcile_total", COUNT) or 0

    async with controlling(registry=registry):
        await until(lambda: failed() >= 3)
        assert sum(one.verb == "create" for one in server.asked) <= failed() + 1


async def test_an_event_enqueues_no_training_job_before_its_pods_are_listed(
    server: FakeApiServer, controlling: Any
) -> None:
    """Otherwise the pods of a Job that another operator has created would count as deleted."""
    server.faults.append(Fault("list", "pods", delay=inf))
    create(server, "digits")
    about = {"kind": "Job", "namespace": "vision", "name": "digits", "uid": "of-the-job"}
    details = {"note": "exceeded quota", "eventTime": "2026-01-01T00:00:00.000000Z"}
    async with controlling() as controller:
        await until(lambda: controller.store.keys(TRAINING_JOBS))
        metadata = {"name": "refused", "namespace": "vision"}
        server.objects.create(
            "events", "vision", {"metadata": metadata, "regarding": about, "reason": "FailedCreate"} | details
        )
        await until(lambda: controller._reconcilers[KIND].rejections.get("vision", "of-the-job"))
        assert not controller.longest_without_progress()[0]
        assert not controller.depth()
        assert not any(one.verb in {"create", "patch"} for one in server.asked)


async def test_the_finalizer_of_another_kopf_operator_stays(server: FakeApiServer, controlling: Any) -> None:
    """Other operators with kopf use its default finalizer."""
    mark = "kopf.zalando.org/KopfFinalizerMarker"
    metadata = {"name": "other", "labels": {"epochal.dev/trainingjob": "digits"}, "finalizers": [mark]}
    server.objects.create("jobs", "vision", {"metadata": metadata, "spec": {}})
    create(server, "digits")
    async with controlling():
        await wait_ready(server, "digits")
        server.objects.patch("jobs", "vision", "other", {"metadata": {"annotations": {"seen": "again"}}})
        create(server, "later")
        await wait_ready(server, "later")
    assert server.objects.get("jobs", "vision", "other")["metadata"]["finalizers"] == [mark]
    assert not any((one.verb, one.resource) == ("patch", "jobs") for one in server.asked)


async def test_an_invalid_annotation_of_kopf_is_not_read(server: FakeApiServer, controlling: Any) -> None:
    """kopf parses its annotation as JSON, and any user can write it."""
    create(server, "digits")
    async with controlling():
        await wait_ready(server, "digits")
        metadata = {"name": "hostile", "annotations": {"kopf.zalando.org/last-handled-configuration": "{"}}
        server.objects.create("trainingjobs", "vision", document(suspend=True) | {"metadata": metadata})
        await wait_ready(server, "hostile")


async def test_kopf_handles_no_signals(server: FakeApiServer, controlling: Any) -> None:
    before = signal.getsignal(signal.SIGTERM)
    create(server, "digits")
    async with controlling():
        await wait_ready(server, "digits")
        assert signal.getsignal(signal.SIGTERM) == before


async def test_a_task_of_kopf_that_ignores_its_cancellation_ends_with_the_watches(
    server: FakeApiServer, controlling: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """kopf waits for a cancelled task while it reconnects, and may lose its own cancellation."""
    spawn = kopf.spawn_tasks

    async def miss() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    async def spawn_and_miss(**arguments: Any) -> Any:
        return [*await spawn(**arguments), asyncio.create_task(miss())]

    monkeypatch.setattr(kopf, "spawn_tasks", spawn_and_miss)
    create(server, "digits")
    async with asyncio.timeout(20):
        async with controlling():
            await wait_ready(server, "digits")
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
