"""Writes to the API server for all kinds. The cache stores each result at once, and other objects are enqueued."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from epochal_operator.runtime.api.errors import ALREADY_EXISTS, Conflict, NotFound
from epochal_operator.runtime.api.kube import LEADER_MANAGER
from epochal_operator.runtime.api.resource import Key, Object, Resource, key_of
from epochal_operator.runtime.events import Event, event_object
from epochal_operator.runtime.kind import Term

RACES = 3
"""Retries of a create after a Conflict that may be temporary, as from a quota that changed at the same time."""


class Outdated(Conflict):
    """The object has changed since the plan for it was made, and the cache has the newer version."""


class Writer:
    """Writes objects, statuses and Events of a kind.

    Args:
        term: The context of the reconciler.
        resource: The resource of the kind.
        instance: Name of this process's pod, for Events.
        clock: Returns the time, with a time zone.

    Attributes:
        resource: The resource of the kind.
        kube: Client that makes each request once, because the queue retries the whole reconcile.
        store: The cache of objects.
    """

    def __init__(self, term: Term, resource: Resource, instance: str, clock: Callable[[], datetime]) -> None:
        self._term = term
        self.resource = resource
        self._instance = instance
        self._clock = clock
        self.kube = term.kube.once()
        self.store = term.store

    async def emit(self, event: Event, about: Object) -> None:
        """Create an Event about an object of the kind.

        Args:
            event: The Event.
            about: The object.
        """
        told = event_object(event, self.resource, about["metadata"], instance=self._instance, now=self._clock())
        await self._term.recorder.tell(told)

    async def apply_status(self, about: Object, status: dict[str, Any], manager: str = LEADER_MANAGER) -> None:
        """Apply status fields of an object, unless the object has changed since it was read.

        Args:
            about: The object.
            status: The status fields of the manager, as JSON.
            manager: The field manager.
        """
        metadata = about["metadata"]
        written = await self.kube.apply_status(
            self.resource,
            metadata["namespace"],
            metadata["name"],
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],
            manager=manager,
            status=status,
        )
        self.put(self.resource, written)

    async def check_current(self, about: Object) -> None:
        """Raise Outdated if the API server has another object, generation or deletion: the watch may be late.

        Args:
            about: The object, as read.
        """
        now = await self.kube.get(self.resource, *key_of(about))
        if _differ(about, now):
            self.put(self.resource, now)
            raise self._outdated()

    def current(self, about: Object) -> Object:
        """Return the cached version of an object of the kind, whose status may be newer than that of the object.

        Args:
            about: The object, as read.

        Raises:
            NotFound: If the object does not exist any more.
            Outdated: If another object of that name, another generation or a deletion is cached.
        """
        document = self.store.get(self.resource, key_of(about))
        if document is None:
            raise NotFound(404, "NotFound", f"the {self.resource.kind} does not exist any more")
        if _differ(about, document):
            raise self._outdated()
        return document

    def _outdated(self) -> Outdated:
        return Outdated(409, "Conflict", f"the {self.resource.kind} has changed since it was read")

    async def create(self, resource: Resource, body: Object) -> tuple[Object, bool]:
        """Create an object; return the object with that name (with any owner), and whether it is new."""
        metadata = body["metadata"]
        for left in range(RACES, -1, -1):
            try:
                return await self.kube.create(resource, dict(body), manager=LEADER_MANAGER), True
            except Conflict as error:
                if error.reason != ALREADY_EXISTS:
                    if not left:
                        raise
                    continue
            try:
                return await self.kube.get(resource, metadata["namespace"], metadata["name"]), False
            except NotFound:  # deleted after the Conflict
                if not left:
                    raise
        raise AssertionError("unreachable")

    async def patch(self, resource: Resource, thing: Object, patch: dict[str, Any]) -> dict[str, Any]:
        """Change fields of an object (None removes a field), unless the object has changed since it was read."""
        metadata = thing["metadata"]
        seen = {"uid": metadata["uid"], "resource_version": metadata["resourceVersion"]}
        where = (resource, metadata["namespace"], metadata["name"])
        return await self.kube.patch(*where, patch, **seen, manager=LEADER_MANAGER)

    async def replace(
        self, resource: Resource, thing: Object, replacement: Callable[[Object], Object]
    ) -> dict[str, Any]:
        """Replace an object, even if it has changed since it was read.

        Args:
            resource: The resource of the object.
            thing: The object.
            replacement: Returns the object to write, from the object as read from the API server.
        """
        live = await self.kube.get(resource, *key_of(thing))
        if live["metadata"]["uid"] != thing["metadata"]["uid"]:
            raise Conflict(409, "Conflict", f"the {resource.kind} was deleted and created again since it was read")
        return await self.kube.replace(resource, dict(replacement(live)), manager=LEADER_MANAGER)

    async def delete(
        self, resource: Resource, thing: Object, propagation: Literal["Background", "Foreground"] = "Background"
    ) -> None:
        """Delete an object, unless it has changed since it was read.

        With Foreground propagation, the object stays in the cache: the caller refreshes it.
        """
        metadata, key = thing["metadata"], key_of(thing)
        seen = {"uid": metadata["uid"], "resource_version": metadata["resourceVersion"]}
        await self.kube.delete(resource, *key, **seen, propagation=propagation)
        if propagation == "Background":
            self.remove(resource, thing)

    async def refresh(self, resource: Resource, key: Key, known: Object | None) -> None:
        """Read an object again, because the API server has a change that the watch has not yet reported.

        Args:
            resource: The resource of the object.
            key: Key of the object.
            known: The cached object, which is removed if it no longer exists.
        """
        try:
            self.put(resource, await self.kube.get(resource, *key))
        except NotFound:
            if known is not None:
                self.remove(resource, known)

    def put(self, resource: Resource, thing: Object) -> None:
        """Store an object that was written or read, and enqueue the objects that the change affects."""
        self._term.wrote(self.store.put(resource, thing))

    def remove(self, resource: Resource, thing: Object) -> None:
        """Remove a deleted object, and enqueue the objects that the change affects."""
        self._term.wrote(self.store.remove(resource, thing))


def _differ(planned: Object, now: Object) -> bool:
    """Return whether an object has another UID, generation or deletion time than the object of a plan."""
    fields = ("uid", "generation", "deletionTimestamp")
    return any(planned["metadata"].get(field) != now["metadata"].get(field) for field in fields)
