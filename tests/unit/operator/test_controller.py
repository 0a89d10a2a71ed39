"""The controller, between an API server and kopf: what it lists, what it misses, what one object can do to others."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from epochal_operator.config import read_config
from epochal_operator.controller import Controller
from epochal_operator.metrics import OperatorMetrics
from epochal_operator.store import Key
from prometheus_client import CollectorRegistry

from tests.unit.operator.apiserver import ApiServer, serving
from tests.unit.operator.objects import INSTALLATION, document, pod

DEEP = "[" * 9_900 + "]" * 9_900
NESTED = '{"a":' * 4_950 + "1" + "}" * 4_950
LONG = "[" + ",".join(["[]"] * 400_000) + "]"


def job(name: str, namespace: str = "vision", **spec: Any) -> dict[str, Any]:
    made = document(suspend=True, **spec)
    made["metadata"] |= {"name": name, "namespace": namespace, "uid": f"uid-of-{namespace}-{name}"}
    return made


@asynccontextmanager
async def controlling(
    server: ApiServer,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *arguments: str,
    registry: CollectorRegistry | None = None,
) -> AsyncIterator[Controller]:
    async with serving(server, folder) as (kube, kubeconfig):
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        config = read_config(["--trainer-image=trainer", *arguments], {})
        controller = Controller(config, kube, lambda: INSTALLATION, OperatorMetrics(registry or CollectorRegistry()))
        task = asyncio.create_task(controller.run())
        try:
            yield controller
            assert not task.done(), task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(15):
        while not condition():  # noqa: ASYNC110 - a condition has no event
            await asyncio.sleep(0.01)


def settled(server: ApiServer, name: str, namespace: str = "vision") -> bool:
    return server.status(name, namespace).get("state") in {"Suspended", "Failed"}


async def test_all_is_listed_once_in_small_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ApiServer()
    for number in range(60):
        server.put("trainingjobs", job(f"digits-{number}"))
    async with controlling(server, tmp_path, monkeypatch):
        await until(lambda: all(settled(server, f"digits-{number}") for number in range(60)))
        server.put("trainingjobs", job("later"))
        await until(lambda: settled(server, "later"))
        assert server.requests["LIST trainingjobs"] == 3
        assert server.requests["LIST jobs"] == server.requests["LIST pods"] == 1
        # etcd takes 1.5 MiB of each; the operator has 512 MiB.
        assert {int(limit or 1_000) <= 32 for limit in server.limits} == {True}


async def test_what_went_while_nobody_watched_is_gone_after_the_next_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ApiServer()
    server.put("trainingjobs", job("stays"))
    server.put("trainingjobs", job("goes"))
    server.put("pods", pod())
    async with controlling(server, tmp_path, monkeypatch) as controller:
        await until(lambda: settled(server, "stays") and settled(server, "goes"))
        assert len(controller.store.pods(Key("vision", "digits"))) == 1
        server.deaf = True
        server.delete("trainingjobs", "vision", "goes")
        server.delete("pods", "vision", "digits-1")
        server.forget()
        await until(lambda: controller.store.training_job_keys() == [Key("vision", "stays")])
        await until(lambda: not controller.store.pods(Key("vision", "digits")))


@pytest.mark.parametrize("hostile", [DEEP, NESTED, LONG], ids=["lists", "objects", "size"])
@pytest.mark.parametrize("told", ["listed", "watched"])
async def test_one_training_job_is_refused_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hostile: str, told: str
) -> None:
    server = ApiServer()
    bad = job("bad", network={"input": {"shape": [1]}, "layers": [{"layer": "Dense", "units": "@hostile"}]})
    bad["metadata"]["managedFields"] = ["@hostile"]
    server.put("trainingjobs", job("good"))
    if told == "listed":
        server.put("trainingjobs", bad, hostile=hostile)
    async with controlling(server, tmp_path, monkeypatch) as controller:
        await until(lambda: settled(server, "good"))
        if told == "watched":
            server.put("trainingjobs", bad, hostile=hostile)
        await until(lambda: settled(server, "bad"))
        failed = next(one for one in server.status("bad")["conditions"] if one["type"] == "Failed")
        assert (failed["status"], failed["reason"]) == ("True", "InvalidSpec")
        assert failed["message"].startswith("spec")
        assert "must" in failed["message"]
        server.put("trainingjobs", job("after"))
        await until(lambda: settled(server, "after"))
        server.delete("trainingjobs", "vision", "bad")
        await until(lambda: Key("vision", "bad") not in controller.store.training_job_keys())


async def test_an_object_that_cannot_be_understood_is_no_matter_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = ApiServer()
    server.put("trainingjobs", job("listed") | {"spec": {"training": ["no", "object"]}})
    server.put("trainingjobs", job("good"))
    async with controlling(server, tmp_path, monkeypatch):
        await until(lambda: settled(server, "good"))
        server.put("trainingjobs", job("watched") | {"spec": {"training": ["no", "object"]}})
        server.put("trainingjobs", job("after"))
        await until(lambda: settled(server, "after"))
    told = [record.getMessage() for record in caplog.records]
    assert "a TrainingJob cannot be read: vision/listed" in told
    assert "a TrainingJob cannot be read: vision/watched" in told


async def test_a_namespace_that_cannot_be_read_does_not_hold_up_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ApiServer(forbidden=frozenset({"gone"}))
    server.put("trainingjobs", job("good"))
    async with controlling(server, tmp_path, monkeypatch, "--namespaces=gone,vision"):
        await until(lambda: settled(server, "good"))


async def test_a_namespace_whose_requests_hang_does_not_hold_up_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ApiServer(hangs="slow")
    for number in range(40):
        server.put("trainingjobs", job(f"digits-{number}", "slow"))
    server.put("trainingjobs", job("good"))
    async with controlling(server, tmp_path, monkeypatch) as controller:
        await until(lambda: settled(server, "good"))
        assert controller.queue.depth >= 30


async def test_a_write_is_tried_again_by_the_queue_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ApiServer(busy="vision")
    server.put("trainingjobs", job("digits"))
    registry = CollectorRegistry()
    async with controlling(server, tmp_path, monkeypatch, registry=registry):
        await until(lambda: (registry.get_sample_value("epochal_reconcile_total", {"result": "error"}) or 0) >= 3)
        failed = registry.get_sample_value("epochal_reconcile_total", {"result": "error"}) or 0
        assert len(server.writes) <= failed + 1
