"""The client of the API server for all resources.

Objects are plain dictionaries of the API's JSON.
"""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from os import environ
from typing import Any, Literal, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from epochal_operator.runtime.api.bounded_reader import BoundedReader, Bounds
from epochal_operator.runtime.api.errors import Invalid, NotFound, Unavailable
from epochal_operator.runtime.api.pages import Page, Pages
from epochal_operator.runtime.api.resource import Resource
from epochal_operator.runtime.api.transport import RETRY_SECONDS, Transport
from epochal_operator.runtime.api.undeclared import remove_undeclared

Object = dict[str, Any]

LEADER_MANAGER = "epochal"
"""Field manager of the leader."""
WATCH_SECONDS = 240
"""Seconds of a watch request, shorter than etcd keeps old versions, so that the next watch request can continue."""
MAX_UNDECLARED = 16
"""Maximum retries of a status write, each without further fields that the CRD does not declare: an error names only one
field of each object."""

# With the charset, the client sends the text unchanged.
_APPLY = "application/apply-patch+yaml; charset=utf-8"
_MERGE = "application/merge-patch+json"
_SURROGATE_PAIR = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Kube:
    """A client of the API server. Copies share the page sizes, and the names of undeclared fields that were logged."""

    transport: Transport
    pages: Pages = field(default_factory=Pages)
    logged_fields: set[str] = field(default_factory=set)

    def with_write_deadline(self, seconds_left: Callable[[], float]) -> "Kube":
        """Return a copy of the client whose writes end while this process leads; see `Transport.seconds_left`."""
        return self._with(seconds_left=seconds_left)

    def without_retries(self) -> "Kube":
        """Return a copy of the client that never repeats a request, for callers whose work a queue retries."""
        return self._with(attempts=1)

    def with_reader(self, reader: BoundedReader) -> "Kube":
        """Return a copy of the client that parses responses with another reader."""
        return self._with(parse=reader.read)

    def with_callback(self, on_attempt: Callable[[], None]) -> "Kube":
        """Return a copy of the client that calls a function after each attempt of a request."""
        return self._with(on_attempt=on_attempt)

    def _with(self, **changes: Any) -> "Kube":
        return replace(self, transport=replace(self.transport, **changes))

    @classmethod
    async def connect(cls) -> Self:
        """Connect with the pod's service account, or outside a cluster with KUBECONFIG (or ~/.kube/config)."""
        configuration = Configuration()
        if "KUBERNETES_SERVICE_HOST" in environ:
            config.load_incluster_config(client_configuration=configuration)
        else:
            await config.load_kube_config(client_configuration=configuration, persist_config=False)
        return cls(Transport(api_client(configuration), parse=BoundedReader(Bounds()).read))

    async def close(self) -> None:
        """Close all connections to the API server."""
        await self.transport.client.close()

    async def is_served(self, resource: Resource, namespace: str | None = None) -> bool:
        """Return whether the API server serves a resource. For a custom resource, the CRD must be installed."""
        try:
            await self.transport.request("GET", resource.path(namespace), query={"limit": "1"})
        except NotFound:
            return False
        return True

    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """Return an object; raise NotFound if it does not exist. The data of a Secret is base64."""
        return await self.transport.request("GET", resource.path(namespace, name))

    async def list(
        self, resource: Resource, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> AsyncIterator[Page]:
        """Yield the pages of a list in one namespace or in all (None). `labels` and `fields` are selectors."""
        selectors = {"labelSelector": labels, "fieldSelector": fields}
        query = {name: value for name, value in selectors.items() if value}
        fetch = partial(self.transport.page, resource.path(namespace))
        async for page in self.pages.list(resource, query, fetch):
            yield page
            del page  # free its memory before the next page is read

    async def watch(self, resource: Resource, namespace: str | None = None, *, fields: str) -> AsyncIterator[Object]:
        """Yield the objects that match a field selector, then each later version of such objects except deletions.

        For objects outside the cache, such as Events. kopf watches the objects of the cache: see `kopf_watch`.

        The iteration ends when the API server no longer has the resourceVersion. The caller must then call this method
        again.
        """
        version = ""
        async for page in self.list(resource, namespace, fields=fields):
            version = page.resource_version
            for obj in page.items:
                yield obj
            del page
        while True:
            query = {"watch": "true", "fieldSelector": fields, "resourceVersion": version}
            query["timeoutSeconds"] = str(WATCH_SECONDS)
            async for event in self.transport.stream(resource.path(namespace), query, WATCH_SECONDS):
                if event["type"] == "ERROR":
                    return
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "DELETED":
                    yield event["object"]
            await asyncio.sleep(RETRY_SECONDS)

    async def create(self, resource: Resource, obj: Object, *, manager: str | None = None) -> Object:
        """Create an object; raise Conflict if an object of that name exists, with any owner."""
        query = {"fieldManager": manager} if manager else {}
        path = resource.path(obj.get("metadata", {}).get("namespace"))
        return await self.transport.request("POST", path, query=query, body=obj)

    async def replace(self, resource: Resource, obj: Object, *, manager: str | None = None) -> Object:
        """Replace an object; raise Conflict if its resourceVersion has changed since it was read."""
        query = {"fieldManager": manager} if manager else {}
        path = resource.path(obj["metadata"]["namespace"], obj["metadata"]["name"])
        return await self.transport.request("PUT", path, query=query, body=obj)

    async def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        patch: Object,
        *,
        uid: str,
        resource_version: str,
        manager: str,
    ) -> Object:
        """Change fields of an object (None removes a field); raise Conflict if it has changed since it was read.

        So a process that was paused and lost its lease changes nothing that the next leader has written.
        """
        precondition = {"uid": uid, "resourceVersion": resource_version}
        body = patch | {"metadata": patch.get("metadata", {}) | precondition}
        path, query = resource.path(namespace, name), {"fieldManager": manager}
        return await self.transport.request("PATCH", path, query=query, body=body, content_type=_MERGE)

    async def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        uid: str,
        resource_version: str,
        propagation: Literal["Background", "Foreground"] = "Background",
    ) -> None:
        """Delete an object; raise Conflict if its UID or resourceVersion is another.

        With Background propagation, its dependents are deleted afterwards. With Foreground propagation, the object
        stays until its dependents are deleted.
        """
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        body = {"propagationPolicy": propagation, "preconditions": preconditions}
        await self.transport.request("DELETE", resource.path(namespace, name), body=body)

    async def apply_status(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        uid: str,
        manager: str,
        status: Object,
        resource_version: str | None = None,
    ) -> Object:
        """Apply the status fields of one manager server-side, and return the object.

        The API server removes fields that the manager applied before and now omits. Fields of other managers stay.
        Fields that the installed CRD does not declare are omitted: the CRD may be of an earlier version. Raise Conflict
        if the object has another UID, or another resourceVersion than `resource_version`, if that is not None.
        """
        metadata = {"name": name, "namespace": namespace, "uid": uid}
        if resource_version is not None:
            metadata["resourceVersion"] = resource_version
        path, query = resource.path(namespace, name, "status"), {"fieldManager": manager, "force": "true"}
        for remaining in range(MAX_UNDECLARED, -1, -1):
            body = _yaml(resource.header | {"metadata": metadata, "status": status})
            try:
                return await self.transport.request("PATCH", path, query=query, body=body, content_type=_APPLY)
            except (Invalid, Unavailable) as error:
                status, undeclared = remove_undeclared(status, error.message, ".status")
                if not undeclared or not remaining:
                    raise
            self._log_undeclared(resource, undeclared)
        raise AssertionError("unreachable")

    def _log_undeclared(self, resource: Resource, undeclared: Iterable[str]) -> None:
        for path in undeclared:
            if (name := f"{resource.kind} {path}") not in self.logged_fields:
                self.logged_fields.add(name)
                _log.warning(
                    "the CRD of %s does not declare %s, so no status has this field: the CRD is of an earlier version; "
                    "upgrade the CRD before the operator",
                    resource.kind,
                    path,
                )


def _yaml(document: Object) -> str:
    """Return a document as JSON that is also YAML: characters that JSON escapes as a surrogate pair are not escaped."""
    return _SURROGATE_PAIR.sub(lambda pair: str(json.loads(f'"{pair[0]}"')), json.dumps(document))


def api_client(configuration: Configuration) -> ApiClient:
    """Return a client that reads the environment's proxy once.

    By default, aiohttp reads ~/.netrc and the proxy for each request, both in another thread.
    """
    configuration.client_session_kwargs = {"trust_env": False}
    host = urlsplit(configuration.host)
    proxy = getproxies().get(host.scheme, "")
    # An exception may have a port. A proxy with TLS would need its own certificate authority.
    is_exception = proxy_bypass(host.hostname or "") or proxy_bypass(host.netloc)
    if configuration.proxy is None and proxy.startswith("http:") and not is_exception:
        configuration.proxy = proxy
    return ApiClient(configuration)
