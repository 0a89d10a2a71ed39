"""The API requests of a TrainingJob until its pod runs, which bound the starts per second."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from epochal_operator.runtime.api.resource import Key
from epochal_operator.trainingjob.resources import OWNED_PODS

from tests.kit.fake.server import FakeApiServer
from tests.unit.operator.controlled import controlled, until
from tests.unit.operator.objects import KIND, document, pod, running

KEY = Key("vision", "digits")


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeApiServer]:
    async with FakeApiServer("vision") as server:
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path / "kubeconfig")))
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        yield server


def own(server: FakeApiServer, one: dict[str, Any]) -> dict[str, Any]:
    """Returns a pod that the Job owns."""
    job = server.objects.get("jobs", *KEY)
    labels = job["spec"]["template"]["metadata"]["labels"]
    owner = {
        "kind": "Job",
        "apiVersion": "batch/v1",
        "name": "digits",
        "uid": job["metadata"]["uid"],
        "controller": True,
    }
    return one | {"metadata": {"name": "digits-1", "labels": labels, "ownerReferences": [owner]}}


async def test_quick_start_takes_one_status_write(server: FakeApiServer) -> None:
    async with controlled([KIND], server) as controller:
        server.objects.create("trainingjobs", "vision", document() | {"metadata": {"name": "digits"}})

        def nodes() -> list[str | None]:
            return [one["spec"].get("nodeName") for one in controller.store.find(OWNED_PODS, KEY).values()]

        await until(lambda: server.objects.list("jobs"), seconds=15)
        server.objects.create("pods", "vision", own(server, pod(node=None)))
        await until(lambda: nodes() == [None], seconds=5)
        server.objects.patch("pods", "vision", "digits-1", {"spec": {"nodeName": "node-1"}})
        await until(lambda: nodes() == ["node-1"], seconds=5)
        server.objects.patch("pods", "vision", "digits-1", {"status": running()["status"]}, subresource="status")
        await until(lambda: server.objects.get("trainingjobs", *KEY).get("status"), seconds=5)
        status = server.objects.get("trainingjobs", *KEY)["status"]
    assert status["state"] == "Starting"
    requests = Counter((one.verb, one.resource) for one in server.asked if one.verb not in {"list", "watch"})
    reads, writes = {("get", "trainingjobs"): 1}, {("create", "jobs"): 1, ("create", "events"): 1}
    assert requests == reads | writes | {("patch", "trainingjobs/status"): 1}
