"""Clients of the API server with the few responses that a test needs."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any, Self, cast

from epochal_operator.runtime.api.pages import Page
from epochal_operator.runtime.api.resource import Key, Resource
from epochal_operator.runtime.kind import ReconcileContext
from epochal_operator.runtime.recorder import Recorder
from epochal_operator.runtime.store import Change, Store
from epochal_operator.web.pod_auth import Identity

if TYPE_CHECKING:
    from epochal_operator.runtime.api.kube import Kube


class AddedKeys(list[Key]):
    """The keys that an informer has enqueued, with their priority."""

    def __init__(self) -> None:
        self.low_priority = set[Key]()

    def add(self, key: Key, *, low_priority: bool = False) -> None:
        self.append(key)
        if low_priority:
            self.low_priority.add(key)
        else:
            self.low_priority.discard(key)


class ByKind:
    """A client that calls a method for each verb and kind: get_job, create_event, list_pods."""

    def without_retries(self) -> Self:
        return self

    def with_reader(self, _: object) -> Self:
        return self

    async def get(self, resource: Resource, namespace: str, name: str) -> Any:
        return await self._method("get", resource)(namespace, name)

    async def list(self, resource: Resource, namespace: str | None, *, labels: str = "") -> AsyncIterator[Page]:
        async for page in getattr(self, f"list_{_words(resource)}s")(labels, namespace):
            yield page

    async def create(self, resource: Resource, thing: Any, *, manager: str | None = None) -> Any:
        assert manager == (None if resource.kind in {"Event", "TokenReview"} else "epochal")
        return await self._method("create", resource)(thing)

    async def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        patch: Any,
        *,
        uid: str,
        resource_version: str,
        manager: str,
    ) -> Any:
        assert manager == "epochal"
        assert int(resource_version) > 0
        changes = {field: value for field, value in patch.items() if field != "metadata"} | patch.get("metadata", {})
        return await self._method("patch", resource)(namespace, name, uid=uid, **changes)

    async def delete(self, resource: Resource, namespace: str, name: str, *, propagation: str, **seen: str) -> None:
        assert propagation == "Foreground"
        await self._method("delete", resource)(namespace, name, **seen)

    def _method(self, verb: str, resource: Resource) -> Callable[..., Any]:
        return cast("Callable[..., Any]", getattr(self, f"{verb}_{_words(resource)}"))


def _words(resource: Resource) -> str:
    return re.sub("(?<!^)([A-Z])", r"_\1", resource.kind).lower()


def reviewed(review: Any, identities: Mapping[str, Identity]) -> dict[str, Any]:
    """Return a TokenReview with its status.

    Args:
        review: The TokenReview.
        identities: The identities of the valid tokens.
    """
    assert review["spec"]["audiences"] == ["epochal.dev"]
    if (known := identities.get(review["spec"]["token"])) is None:
        return {**review, "status": {"authenticated": False}}
    pod = {"name": [known.pod_name], "uid": [known.pod_uid]}
    extra = {f"authentication.kubernetes.io/pod-{field}": value for field, value in pod.items()}
    user = {"username": known.username, "extra": extra}
    return {**review, "status": {"authenticated": True, "audiences": ["epochal.dev"], "user": user}}


def reconcile_context(
    kube: object,
    store: Store,
    *,
    enqueue: Callable[[Key], None] = lambda _: None,
    on_change: Callable[[Change | None], None] = lambda _: None,
) -> ReconcileContext:
    """Return the context of a reconciler."""
    client = cast("Kube", kube)
    return ReconcileContext(client, store, Recorder(client.without_retries()), (), enqueue=enqueue, on_change=on_change)
