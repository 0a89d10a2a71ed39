"""Studio with an API server and an S3 service in memory, and requests of its users.

async def test_it(studio: StudioInMemory) -> None:
    studio.put_job("mnist", files={"history.csv": b"epoch,loss\\n1,0.5\\n"})
    found = await studio.get("/api/runs/TrainingJob/vision/mnist/history")
"""

import base64
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from epochal_studio.app import make_app
from epochal_studio.config import Config
from epochal_studio.state import STATE, State

from tests.kit.fake.guarded_server import GuardedApiServer, User
from tests.kit.s3_server import Service

Object = dict[str, Any]
ACCESS_KEY, SECRET_KEY = "access-key-of-vision", "secret-key-of-vision"
TIME = "2026-11-30T10:00:00Z"


class Answer(NamedTuple):
    """The answer to a request."""

    status: int
    headers: Any
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


class StudioInMemory:
    """Studio, with the users alice (of vision) and bob (of speech)."""

    def __init__(self, server: GuardedApiServer, service: Service) -> None:
        self.server = server
        self.service = service
        self.alice, self.bob = User({"vision"}, name="alice"), User({"speech"}, name="bob")
        server.users |= {"alice": self.alice, "bob": self.bob}

    async def start(self, **settings: Any) -> None:
        config = Config(
            api_server=self.server.address,
            proxy_auth=True,
            storage_endpoints=(self.service.endpoint,),
            default_endpoint=self.service.endpoint,
            **settings,
        )
        app = make_app(config)
        self.state: State = app[STATE]
        self.client = TestClient(TestServer(app))
        await self.client.start_server()

    async def stop(self) -> None:
        await self.client.close()

    async def get(self, path: str, *, user: str = "alice") -> Answer:
        return await self.ask("GET", path, user=user)

    async def post(self, path: str, body: Any, *, user: str = "alice") -> Answer:
        return await self.ask("POST", path, body, user=user)

    async def ask(self, method: str, path: str, body: Any = None, *, user: str = "alice") -> Answer:
        async with await self.open(method, path, body, user=user) as response:
            return Answer(response.status, response.headers, await response.read())

    async def send(self, method: str, path: str, body: Any, *, user: str = "alice", **headers: str) -> Answer:
        """Send a body that is no JSON: bytes, or an iterator of parts."""
        sent = {"Content-Type": "application/octet-stream", "Epochal-Studio": "1", **self._headers(user), **headers}
        data = (
            io.BytesIO(body) if isinstance(body, bytes) and len(body) > 2**20 else body
        )  # aiohttp warns of large bytes
        async with self.client.request(method, path, data=data, headers=sent) as response:
            return Answer(response.status, response.headers, await response.read())

    def _headers(self, user: str) -> dict[str, str]:
        origin = {"Origin": str(self.client.make_url("/")).rstrip("/")}
        return origin | ({"Authorization": f"Bearer {user}"} if user else {})

    async def open(self, method: str, path: str, body: Any = None, *, user: str = "alice") -> ClientResponse:
        headers = self._headers(user)
        if method != "GET":
            headers["Content-Type"] = "application/json"
        data = None if body is None else json.dumps(body).encode()
        return await self.client.request(method, path, data=data, headers=headers)

    def create(self, resource: str, name: str, spec: Object, *, namespace: str = "vision", **metadata: Any) -> Object:
        kinds = {"trainingjobs": "TrainingJob", "experiments": "Experiment", "modelservers": "ModelServer"}
        about = {"apiVersion": "epochal.dev/v1alpha1", "kind": kinds[resource]} if resource in kinds else {}
        document = {**about, "metadata": {"name": name, **metadata}, "spec": spec}
        return self.server.objects.create(resource, namespace, document)

    def set_status(self, resource: str, name: str, status: Object, *, namespace: str = "vision") -> Object:
        return self.server.objects.patch(resource, namespace, name, {"status": status}, subresource="status")

    def put_job(
        self, name: str, files: dict[str, bytes] | None = None, spec: Object | None = None, **status: Any
    ) -> Object:
        """Create a TrainingJob whose results folder has files, and return it."""
        whole = {"storage": {"secretRef": {"name": "keys"}}, "results": {"bucket": "bucket"}, **JOB, **(spec or {})}
        job = self.create("trainingjobs", name, whole)
        if status:
            job = self.set_status("trainingjobs", name, status)
        self.put_files(job, files or {})
        return job

    def put_experiment(self, name: str, files: dict[str, bytes], **status: Any) -> Object:
        template = {"spec": {"storage": {"secretRef": {"name": "keys"}}, "results": {"bucket": "bucket"}, **JOB}}
        spec = {"objective": {"metric": "val_loss", "goal": "Minimize"}, "maxTrials": 3, "template": template}
        self.create("experiments", name, spec)
        experiment = self.set_status("experiments", name, status)
        self.put_files(experiment, files)
        return experiment

    def put_files(self, run: Object, files: dict[str, bytes]) -> None:
        metadata = run["metadata"]
        for path, content in files.items():
            self.service.put(f"{metadata['namespace']}/{metadata['name']}/{metadata['uid']}/{path}", content)

    def put_secret(self, name: str = "keys", namespace: str = "vision", type_: str = "Opaque", **values: str) -> None:
        values = values or {"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        self.server.objects.create("secrets", namespace, {"metadata": {"name": name}, "type": type_, "data": data})

    def put_pod(self, job: Object, name: str, lines: list[str], state: str = "running") -> None:
        """Create a pod of a TrainingJob with a log."""
        labels = {
            "epochal.dev/trainingjob": job["metadata"]["name"],
            "epochal.dev/trainingjob-uid": job["metadata"]["uid"],
        }
        document = {"metadata": {"name": name, "labels": labels}, "spec": {}}
        self.server.objects.create("pods", "vision", document)
        times = {"startedAt": TIME, **({"finishedAt": TIME} if state == "terminated" else {})}
        status = {"containerStatuses": [{"name": "trainer", "state": {state: times}}]}
        self.server.objects.patch("pods", "vision", name, {"status": status}, subresource="status")
        self.server.logs["vision", name] = lines


JOB = {
    "training": {"epochs": 10},
    "network": {"input": {"shape": [4]}, "layers": [{"layer": "Dense", "units": 2}]},
}


@asynccontextmanager
async def studio_in_memory(**settings: Any) -> AsyncIterator[StudioInMemory]:
    """Run Studio with an API server and an S3 service in memory.

    Args:
        settings: More fields of its configuration.
    """
    service = Service()
    try:
        async with GuardedApiServer("vision", "speech") as server:
            found = StudioInMemory(server, service)
            found.put_secret()
            await found.start(**settings)
            try:
                yield found
            finally:
                await found.stop()
    finally:
        service.stop()


@pytest.fixture
async def studio() -> AsyncIterator[StudioInMemory]:
    """Studio with an API server and an S3 service in memory."""
    async with studio_in_memory() as found:
        yield found
