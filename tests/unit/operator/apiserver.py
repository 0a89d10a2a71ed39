"""An API server of three kinds, spoken to by HTTP: it has versions, lists in pages, and watches that end with 410."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web
from epochal_operator.kube import Kube
from kubernetes.aio.client import ApiClient, Configuration

KINDS = {"trainingjobs": "TrainingJob", "jobs": "Job", "pods": "Pod"}
SERVED = {
    "epochal.dev/v1alpha1": {"trainingjobs": "TrainingJob"},
    "batch/v1": {"jobs": "Job"},
    "apiextensions.k8s.io/v1": {"customresourcedefinitions": "CustomResourceDefinition"},
    "api/v1": {"pods": "Pod", "namespaces": "Namespace"},
}


@dataclass
class Stored:
    """An object, and the JSON that stands in it in place of each text "@NAME"."""

    document: dict[str, Any]
    raw: dict[str, str]

    @property
    def text(self) -> str:
        text = json.dumps(self.document, separators=(",", ":"))
        for mark, value in self.raw.items():
            text = text.replace(f'"@{mark}"', value)
        return text

    def at(self, version: int) -> "Stored":
        """Returns the object at another version."""
        metadata = self.document["metadata"] | {"resourceVersion": str(version)}
        return Stored(self.document | {"metadata": metadata}, self.raw)


@dataclass
class ApiServer:
    """Keeps objects by plural, namespace and name, and tells watches of their changes.

    Attributes:
        requests: How often what was asked: LIST and WATCH of a plural, others by their method.
        writes: What was written.
        limits: The pages that were asked for.
        deaf: Whether no watch is told anything.
        forbidden: Namespaces that nobody may read.
        hangs: A namespace whose writes get no answer, as from a webhook that hangs.
        busy: A namespace whose writes are put off.
    """

    version: int = 100
    objects: dict[tuple[str, str, str], Stored] = field(default_factory=dict)
    told: list[tuple[int, str, str, str]] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    writes: list[tuple[str, str, Any]] = field(default_factory=list)
    limits: set[str | None] = field(default_factory=set)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    oldest: int = 0
    deaf: bool = False
    forbidden: frozenset[str] = frozenset()
    hangs: str | None = None
    busy: str | None = None

    def put(self, plural: str, document: dict[str, Any], **raw: str) -> None:
        """Stores an object and tells of it; further arguments are JSON in place of the text "@NAME"."""
        namespace, name = document["metadata"]["namespace"], document["metadata"]["name"]
        kind = "MODIFIED" if (plural, namespace, name) in self.objects else "ADDED"
        self.version += 1
        stored = Stored({"kind": KINDS[plural]} | document, raw).at(self.version)
        self.objects[plural, namespace, name] = stored
        self._tell(kind, plural, namespace, stored)

    def delete(self, plural: str, namespace: str, name: str) -> None:
        """Deletes an object and tells of it."""
        self.version += 1
        self._tell("DELETED", plural, namespace, self.objects.pop((plural, namespace, name)).at(self.version))

    def forget(self) -> None:
        """Forgets what was told: watches from before end with 410."""
        self.version += 1
        self.oldest = self.version
        self.told.clear()
        self._wake()

    def status(self, name: str, namespace: str = "vision") -> dict[str, Any]:
        """Returns a TrainingJob's status as it was written last."""
        path = f"/namespaces/{namespace}/trainingjobs/{name}/status"
        written = [body["status"] for _, at, body in self.writes if at.endswith(path)]
        return written[-1] if written else {}

    def _tell(self, kind: str, plural: str, namespace: str, stored: Stored) -> None:
        self.told.append((self.version, plural, namespace, f'{{"type":"{kind}","object":{stored.text}}}\n'))
        self._wake()

    def _wake(self) -> None:
        self.news.set()
        self.news = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", "/{path:.*}", self._answer)]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        *before, last = request.path.strip("/").split("/")
        if last in KINDS and request.method == "GET":
            namespace = before[-1] if "namespaces" in before else None
            if namespace in self.forbidden:
                return web.json_response({"kind": "Status", "reason": "Forbidden", "message": "no"}, status=403)
            if "watch" in request.query:
                return await self._watch(request, last, namespace)
            return self._list(request, last, namespace)
        self.requests[request.method] += 1
        if request.method == "GET":
            return self._get(before, last)
        return await self._write(request, before, last)

    async def _write(self, request: web.Request, before: list[str], last: str) -> web.Response:
        body = json.loads(await request.text() or "null")
        self.writes.append((request.method, request.path, body))
        if self.hangs in before:
            await asyncio.sleep(60)
        if self.busy in before:
            return web.json_response({"kind": "Status", "message": "later"}, status=503)
        if request.method == "PATCH" and last == "status":
            return self._patch_status(before[-3], before[-1], body["status"])
        if request.method == "POST" and last == "jobs":
            body["metadata"] |= {"uid": f"job-of-{body['metadata']['name']}"}
            self.put("jobs", body | {"status": {}})
        return web.json_response(body)

    def _patch_status(self, namespace: str, name: str, status: dict[str, Any]) -> web.Response:
        place = "trainingjobs", namespace, name
        if (stored := self.objects.get(place)) is None:
            return _not_found()
        self.put("trainingjobs", stored.document | {"status": stored.document.get("status", {}) | status}, **stored.raw)
        return web.Response(text=self.objects[place].text)

    def _get(self, before: list[str], last: str) -> web.Response:
        if before and before[-1] in KINDS:
            stored = self.objects.get((before[-1], before[-2], last))
            if stored is None:
                return _not_found()
            return web.Response(text=stored.text)
        return web.json_response(_discovery([*before, last]))

    def _list(self, request: web.Request, plural: str, namespace: str | None) -> web.Response:
        limit = request.query.get("limit")
        if limit != "1":  # which only asks whether there is such a kind
            self.requests[f"LIST {plural}"] += 1
            self.limits.add(limit)
        version, begin = map(int, request.query.get("continue", f"{self.version}.0").split("."))
        found = [one.text for (of, at, _), one in self.objects.items() if of == plural and namespace in {None, at}]
        end = begin + int(limit or len(found))
        metadata = {"resourceVersion": str(version)} | ({"continue": f"{version}.{end}"} if end < len(found) else {})
        items = ",".join(found[begin:end])
        return web.Response(text=f'{{"kind":"List","metadata":{json.dumps(metadata)},"items":[{items}]}}\n')

    async def _watch(self, request: web.Request, plural: str, namespace: str | None) -> web.StreamResponse:
        self.requests[f"WATCH {plural}"] += 1
        response = web.StreamResponse()
        response.content_type = "application/json"
        await response.prepare(request)
        version = int(request.query["resourceVersion"])
        while True:
            if version < self.oldest:
                await response.write(b'{"type":"ERROR","object":{"kind":"Status","code":410}}\n')
                return response
            for at, of, where, line in [] if self.deaf else list(self.told):
                if at > version and of == plural and namespace in {None, where}:
                    await response.write(line.encode())
            version = max(version, self.version)
            await self.news.wait()


def _not_found() -> web.Response:
    return web.json_response({"kind": "Status", "reason": "NotFound", "message": "gone"}, status=404)


def _discovery(path: list[str]) -> dict[str, Any]:
    """Returns what there is of APIs."""
    if path == ["api"]:
        return {"versions": ["v1"]}
    if path == ["apis"]:
        versions = {name.split("/")[0]: {"version": name.split("/")[1]} for name in SERVED if name != "api/v1"}
        return {
            "groups": [{"name": group, "preferredVersion": one, "versions": [one]} for group, one in versions.items()]
        }
    kinds = SERVED["/".join(path[-2:])]
    rest = {"namespaced": True, "verbs": ["list", "watch", "patch"]}
    return {
        "resources": [
            {"name": plural, "singularName": kind.lower(), "kind": kind} | rest for plural, kind in kinds.items()
        ]
    }


@asynccontextmanager
async def serving(server: ApiServer, folder: Path) -> AsyncIterator[tuple[Kube, Path]]:
    """Serves; yields a client, and a kubeconfig for others."""
    app = web.Application(client_max_size=1 << 24)
    app.add_routes(server.routes())
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host = f"http://127.0.0.1:{runner.addresses[0][1]}"
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "current-context": "test",
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
                "clusters": [{"name": "test", "cluster": {"server": host}}],
                "users": [{"name": "test", "user": {}}],
            }
        )
    )
    configuration = Configuration()
    configuration.host = host
    kube = Kube(ApiClient(configuration))
    try:
        yield kube, kubeconfig
    finally:
        await kube.close()
        await runner.cleanup()
