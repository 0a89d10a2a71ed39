"""The API server: what is read and written of any resource.

Objects are the JSON of the API as plain dictionaries.
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
"""Field manager of what the leader writes."""
WATCH_SECONDS = 240
"""Less than etcd keeps old versions for, by which a watch goes on where another one ended."""
UNDECLARED = 16
"""How often fields of a status are left out that the CRD does not declare: of each object, one is told at a time."""

# With the charset, the client sends a text as it is.
_APPLY = "application/apply-patch+yaml; charset=utf-8"
_MERGE = "application/merge-patch+json"
_PAIR = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}")

_log = logging.getLogger(__name__)


class Kube:
    """A client of the API server.

    Args:
        transport: Makes the requests.
        one_page: Held while a page of a list is read: that of the largest objects there can be takes a good part of the
            memory. Whoever lists has to take each at once and leave it, before the next is asked for.
        warned: Fields of which it was told that the installed CRD does not declare them.
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
        """Returns the same client, whose writes are bound to a time.

        Args:
            seconds_left: Returns for how many seconds a write that begins now may be under way; raises if none may.
        """
        return Kube(self._transport.fenced(seconds_left), self._one_page, self._warned, self._sizes)

    def once(self) -> "Kube":
        """Returns the same client, which makes each request once: for work that a queue does again later and later."""
        return Kube(self._transport.once(), self._one_page, self._warned, self._sizes)

    def reading(self, reader: Reader) -> "Kube":
        """Returns the same client, whose answers are read like this."""
        return Kube(self._transport.reading(reader), self._one_page, self._warned, self._sizes)

    def observed(self, ended: Callable[[], None]) -> "Kube":
        """Return the same client, which calls a function whenever a request has ended."""
        return Kube(self._transport.observed(ended), self._one_page, self._warned)

    @classmethod
    async def connect(cls) -> Self:
        """Connects with the pod's own service account, or outside of a cluster with KUBECONFIG (or ~/.kube/config)."""
        return cls(await Transport.connect())

    async def close(self) -> None:
        """Closes all connections."""
        await self._transport.close()

    async def serves(self, resource: Resource, namespace: str | None = None) -> bool:
        """Returns whether the API server serves a resource at all: of one of ours, whether its CRD is installed."""
        try:
            await self._transport.request("GET", resource.path(namespace), query={"limit": "1"})
        except NotFound:
            return False
        return True

    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """Returns an object; the data of a Secret is base64."""
        return await self._transport.request("GET", resource.path(namespace, name))

    async def list(
        self, resource: Resource, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> AsyncIterator[Page]:
        """Yields the objects of a namespace, or of all, a page at a time.

        Args:
            resource: Their resource.
            namespace: Their namespace; None for all.
            labels: Label selector; empty for all.
            fields: Field selector; empty for all.
        """
        query = {name: value for name, value in (("labelSelector", labels), ("fieldSelector", fields)) if value}
        while True:
            async with self._one_page:
                page = await self._page(resource, namespace, query)
            following = page.following
            yield page
            del page  # before the next one is read
            if not following:
                return
            query["continue"] = following

    async def _page(self, resource: Resource, namespace: str | None, query: dict[str, str]) -> Page:
        """Returns the next page of a list, with as many objects as fit in a page of that resource."""
        while True:
            limit = self._sizes.of(resource)
            max_bytes = MAX_PAGE_BYTES if limit > 1 else None  # The API server bounds a single object.
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
        """Yields the objects that a field selector names: those that there are, then every later one and every change.

        It ends when the API server has forgotten where it was; then it is to be begun anew.
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
        """Creates an object; raises Conflict if one of that name exists, whoever it belongs to."""
        query = {"fieldManager": manager} if manager else {}
        path = resource.path(thing["metadata"].get("namespace"))
        return await self._transport.request("POST", path, query=query, body=thing)

    async def replace(self, resource: Resource, thing: Object, *, manager: str | None = None) -> Object:
        """Replaces an object as read and changed; raises Conflict if its resourceVersion is another one by now."""
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
        """Changes fields of an object as read (None removes one); raises Conflict if it has changed since.

        A process that was paused may send a patch after it has lost its lease: by then, the version is another one.
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
        """Deletes an object as read; raises Conflict if it has changed since.

        All that it owns goes with it: in the background, or in the foreground, where it stays until that is gone.
        """
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        body = {"propagationPolicy": propagation, "preconditions": preconditions}
        await self._transport.request("DELETE", resource.path(namespace, name), body=body)

    async def apply(self, resource: Resource, thing: Object, *, manager: str) -> Object:
        """Applies one manager's part of an object, server-side, and creates the object if there is none.

        Fields that the manager applied before and now leaves out are removed; those of other managers stay.

        Args:
            resource: Its resource.
            thing: All fields of this manager. With a uid, another object of that name is left alone (Conflict).
            manager: The field manager.

        Returns:
            The object after it.
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
        """Applies one manager's part of an object's status, as `apply` does.

        What the installed CRD does not declare is left out: it may be of an earlier version.

        Args:
            resource: Its resource.
            namespace: Its namespace.
            name: Its name.
            uid: Its uid; another object of that name is left alone (Conflict).
            manager: The field manager.
            status: All fields of this manager.
            resource_version: Version that the object must still have, if given (Conflict).

        Returns:
            The object after it.
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
        """Returns whom a token speaks for, or None if it is not valid for this audience."""
        review = await self._transport.request("POST", TOKEN_REVIEWS.path(), body=token_review(token, audience))
        return identity(review, audience)

    async def _apply(self, resource: Resource, thing: Object, manager: str, subresource: str | None) -> Object:
        path = resource.path(thing["metadata"]["namespace"], thing["metadata"]["name"], subresource)
        body = {"apiVersion": resource.api_version, "kind": resource.kind} | thing
        query = {"fieldManager": manager, "force": "true"}
        return await self._transport.request("PATCH", path, query=query, body=_yaml(body), content_type=_APPLY)

    def _warn_of(self, resource: Resource, undeclared: Iterable[str]) -> None:
        """Warns once of each field that the installed CRD does not declare."""
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
    """Returns a document as JSON that is YAML, too: what JSON writes as two escapes stands there as it is."""
    return _PAIR.sub(lambda pair: str(json.loads(f'"{pair[0]}"')), json.dumps(document))
