"""Requests for Kubernetes objects of any kind: get, list, create, change, delete and watch."""

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from epochal.client.kinds import EVENTS, Kind, checked_name
from epochal.client.pages import PAGE, describe, list_all, pages, selectors
from epochal.client.transport import Query, Transport
from epochal.client.watch_state import Change
from epochal.client.watching import Watch
from epochal.environment import Environment

FIELD_MANAGER = "epochal-command"

Object = dict[str, Any]
Objects = list[Object]
Names = list[str]
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class ObjectClient:
    """A client of the Kubernetes objects in a cluster, with the rights of the user.

    Args:
        transport: Sends the requests.
        namespace: The namespace of requests that name no namespace.
        environment: Waits before a retry, and prints warnings.
        field_manager: Name of this client in the managedFields of objects that it changes.
        page: Maximum number of objects in one answer to a list request.
    """

    def __init__(
        self,
        transport: Transport,
        namespace: str,
        environment: Environment,
        *,
        field_manager: str = FIELD_MANAGER,
        page: int = PAGE,
    ) -> None:
        self.namespace = checked_name("namespace", namespace)
        self.environment = environment
        self._transport = transport
        self._page = page
        # Unknown fields are an error, as in kubectl.
        self._write: Query = {"fieldManager": field_manager, "fieldValidation": "Strict"}

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Object:
        """Return the object with a name.

        Raises:
            ApiError: If there is no such object, or the user may not read it.
            AnswerTooLarge: If it is too large.
        """
        place = self._place(kind, namespace)
        action, path = describe("get", kind, place, name), kind.url_path(place, name)
        return self._transport.json(action, "GET", path, is_object=True)

    def list(
        self,
        kind: Kind,
        *,
        namespace: str | None = None,
        all_namespaces: bool = False,
        selector: str = "",
        name: str = "",
        most: int = 0,
    ) -> Objects:
        """Return the objects of a kind.

        Args:
            kind: The kind.
            namespace: Their namespace. Default: `namespace` of the client.
            all_namespaces: Whether to return the objects of all namespaces.
            selector: Label selector, such as `epochal.dev/experiment=search`.
            name: If set, only the object with this name.
            most: Maximum number of objects, to bound memory and time; 0 for all.
        """
        place = "" if all_namespaces else self._place(kind, namespace)
        return list_all(self._transport, kind, place, selectors(kind, selector, name), most, page=self._page)[0]

    def pages(
        self,
        kind: Kind,
        *,
        namespace: str | None = None,
        all_namespaces: bool = False,
        field_selector: str = "",
        page: int = 0,
    ) -> Iterator[Objects]:
        """Yield the objects of a kind in lists, one for each page. The caller can stop before the last page.

        Args:
            kind: The kind.
            namespace: Their namespace. Default: `namespace` of the client.
            all_namespaces: Whether to return the objects of all namespaces.
            field_selector: Field selector, such as `type=Opaque`.
            page: Maximum number of objects in a page. Default: `page` of the client.
        """
        place = "" if all_namespaces else self._place(kind, namespace)
        query = {"fieldSelector": field_selector} if field_selector else {}
        for answer in pages(self._transport, kind, place, query, page=page or self._page):
            yield answer.get("items") or []

    def names(self, kind: Kind, *, namespace: str | None = None, limit: int = PAGE) -> Names:
        """Return at most `limit` names of objects of a kind. The API server sends only the metadata of the objects."""
        place = self._place(kind, namespace)
        items, _ = list_all(self._transport, kind, place, {}, limit, accept=_METADATA)
        return [str(item["metadata"]["name"]) for item in items]

    def create(self, kind: Kind, document: Object, *, dry_run: bool = False) -> Object:
        """Create an object in its own namespace, or else in `namespace` of the client, and return it as stored.

        Args:
            kind: Its kind.
            document: The object.
            dry_run: Whether the API server only checks the object.
        """
        name, place = self._identity(kind, document)
        action, query = describe("create", kind, place, name), self._writing(dry_run=dry_run)
        is_change = kind.namespaced and not dry_run  # a review is created, but not stored
        return self._transport.json(action, "POST", kind.url_path(place), query, body=document, is_change=is_change)

    def replace(self, kind: Kind, document: Object, *, dry_run: bool = False) -> Object:
        """Replace an object in its own namespace, or else in `namespace` of the client, and return it as stored.

        Args:
            kind: Its kind.
            document: The object. The request fails (409) if the stored object has another metadata.resourceVersion.
            dry_run: Whether the API server only checks the object.
        """
        name, place = self._identity(kind, document)
        action, path = describe("change", kind, place, name), kind.url_path(place, name)
        query = self._writing(dry_run=dry_run)
        return self._transport.json(action, "PUT", path, query, body=document, is_change=not dry_run)

    def apply(self, kind: Kind, document: Object, *, force: bool = False, dry_run: bool = False) -> Object:
        """Create or change an object by server-side apply, and return it as stored.

        Args:
            kind: Its kind.
            document: The fields to set.
            force: Whether to overwrite fields that another field manager has set to another value.
            dry_run: Whether the API server only checks the object.
        """
        name, place = self._identity(kind, document)
        query: Query = {**self._writing(dry_run=dry_run), "force": force}
        body = {"apiVersion": kind.api_version, "kind": kind.name, **document}
        action, path = describe("apply", kind, place, name), kind.url_path(place, name)
        content_type = "application/apply-patch+yaml"
        return self._transport.json(
            action, "PATCH", path, query, body=body, content_type=content_type, is_change=not dry_run
        )

    def patch(
        self,
        kind: Kind,
        name: str,
        merge_patch: Object,
        *,
        namespace: str | None = None,
        resource_version: str | None = None,
        uid: str = "",
    ) -> Object:
        """Change fields of an object by a JSON merge patch, and return it as stored.

        Args:
            kind: Its kind.
            name: Its name.
            merge_patch: The fields to set; None removes a field.
            namespace: Its namespace. Default: `namespace` of the client.
            resource_version: If set, the request fails (409) unless the object still has this resourceVersion.
            uid: If set, the request fails if an object of the same name has another UID.
        """
        place = self._place(kind, namespace)
        body = dict(merge_patch)
        required = {"resourceVersion": resource_version, "uid": uid or None}
        if metadata := {field: value for field, value in required.items() if value is not None}:
            body["metadata"] = {**body.get("metadata", {}), **metadata}
        action = describe("change", kind, place, name)
        path, content_type = kind.url_path(place, name), "application/merge-patch+json"
        return self._transport.json(
            action, "PATCH", path, self._write, body=body, content_type=content_type, is_change=True
        )

    def delete(self, kind: Kind, name: str, *, namespace: str | None = None, uid: str = "") -> None:
        """Delete an object. Kubernetes then deletes the objects that it owns, in the background.

        Args:
            kind: Its kind.
            name: Its name.
            namespace: Its namespace. Default: `namespace` of the client.
            uid: If set, the request fails (409) if an object of the same name has another UID.
        """
        place = self._place(kind, namespace)
        body: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if uid:
            body["preconditions"] = {"uid": uid}
        action, path = describe("delete", kind, place, name), kind.url_path(place, name)
        self._transport.json(action, "DELETE", path, body=body, is_change=True)

    def watch(
        self,
        kind: Kind,
        *,
        name: str = "",
        selector: str = "",
        namespace: str | None = None,
        seconds: float | None = None,
        ended: threading.Event | None = None,
    ) -> Iterator[Change]:
        """Yield the existing objects of a kind as ADDED, and then each change. A broken connection is opened again.

        Args:
            kind: The kind.
            name: If set, only the object with this name.
            selector: Label selector.
            namespace: Their namespace. Default: `namespace` of the client.
            seconds: Seconds after which the watch ends; None for no end.
            ended: An event that the caller sets to end the watch. It ends when its running request ends.
        """
        place, query = self._place(kind, namespace), selectors(kind, selector, name)
        return Watch(
            self._transport,
            self.environment,
            list_all=lambda: list_all(self._transport, kind, place, query, page=self._page),
            path=kind.url_path(place),
            query=query,
            action=describe("watch", kind, place, name),
            seconds=seconds,
            ended=ended,
        ).changes()

    def events(self, kind_name: str, name: str, namespace: str | None = None, *, most: int = 0) -> Objects:
        """Return at most `most` Events (events.k8s.io/v1) about an object, unsorted; all Events if `most` is 0."""
        place = self._place(EVENTS, namespace)
        selector = f"regarding.kind={kind_name},regarding.name={checked_name(kind_name, name)}"
        return list_all(self._transport, EVENTS, place, {"fieldSelector": selector}, most, page=self._page)[0]

    def _writing(self, *, dry_run: bool) -> Query:
        return {**self._write, "dryRun": "All"} if dry_run else self._write

    def _place(self, kind: Kind, namespace: str | None) -> str:
        return (namespace or self.namespace) if kind.namespaced else ""

    def _identity(self, kind: Kind, document: Mapping[str, Any]) -> tuple[str, str]:
        metadata = document.get("metadata") or {}
        return str(metadata.get("name") or ""), self._place(kind, metadata.get("namespace"))
