"""The client of the API server for all resources.

Objects are plain dictionaries of the API's JSON.
"""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Literal, Self

from epochal_operator.runtime.errors import Invalid, NotFound, PageTooLarge, Unavailable
from epochal_operator.runtime.pages import MAX_PAGE_BYTES, Page, PageSizes, page_of
from epochal_operator.runtime.reader import Reader
from epochal_operator.runtime.resource import TOKEN_REVIEWS, Resource
from epochal_operator.runtime.token_review import Identity, identity, token_review
from epochal_operator.runtime.transport import RETRY_SECONDS, Transport
from epochal_operator.runtime.undeclared import declared

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


class Kube:
    """A client of the API server.

    Args:
        transport: Makes the requests.
        one_page: Lock that is held while a page of a list is read, because a page of the largest objects takes much of
            the memory. A caller of `list` must process and release each page before it requests the next.
        warned: Undeclared fields that were already logged.
        sizes: The sizes of the pages of lists.
    """

    def __init__(
        self,
        transport: Transport,
        one_page: asyncio.Lock | None = None,
        warned: set[str] | None = None,
        sizes: PageSizes | None = None,
    ) -> None:
        self._transport = transport
        self._one_page = one_page or asyncio.Lock()
        self._warned = set() if warned is None else warned
        self._sizes = sizes or PageSizes()

    def fenced(self, seconds_left: Callable[[], float]) -> "Kube":
        """Return a copy of the client with a time limit for writes.

        Args:
            seconds_left: Returns the seconds that a write may take if it starts now; raises if no write may start.
        """
        return self._by(self._transport.fenced(seconds_left))

    def once(self) -> "Kube":
        """Return a copy of the client that makes each request once, for work that a queue retries."""
        return self._by(self._transport.once())

    def reading(self, reader: Reader) -> "Kube":
        """Return a copy of the client that parses responses with another reader."""
        return self._by(self._transport.reading(reader))

    def observed(self, ended: Callable[[], None]) -> "Kube":
        """Return a copy of the client that calls a function after each request."""
        return self._by(self._transport.observed(ended))

    def _by(self, transport: Transport) -> "Kube":
        """Return a client by another transport, which shares the page lock, the warnings and the page sizes."""
        return Kube(transport, self._one_page, self._warned, self._sizes)

    @classmethod
    async def connect(cls) -> Self:
        """Connect with the pod's service account, or outside a cluster with KUBECONFIG (or ~/.kube/config)."""
        return cls(await Transport.connect())

    async def close(self) -> None:
        """Close all connections to the API server."""
        await self._transport.close()

    async def serves(self, resource: Resource, namespace: str | None = None) -> bool:
        """Return whether the API server serves a resource, which for a custom resource needs its CRD."""
        try:
            await self._transport.request("GET", resource.path(namespace), query={"limit": "1"})
        except NotFound:
            return False
        return True

    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """Return an object. The data of a Secret is base64."""
        return await self._transport.request("GET", resource.path(namespace, name))

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
        query = {name: value for name, value in (("labelSelector", labels), ("fieldSelector", fields)) if value}
        while True:
            async with self._one_page:
                page = await self._page(resource, namespace, query)
            following = page.following
            yield page
            del page  # free its memory before the next page is read
            if not following:
                return
            query["continue"] = following

    async def _page(self, resource: Resource, namespace: str | None, query: dict[str, str]) -> Page:
        """Return the next page of a list, with as many objects as fit into the byte limit of a page."""
        while True:
            limit = self._sizes.of(resource)
            max_bytes = MAX_PAGE_BYTES if limit > 1 else None  # The API server limits the size of a single object.
            try:
                answer, size = await self._transport.page(
                    resource.path(namespace), query | {"limit": str(limit)}, max_bytes
                )
            except PageTooLarge:
                self._sizes.dropped(resource, limit)
                continue
            page = page_of(answer)
            self._sizes.read(resource, limit, len(page.items), size)
            return page

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
            async for told in self._transport.stream(resource.path(namespace), query, WATCH_SECONDS):
                if told["type"] == "ERROR":
                    return
                version = told["object"]["metadata"]["resourceVersion"]
                if told["type"] != "DELETED":
                    yield told["object"]
            await asyncio.sleep(RETRY_SECONDS)

    async def create(self, resource: Resource, thing: Object, *, manager: str | None = None) -> Object:
        """Create an object; raise Conflict if an object of that name exists, with any owner."""
        query = {"fieldManager": manager} if manager else {}
        path = resource.path(thing["metadata"].get("namespace"))
        return await self._transport.request("POST", path, query=query, body=thing)

    async def replace(self, resource: Resource, thing: Object, *, manager: str | None = None) -> Object:
        """Replace an object; raise Conflict if its resourceVersion has changed since it was read."""
        query = {"fieldManager": manager} if manager else {}
        path = resource.path(thing["metadata"]["namespace"], thing["metadata"]["name"])
        return await self._transport.request("PUT", path, query=query, body=thing)

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
        return await self._transport.request("PATCH", path, query=query, body=body, content_type=_MERGE)

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
        await self._transport.request("DELETE", resource.path(namespace, name), body=body)

    async def apply(self, resource: Resource, thing: Object, *, manager: str) -> Object:
        """Apply the fields of one manager server-side, and create the object if it does not exist.

        The API server removes fields that the manager applied before and now omits. Fields of other managers stay.

        Args:
            resource: The resource of the object.
            thing: All fields of this manager. With a UID, an object of that name with another UID causes a Conflict.
            manager: The field manager.

        Returns:
            The object after the apply.
        """
        return await self._apply(resource, thing, manager, None)

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
        """Apply the status fields of one manager, as `apply` does.

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
        for left in range(UNDECLARED, -1, -1):
            try:
                return await self._apply(resource, {"metadata": metadata, "status": status}, manager, "status")
            except (Invalid, Unavailable) as error:
                status, undeclared = declared(status, error.message, ".status")
                if not undeclared or not left:
                    raise
            self._warn_of(resource, undeclared)
        raise AssertionError("unreachable")

    async def review_token(self, token: str, audience: str) -> Identity | None:
        """Return the identity of a token, or None if the token is not valid for this audience."""
        review = await self._transport.request("POST", TOKEN_REVIEWS.path(), body=token_review(token, audience))
        return identity(review, audience)

    async def _apply(self, resource: Resource, thing: Object, manager: str, subresource: str | None) -> Object:
        path = resource.path(thing["metadata"]["namespace"], thing["metadata"]["name"], subresource)
        body = {"apiVersion": resource.api_version, "kind": resource.kind} | thing
        query = {"fieldManager": manager, "force": "true"}
        return await self._transport.request("PATCH", path, query=query, body=_yaml(body), content_type=_APPLY)

    def _warn_of(self, resource: Resource, undeclared: Iterable[str]) -> None:
        """Log each field that the installed CRD does not declare, once."""
        for field in undeclared:
            if (named := f"{resource.kind} {field}") not in self._warned:
                self._warned.add(named)
                _log.warning(
                    "%s is left out of every %s, since their CRD does not declare it: it is of an earlier "
                    "version; upgrade the CRD before the operator",
                    field,
                    resource.kind,
                )


def _yaml(document: Object) -> str:
    """Return a document as JSON that is also YAML: surrogate pairs of escapes become the characters themselves."""
    return _PAIR.sub(lambda pair: str(json.loads(f'"{pair[0]}"')), json.dumps(document))
