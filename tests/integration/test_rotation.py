"""Trainers that run report before, during and after an exchange of the operator's authority."""

import asyncio
import copy
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from aiohttp import web
from epochal_api.trainingjob.report import Report
from epochal_lib.sockets import listen
from epochal_operator.web.server import Server
from epochal_operator.web.tls import ROTATION_ANNOTATION, ServingCertificate
from epochal_trainer.reporting.reporter import Endpoint, Reporter

if TYPE_CHECKING:
    from epochal_operator.runtime.api.kube import Kube


class Secret:
    """The Secret of the operator, as an API server keeps it."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {"metadata": {"name": "epochal-tls", "namespace": "epochal-system"}}

    async def get(self, _: object, _namespace: str, _name: str) -> dict[str, Any]:
        return copy.deepcopy(self.kept)

    async def replace(self, _: object, secret: dict[str, Any]) -> dict[str, Any]:
        self.kept = copy.deepcopy(secret)
        return secret

    def annotate(self, step: str) -> None:
        self.kept["metadata"]["annotations"] = {ROTATION_ANNOTATION: step}


class Trainers:
    """Trainers in pods of their own; each trusts the CA of the time when its pod was created."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self._reporters: dict[str, Reporter] = {}
        self.epochs: dict[str, list[int]] = {}

    async def take(self, request: web.Request) -> web.Response:
        name = request.headers["Authorization"].removeprefix("Bearer ")
        self.epochs[name].append(json.loads(await request.read())["epoch"])
        return web.json_response({"message": "applied"})

    def start(self, name: str, authority: str) -> None:
        ca_file, token_file = self._folder / f"{name}.crt", self._folder / f"{name}.token"
        ca_file.write_text(authority)
        token_file.write_text(name)
        endpoint = Endpoint(f"https://localhost:{self._port}/progress", ca_file=ca_file, token_file=token_file)
        self.epochs[name] = []
        self._reporters[name] = Reporter(Report(attempt=1, sequence=0, stage="Training", epochs=9), endpoint)
        self._reporters[name].start()

    async def report(self, epoch: int, *names: str) -> set[str]:
        """Ends an epoch in all trainers, and returns those whose reports arrived, after these names at least."""
        for reporter in self._reporters.values():
            reporter.send(epoch=epoch)
        async with asyncio.timeout(60):
            while not all(epoch in self.epochs[name] for name in names):  # noqa: ASYNC110 - reporters tell nobody
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.5)  # for those who should not
        return {name for name, epochs in self.epochs.items() if epoch in epochs}

    async def close(self) -> None:
        await asyncio.gather(*(asyncio.to_thread(port.close, 0.5) for port in self._reporters.values()))


@asynccontextmanager
async def serving(certificate: ServingCertificate, folder: Path) -> AsyncIterator[Trainers]:
    listener = listen(0, "127.0.0.1")
    trainers = Trainers(folder, listener.getsockname()[1])
    server = Server([web.post("/progress", trainers.take)], listener, certificate.context)
    task = asyncio.create_task(server.run())
    await server.serving.wait()
    try:
        yield trainers
    finally:
        await trainers.close()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_trainer_reports_before_during_and_after(tmp_path: Path) -> None:
    secret = Secret()
    certificate = ServingCertificate(cast("Kube", secret), "epochal-system", "epochal-tls", "localhost.test.svc")
    await certificate.load()
    async with serving(certificate, tmp_path) as trainers:
        trainers.start("before", certificate.authority)
        assert await trainers.report(1, "before") == {"before"}

        secret.annotate("prepare")
        await certificate.load()
        trainers.start("meanwhile", certificate.authority)
        assert await trainers.report(2, "before", "meanwhile") == {"before", "meanwhile"}

        secret.annotate("finish")
        await certificate.load()
        trainers.start("after", certificate.authority)
        assert await trainers.report(3, "meanwhile", "after") == {"meanwhile", "after"}, (
            "those from before are to have ended by now"
        )
