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

from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from epochal_operator.runtime.api.bounded_reader import BoundedReader
from epochal_operator.runtime.api.errors import Invalid, NotFound, Unavailable
from epochal_operator.runtime.api.pages import Page, Pages
from epochal_operator.runtime.api.resource import Resource
from epochal_operator.runtime.api.transport import RETRY_SECONDS, Transport
from epochal_operator.runtime.api.undeclared import declared

Object = dict[str, Any]

LEADER_MANAGER = "epochal"
"""Field manager of the leader."""
WATCH_SECONDS = 240
"""Shorter than etcd keeps old versions, so that a watch can resume where the previous one ended."""
UNDECLARED = 16
"""Retries of a status without fields that the CRD does not declare: the API server reports one field per object."""

# With the charset, the client sends the text unchanged.
_APPLY = "application/apply-patch+yaml; charset=utf-8"
_MERGE = "application/merge-patch+json"
_PAIR = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Kube:
    """A client of the API server. Copies share the page sizes and the logged fields.

    Args:
        transport: Makes the requests.
        pages: Reads the pages of lists.
        logged_fields: Undeclared fields that were already logged.
    """

    transport: Transport
    pages: Pages = field(default_factory=Pages)
    logged_fields: set[str] = field(default_factory=set)

    def fenced(self, seconds_left: Callable[[], float]) -> "Kube":
        """Return a copy of the client with a time limit for writes.

        Args:
            seconds_left: Returns the seconds that a write may take if it starts now; raises if no write may start.
        """
        return self._with(seconds_left=seconds_left)

    def once(self) -> "Kube":
        """Return a copy of the client that makes each request once, for work that a queue retries."""
        return self._with(tries=1)

    def reading(self, reader: BoundedReader) -> "Kube":
        """Return a copy of the client that parses responses with another reader."""
        return self._with(reader=reader)

    def observed(self, ended: Callable[[], None]) -> "Kube":
        """Return a copy of the client that calls a function after each request."""
        return self._with(ended=ended)

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
        return cls(Transport(ApiClient(configuration)))

    async def close(self) -> None:
        """Close all connections to the API server."""
        await self.transport.client.close()

    async def serves(self, resource: Resource, namespace: str | None = None) -> bool:
        """Return whether the API server serves a resource, which for a custom resource needs its CRD."""
        try:
            await self.transport.request("GET", resource.path(namespace), query={"limit": "1"})
        except NotFound:
            return False
        return True

    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """Return an object. The data of a Secret is base64."""
        return await self.transport.request("GET", resource.path(namespace, name))

    async def list(
        self, resource: Resource, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> AsyncIterator[Page]:
        """Yield the pages of a list, in one namespace or in all.

        Args:
            resource: The resource of the objects.
            namespace: The namespace; None for all namespaces.
            labels: Label selector; empty for all objects.
            fields: Field selector; empty for all objects.
        """
        selectors = {"labelSelector": labels, "fieldSelector": fields}
        query = {name: value for name, value in selectors.items() if value}
        fetch = partial(self.transport.page, resource.path(namespace))
        async for page in self.pages.list(resource, query, fetch):
            yield page
            del page  # free its memory before the next page is read

    async def watch(self, resource: Resource, namespace: str | None = None, *, fields: str) -> AsyncIterator[Object]:
        """Yield the objects that match a field selector, then each later version.

        The iteration ends when the API server no longer has the resourceVersion. The caller must then start a new
        watch.
        """
        version = ""
        async for page in self.list(resource, namespace, fields=fields):
            version = page.resource_version
            for thing in page.items:
                yield thing
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

    async def create(self, resource: Resource, thing: Object, *, manager: str | None = None) -> Object:
        """Create an object; raise Conflict if an object of that name exists, with any owner."""
        query = {"fieldManager": manager} if manager else {}
        path = resource.path(thing.get("metadata", {}).get("namespace"))
        return await self.transport.request("POST", path, query=query, body=thing)

    async def replace(self, resource: Resource, thing: Object, *, manager: str | None = None) -> Object:
        """Replace an object; raise Conflict if its resourceVersion has changed since it was read."""
        query = {"fieldManager": manager} if manager else {}
        path = resource.path(thing["metadata"]["namespace"], thing["metadata"]["name"])
        return await self.transport.request("PUT", path, query=query, body=thing)

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

        A paused process may send a patch after it lost its lease. The resourceVersion has changed by then.
        """
        seen = {"uid": uid, "resourceVersion": resource_version}
        body = patch | {"metadata": patch.get("metadata", {}) | seen}
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
        """Delete an object; raise Conflict if it has changed since it was read.

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
        """Apply the status fields of one manager server-side.

        The API server removes fields that the manager applied before and now omits. Fields of other managers stay.
        Fields that the installed CRD does not declare are omitted: the CRD may be of an earlier version.

        Args:
            resource: The resource of the object.
            namespace: Namespace of the object.
            name: Name of the object.
            uid: UID of the object. An object of that name with another UID causes a Conflict.
            manager: The field manager.
            status: All status fields of this manager.
            resource_version: Version that the object must still have (otherwise Conflict); None for any version.

        Returns:
            The object after the apply.
        """
        metadata = {"name": name, "namespace": namespace, "uid": uid}
        if resource_version is not None:
            metadata["resourceVersion"] = resource_version
        path, query = resource.path(namespace, name, "status"), {"fieldManager": manager, "force": "true"}
        for left in range(UNDECLARED, -1, -1):
            body = _yaml(resource.header | {"metadata": metadata, "status": status})
            try:
                return await self.transport.request("PATCH", path, query=query, body=body, content_type=_APPLY)
            except (Invalid, Unavailable) as error:
                status, undeclared = declared(status, error.message, ".status")
                if not undeclared or not left:
                    raise
            self._warn(resource, undeclared)
        raise AssertionError("unreachable")

    def _warn(self, resource: Resource, undeclared: Iterable[str]) -> None:
        """Log each field that the installed CRD does not declare, once."""
        for path in undeclared:
            if (name := f"{resource.kind} {path}") not in self.logged_fields:
                self.logged_fields.add(name)
                _log.warning(
                    "the CRD of %s does not declare %s, so the field is left out of every status: the CRD is of an "
                    "earlier version; upgrade the CRD before the operator",
                    resource.kind,
                    path,
                )


def _yaml(document: Object) -> str:
    """Return a document as JSON that is also YAML: surrogate pairs of escapes become the characters themselves."""
    return _PAIR.sub(lambda pair: str(json.loads(f'"{pair[0]}"')), json.dumps(document))
