"""The process of the operator with a fake API server."""

import asyncio
import copy
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from epochal_api.checker import CHECK_PATH
from epochal_operator import __main__ as main
from epochal_operator.config import read_config
from epochal_operator.runtime.api.kube import Kube
from epochal_operator.runtime.api.transport import Transport

from tests.kit.fake.faults import Fault
from tests.kit.fake.server import FakeApiServer
from tests.unit.operator.controlled import until
from tests.unit.operator.experiment.searches import spec_document
from tests.unit.operator.modelserver.servers import SPEC as SERVER_SPEC
from tests.unit.operator.objects import SPEC


class Process:
    """An operator with its API server and the address of its probes."""

    def __init__(self, server: FakeApiServer, address: str) -> None:
        self.server = server
        self._address = address

    def create(self, name: str) -> None:
        self.server.objects.create("trainingjobs", "vision", {"metadata": {"name": name}, "spec": SPEC})

    def jobs(self) -> list[str]:
        return [job["metadata"]["name"] for job in self.server.objects.list("jobs")]

    async def ask(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(f"{self._address}{path}") as answer:
            return answer.status, await answer.text()

    async def exports(self, name: str) -> bool:
        return f'name="{name}"' in (await self.ask("/metrics"))[1]

    async def wait_health(self, status: int) -> str:
        async with asyncio.timeout(30):
            while (found := await self.ask("/healthz"))[0] != status:  # noqa: ASYNC110 - an HTTP request
                await asyncio.sleep(0.05)
        return found[1]

    async def wait_jobs(self, *names: str) -> None:
        await until(lambda: self.jobs() == [*names])


@pytest.fixture
async def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Process]:
    async with operator_process(tmp_path, monkeypatch) as running:
        yield running


@asynccontextmanager
async def operator_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> AsyncIterator[Process]:
    listeners: list[socket.socket] = []

    def listen(_: int, *, backlog: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(0)
        listeners.append(listener)
        return listener

    monkeypatch.setattr(main, "listen", listen)
    arguments = ["--trainer-image=trainer", "--server-image=server", "--storage-endpoint=http://minio.minio.svc:9000"]
    config = read_config([*arguments, *options], {"POD_NAMESPACE": "epochal-system", "POD_NAME": "first"})
    async with FakeApiServer("vision", "epochal-system") as server:
        server.objects.create("secrets", "epochal-system", {"metadata": {"name": "epochal-tls"}})
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path / "kubeconfig")))
        task = asyncio.create_task(main.Operator(config, Kube(Transport(server.client()))).run())
        await asyncio.sleep(0)
        yield Process(server, f"http://127.0.0.1:{listeners[0].getsockname()[1]}")
        task.cancel()
        await asyncio.wait({task})


async def test_a_created_training_job_has_a_job_and_a_deleted_one_no_series(process: Process) -> None:
    process.create("first")
    await process.wait_jobs("first")
    process.create("second")
    await process.wait_jobs("first", "second")
    process.server.objects.delete("trainingjobs", "vision", "first")
    process.server.objects.collect()
    async with asyncio.timeout(30):
        while await process.exports("first"):  # noqa: ASYNC110 - an HTTP request
            await asyncio.sleep(0.05)
    assert process.jobs() == ["second"]
    assert await process.exports("second")
    process.create("first")
    await process.wait_jobs("first", "second")


async def test_a_training_job_with_a_wrong_network_has_no_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(request: web.Request) -> web.Response:
        units = (await request.json())["network"]["layers"][-1]["units"]
        wrong = [{"index": 1, "layer": "Dense", "name": "dense", "error": "no"}] if units == 13 else []
        return web.json_response({"image": "trainer", "layers": wrong})

    app = web.Application()
    app.add_routes([web.post(CHECK_PATH, check)])
    wrong = copy.deepcopy(SPEC)
    wrong["network"]["layers"][-1]["units"] = 13
    async with TestServer(app, host="127.0.0.1") as checker:
        url = f"--checker-url=http://127.0.0.1:{checker.port}"
        async with operator_process(tmp_path, monkeypatch, url) as process:
            for name, spec in (("wrong", wrong), ("right", SPEC)):
                manifest = {"metadata": {"name": name}, "spec": spec}
                process.server.objects.create("trainingjobs", "vision", manifest)
            await process.wait_jobs("right")

            def state() -> str:
                status = process.server.objects.get("trainingjobs", "vision", "wrong").get("status") or {}
                return str(status.get("state"))

            await until(lambda: state() == "Failed")
            assert process.jobs() == ["right"]
            metrics = (await process.ask("/metrics"))[1]
            assert 'epochal_checker_questions_total{result="invalid"} 1.0' in metrics
            assert 'epochal_checker_questions_total{result="valid"} 1.0' in metrics


async def test_an_experiment_and_its_trials_have_series(process: Process) -> None:
    spec = spec_document(search={"method": "None"}, schedule={"method": "None"}, parameters=[])
    process.server.objects.create("experiments", "vision", {"metadata": {"name": "search"}, "spec": spec})
    await process.wait_jobs("search-0-r0")
    assert await process.exports("search")
    assert await process.exports("search-0-r0")


async def test_a_model_server_has_a_deployment_and_series(process: Process) -> None:
    process.server.objects.create("modelservers", "vision", {"metadata": {"name": "digits"}, "spec": SERVER_SPEC})
    await until(lambda: process.server.objects.list("deployments"))
    (deployed,) = process.server.objects.list("deployments")
    (container,) = deployed["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "server"
    assert await process.exports("digits")


async def test_a_stalled_process_is_unhealthy(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "NO_PROGRESS_SECONDS", 0.3)
    process.create("first")
    await process.wait_jobs("first")
    assert await process.wait_health(200) == "ok\n"
    process.server.faults.append(Fault("create", "jobs", delay=inf))
    process.create("second")
    assert await process.wait_health(503) == "no TrainingJob was reconciled for 0 s\n"


async def test_a_reconcile_of_slow_requests_is_healthy(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """An admission webhook may take seconds for each write, and an Experiment may create a thousand TrainingJobs."""
    process.create("first")
    await process.wait_jobs("first")
    monkeypatch.setattr(main, "NO_PROGRESS_SECONDS", 1.5)
    slow = (("get", "trainingjobs"), ("create", "jobs"), ("patch", "trainingjobs"))
    process.server.faults += [Fault(verb, resource, delay=0.8) for verb, resource in slow]
    process.create("second")
    answers = set[int]()
    async with asyncio.timeout(30):
        while not process.server.objects.get("trainingjobs", "vision", "second").get("status"):
            answers.add((await process.ask("/healthz"))[0])
            await asyncio.sleep(0.05)
    assert answers == {200}


def test_the_operator_imports_neither_numpy_nor_optuna() -> None:
    code = "import sys; import epochal_operator.__main__; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "epochal_operator.runtime.controller" in modules
    assert not {"numpy", "optuna"} & {*modules}
