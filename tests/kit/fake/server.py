"""A fake API server on the loopback address, for the operator's client and for kopf's watches.

    async with FakeApiServer("vision") as server:
        kube = Kube(server.client())
        server.objects.create("trainingjobs", "vision", document)
        server.faults.append(Fault("create", "events", status=429))

All waits are those of the event loop, so that a loop whose time is virtual makes them short.
"""

import asyncio
import json
from itertools import count
from math import inf
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from tests.kit import kubeconfig
from tests.kit.fake.faults import Fault
from tests.kit.fake.fields import Object
from tests.kit.fake.objects import Objects, Refusal
from tests.kit.fake.proxies import Proxies, pass_on, proxied
from tests.kit.fake.resources import ApiRequest, BadRequest, Resource, Selector, parse_request
from tests.kit.fake.watches import Watches

_REASONS = {401: "Unauthorized", 403: "Forbidden", 409: "Conflict", 422: "Invalid", 429: "TooManyRequests"}
_PATCHES = ("application/apply-patch+yaml", "application/merge-patch+json")


class FakeApiServer:
    """Serves objects while it is entered.

    Args:
        namespaces: Namespaces that exist from the beginning.
        page: Most objects in one answer to a list, whatever is asked.

    Attributes:
        watches: Those that are under way.
        faults: What goes wrong from now on: the first one that a request meets happens to it.
        warnings: Warnings in the answers to all changes.
        tokens: The status of a TokenReview of each token that is known.
        collects: Whether the garbage collector follows every change.
        proxies: Addresses of Services and pods for the proxy, see proxies.py.
    """

    def __init__(self, *namespaces: str, objects: Objects | None = None, page: int = 500) -> None:
        self.objects = objects or Objects(*namespaces)
        self.watches = Watches(self.objects)
        self.faults: list[Fault] = []
        self.asked: list[ApiRequest] = []
        self.warnings: list[str] = []
        self.tokens: dict[str, Object] = {}
        self.collects = True
        self.proxies: Proxies = {}
        self._page = page
        self._pages: dict[str, tuple[int, list[Object]]] = {}
        self._tickets = count(1)
        self._clients: list[ApiClient] = []

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=8 * 1024**2)
        app.router.add_post("/apis/authentication.k8s.io/v1/tokenreviews", self._review)
        app.router.add_get("/{root:apis?}{path:(/.*)?}", self._describe_or_answer)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(
            app,
            handler_cancellation=True,
            shutdown_timeout=0.1,
            access_log=None,
            # An API server accepts a token of this size.
            max_line_size=2**20,
            max_field_size=2**20,
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.address = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            await client.close()
        self.watches.cut()
        await self._runner.cleanup()

    def client(self) -> ApiClient:
        """Returns a client of the kubernetes package, which is closed with the server."""
        configuration = Configuration()
        configuration.host = self.address
        self._clients.append(ApiClient(configuration))
        return self._clients[-1]

    def kubeconfig(self, file: Path) -> Path:
        """Writes a kubeconfig of an administrator, as kopf reads it, and returns its path."""
        return kubeconfig.write(file, self.address, "administrator")

    async def _review(self, request: web.Request) -> web.Response:
        self.asked.append(ApiRequest("create", "tokenreviews"))
        review: Object = await request.json()
        status = self.tokens.get(review["spec"]["token"], {"authenticated": False})
        return web.json_response(review | {"status": status}, status=201)

    async def _describe_or_answer(self, request: web.Request) -> web.StreamResponse:
        """Answers kopf's discovery requests, or any other request."""
        roots = {resource.root: resource.api_version for resource in self.objects.resources.values()}
        if request.path == "/api":
            return web.json_response({"versions": ["v1"]})
        if request.path == "/apis":
            pairs = (version.split("/") for version in sorted(set(roots.values())) if "/" in version)
            groups = [
                {"name": name, "versions": [{"version": version}], "preferredVersion": {"version": version}}
                for name, version in pairs
            ]
            return web.json_response({"groups": groups})
        if request.path not in roots:
            return await self._answer(request)
        served = (item for item in self.objects.resources.values() if item.root == request.path)
        return web.json_response({"resources": [part for item in served for part in _described(item)]})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if (asked := proxied(request)) is None:
            return await self._answer_itself(request)
        self.asked.append(ApiRequest(asked.verb, f"{asked.resource}/proxy", asked.namespace, asked.name))
        return await pass_on(asked, request, self.proxies)

    async def _answer_itself(self, request: web.Request) -> web.StreamResponse:
        try:
            question, resource = parse_request(
                request.method, request.path, request.query, self.objects.resources.values()
            )
        except LookupError:
            return _refused(Refusal(404, "NotFound", "the server could not find the requested resource"))
        self.asked.append(question)
        fault = next((fault for fault in self.faults if fault.hits(question)), Fault())
        fault.times -= 1
        await _sleep(fault.delay)
        if fault.meanwhile:
            fault.meanwhile()
        if fault.status:
            reason = _REASONS.get(fault.status, "InternalError")
            return _refused(Refusal(fault.status, reason, fault.message, fault.causes), fault.retry_after)
        try:
            if question.verb == "watch":
                selector = Selector.of(question.namespace, request.query, resource)
                return await self.watches.stream(request, resource, selector)
            answer = self._do(question, resource, request, (await request.read()).decode())
        except BadRequest as error:
            return _refused(Refusal(400, "BadRequest", str(error)))
        except Refusal as refusal:
            return _refused(refusal)
        if self.collects and request.method != "GET":
            asyncio.get_running_loop().call_soon(self.objects.collect)
        if fault.afterwards:
            fault.afterwards()
        await _sleep(fault.late)
        status = 201 if question.verb == "create" else 200
        text = self.objects.text(answer)
        return await _cut(request, text) if fault.cut else self._json(request, text, status)

    def _json(self, request: web.Request, text: str, status: int) -> web.Response:
        response = web.json_response(text=text, status=status)
        for warning in () if request.method == "GET" else self.warnings:
            response.headers.add("Warning", f'299 - "{warning}"')
        return response

    def _do(self, question: ApiRequest, resource: Resource, request: web.Request, text: str) -> Object:
        """Executes a request and returns the answer."""
        name, _, subresource = question.resource.partition("/")
        place, objects = (name, question.namespace, question.name), self.objects
        body: Object = (
            json.loads(text)
            if text and request.content_type != _PATCHES[0]
            else yaml.load(text, yaml.CSafeLoader) or {}
        )
        agent = request.headers.get("User-Agent", "").partition("/")[0]
        options: dict[str, Any] = {"manager": request.query.get("fieldManager") or agent}
        match question.verb:
            case "list":
                return self._list(resource, question.namespace, request)
            case "get":
                return objects.get(*place)
            case "create":
                dry_run = request.query.get("dryRun") == "All"
                return objects.create(name, question.namespace, body, dry_run=dry_run, **options)
            case "update":
                options["dry_run"] = request.query.get("dryRun") == "All"
                return objects.replace(name, question.namespace, body, subresource=subresource, **options)
            case "patch":
                return self._patch(request, place, body, subresource=subresource, **options)
        propagation = body.get("propagationPolicy", "Background")
        grace = body.get("gracePeriodSeconds")
        return objects.delete(*place, preconditions=body.get("preconditions"), propagation=propagation, grace=grace)

    def _patch(self, request: web.Request, place: tuple[str, str, str], body: Object, **options: Any) -> Object:
        if request.content_type not in _PATCHES:
            raise Refusal(415, "UnsupportedMediaType", f"patches must be one of {', '.join(_PATCHES)}")
        if request.content_type == _PATCHES[0]:
            return self.objects.apply(*place, body, force=request.query.get("force") == "true", **options)
        return self.objects.patch(*place, body, **options)

    def _list(self, resource: Resource, namespace: str, request: web.Request) -> Object:
        query = request.query
        selector = Selector.of(namespace, query, resource)
        if ticket := query.get("continue"):
            version, items = self._pages.get(ticket, (-1, []))
            if version < self.objects.compacted:
                raise Refusal(410, "Expired", "The provided continue parameter is too old")
        else:
            version, items = self.objects.version, self.objects.list(resource.name, selector)
        size = min(int(query.get("limit") or self._page), self._page)
        metadata: Object = {"resourceVersion": str(version)}
        if rest := items[size:]:
            metadata["continue"] = f"{version}-{next(self._tickets)}"
            self._pages[metadata["continue"]] = version, rest
            if not selector.labels and not selector.fields:
                metadata["remainingItemCount"] = len(rest)
        kind = {"apiVersion": resource.api_version, "kind": f"{resource.kind}List"}
        named = set() if resource.custom else set(kind)
        page = [{name: part for name, part in item.items() if name not in named} for item in items[:size]]
        return kind | {"metadata": metadata, "items": page}


async def _sleep(seconds: float) -> None:
    if seconds == inf:
        await asyncio.Event().wait()
    elif seconds:
        await asyncio.sleep(seconds)


async def _cut(request: web.Request, text: str) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_length = len(text)
    await response.prepare(request)
    await response.write(text[: len(text) // 2].encode())
    if request.transport is not None:
        request.transport.abort()
    return response


def _described(resource: Resource) -> list[Object]:
    whole = {
        "name": resource.name,
        "singularName": resource.kind.lower(),
        "kind": resource.kind,
        "namespaced": resource.namespaced,
        "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"],
    }
    status = whole | {"name": f"{resource.name}/status"}
    return [whole, status] if resource.has_status else [whole]


def _refused(refusal: Refusal, retry_after: int = 0) -> web.Response:
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return web.json_response(refusal.as_status(), status=refusal.status, headers=headers)
