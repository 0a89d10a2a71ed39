"""Fixtures of the tests of served models: Studio, and a ModelServer behind the API server's proxy."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from epochal_server.model.model import Arrays

from tests.kit.served import digits
from tests.unit.studio.in_memory import Answer, StudioInMemory, studio
from tests.unit.studio.servers.model_pod import ModelPod

__all__ = ["studio"]

KEY = "a key of more than 16 characters"
PATH = "/api/servers/vision/digits"
READY = {"type": "Ready", "status": "True", "reason": "PodsReady", "message": "1 of 1 pods answer"}
LABELS = {"epochal.dev/modelserver": "digits", "epochal.dev/modelserver-uid": ""}


class Models:
    """Studio with the ModelServer `digits` of the namespace vision.

    Args:
        studio: Studio with its API server.
        pod: The pod that answers.
    """

    def __init__(self, studio: StudioInMemory, pod: ModelPod) -> None:
        self.studio = studio
        self.pod = pod

    @property
    def proxies(self) -> dict[tuple[str, str, str], str]:
        return self.studio.server.proxies

    def put_server(self, spec: dict[str, Any] | None = None, **status: Any) -> None:
        created = self.studio.create("modelservers", "digits", spec or {})
        self.uid = created["metadata"]["uid"]
        model = {"uri": "s3://m/model.onnx", "sha256": "0" * 64}
        outputs = [{"name": "digit", "shape": [10], "dtype": "float32"}]
        ready = {"state": "Ready", "conditions": [READY], "model": {**model, "outputs": outputs}}
        self.studio.set_status("modelservers", "digits", {**ready, **status})
        self.proxies["services", "vision", "digits:http"] = self.pod.address

    def put_pod(self, name: str, phase: str = "Running", address: str = "", **labels: str) -> None:
        metadata = {"name": name, "labels": {**LABELS, "epochal.dev/modelserver-uid": self.uid, **labels}}
        self.studio.server.objects.create("pods", "vision", {"metadata": metadata, "spec": {}})
        status = {"status": {"phase": phase}}
        self.studio.server.objects.patch("pods", "vision", name, status, subresource="status")
        self.proxies["pods", "vision", f"{name}:9090"] = address or self.pod.address

    async def wait(self, is_true: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not is_true():  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.01)

    async def show(self, **options: Any) -> dict[str, Any]:
        found = await self.ask("GET", "", **options)
        assert found.status == 200, found.text
        content: dict[str, Any] = found.json()
        return content

    async def predict(self, body: Any, content_type: str = "image/png", query: str = "", **options: Any) -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": content_type, **options.pop("headers", {})}
        return await self.ask("POST", f"/predict{query}", data, headers=headers, **options)

    async def ask(
        self,
        method: str,
        path: str,
        data: Any = None,
        *,
        user: str = "alice",
        key: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        sent = {**({"X-API-Key": key} if key else {}), **(headers or {})}
        return await self.studio.send(method, f"{PATH}{path}", data, user=user, **sent)


def one(inputs: Arrays) -> Arrays:
    """Computes a model that finds a one on each picture."""
    return {"digit": np.tile(np.eye(10, dtype=np.float32)[1], (len(next(iter(inputs.values()))), 1))}


@pytest.fixture
async def models(studio: StudioInMemory) -> AsyncIterator[Models]:
    """Studio with a ModelServer that needs no key."""
    async with ModelPod(digits(), one) as pod:
        found = Models(studio, pod)
        found.put_server()
        yield found


@pytest.fixture
async def keyed(studio: StudioInMemory, tmp_path: Path) -> AsyncIterator[Models]:
    """Studio with a ModelServer that needs a key."""
    (tmp_path / "first").write_text(KEY)
    async with ModelPod(digits(), one, tmp_path) as pod:
        found = Models(studio, pod)
        found.put_server({"auth": {"secretRef": {"name": "digits-keys"}}})
        yield found
