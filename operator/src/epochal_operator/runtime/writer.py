"""Writes to the API server for all kinds. The cache stores each result at once, and other objects are enqueued."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from epochal_operator.runtime.api.errors import ALREADY_EXISTS, Conflict, NotFound
from epochal_operator.runtime.api.kube import LEADER_MANAGER
from epochal_operator.runtime.api.resource import Key, Object, Resource, key_of
from epochal_operator.runtime.events import Event, event_object
from epochal_operator.runtime.kind import ReconcileContext

CREATE_RETRIES = 3
"""Maximum retries of a create after a Conflict that may be temporary, such as by a concurrent change of a quota."""


class StaleObject(Conflict):
    """The object has changed since the plan for it was made, and the newer version is in the cache."""


class Writer:
    """Writes objects, statuses and Events of a kind.

    Attributes:
        resource: The resource of the kind.
        kube: Client that makes each request once, because the queue retries the whole reconcile.
        store: The cache of objects.
    """

    def __init__(
        self, context: ReconcileContext, resource: Resource, instance: str, clock: Callable[[], datetime]
    ) -> None:
        self._context = context
        self.resource = resource
        self._instance = instance
        self._clock = clock
        self.kube = context.kube.without_retries()
        self.store = context.store

    async def emit(self, event: Event, about: Object) -> None:
        """Create an Event about an object of the kind."""
        body = event_object(event, self.resource, about["metadata"], instance=self._instance, now=self._clock())
        await self._context.recorder.create(body)

    async def apply_status(self, about: Object, status: dict[str, Any], manager: str = LEADER_MANAGER) -> None:
        """Apply the status fields of a field manager; raise Conflict if the object has changed since it was read."""
        written = await self.kube.apply_status(
            self.resource, *key_of(about), **_precondition(about), manager=manager, status=status
        )
        self.put(self.resource, written)

    async def check_current(self, about: Object) -> None:
        """Read an object from the API server; raise StaleObject if its UID, generation or deletion time differs.

        The object in the cache may be older, because the watch may be late.
        """
        live = await self.kube.get(self.resource, *key_of(about))
        if _is_stale(about, live):
            self.put(self.resource, live)
            raise self._stale_object()

    def current(self, about: Object) -> Object:
        """Return the version of an object that is now in the cache. Its status may be newer than in `about`.

        Raises:
            NotFound: If the object does not exist any more.
            StaleObject: If the cached object has another UID, generation or deletion time.
        """
        cached = self.store.get(self.resource, key_of(about))
        if cached is None:
            raise NotFound(404, "NotFound", f"the {self.resource.kind} does not exist any more")
        if _is_stale(about, cached):
            raise self._stale_object()
        return cached

    def _stale_object(self) -> StaleObject:
        return StaleObject(409, "Conflict", f"the {self.resource.kind} has changed since it was read")

    async def create(self, resource: Resource, body: Object) -> tuple[Object, bool]:
        """Create an object; return it and True, or the existing object of that name (with any owner) and False."""
        metadata = body["metadata"]
        for remaining in range(CREATE_RETRIES, -1, -1):
            try:
                return await self.kube.create(resource, dict(body), manager=LEADER_MANAGER), True
            except Conflict as error:
                if error.reason != ALREADY_EXISTS:
                    if not remaining:
                        raise
                    continue
            try:
                return await self.kube.get(resource, metadata["namespace"], metadata["name"]), False
            except NotFound:  # deleted after the Conflict
                if not remaining:
                    raise
        raise AssertionError("unreachable")

    async def patch(self, resource: Resource, obj: Object, patch: dict[str, Any]) -> dict[str, Any]:
        """Change fields of an object (None removes a field); raise Conflict if it has changed since it was read."""
        return await self.kube.patch(resource, *key_of(obj), patch, **_precondition(obj), manager=LEADER_MANAGER)

    async def replace(self, resource: Resource, obj: Object, replacement: Callable[[Object], Object]) -> dict[str, Any]:
        """Read an object again from the API server, and replace it by the result of `replacement` for this object.

        A change of its status since it was read in the cache is no conflict.

        Raises:
            Conflict: If its UID, generation or deletion time has changed since it was read in the cache, or if the
                object changes between the two requests.
        """
        live = await self.kube.get(resource, *key_of(obj))
        # Not StaleObject: the reconciler must also read the owner again. With the old owner, it would replace the
        # object by an old version, for example after it was paused while another leader wrote.
        if _is_stale(obj, live):
            raise Conflict(409, "Conflict", f"the {resource.kind} has changed since it was read")
        return await self.kube.replace(resource, dict(replacement(live)), manager=LEADER_MANAGER)

    async def delete(
        self, resource: Resource, obj: Object, propagation: Literal["Background", "Foreground"] = "Background"
    ) -> None:
        """Delete an object; raise Conflict if it has changed since it was read.

        With Foreground propagation, the object stays in the cache, and the caller must call `refresh`.
        """
        await self.kube.delete(resource, *key_of(obj), **_precondition(obj), propagation=propagation)
        if propagation == "Background":
            self.remove(resource, obj)

    async def refresh(self, resource: Resource, key: Key, cached: Object | None) -> None:
        """Read an object again into the cache: the API server has a change that the watch has not yet reported."""
        try:
            self.put(resource, await self.kube.get(resource, *key))
        except NotFound:
            if cached is not None:
                self.remove(resource, cached)

    def put(self, resource: Resource, obj: Object) -> None:
        """Store an object that was written or read in the cache, and enqueue other objects that the change affects."""
        self._context.on_change(self.store.put(resource, obj))

    def remove(self, resource: Resource, obj: Object) -> None:
        """Remove a deleted object from the cache, and enqueue other objects that the change affects."""
        self._context.on_change(self.store.remove(resource, obj))


def _precondition(obj: Object) -> dict[str, str]:
    return {"uid": obj["metadata"]["uid"], "resource_version": obj["metadata"]["resourceVersion"]}


def _is_stale(planned: Object, current: Object) -> bool:
    """Return whether an object has another UID, generation or deletion time than the object of a plan."""
    fields = ("uid", "generation", "deletionTimestamp")
    return any(planned["metadata"].get(field) != current["metadata"].get(field) for field in fields)
