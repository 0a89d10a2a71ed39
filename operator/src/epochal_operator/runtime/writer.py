"""What all kinds write in the same way. What was written is known at once, and is news to others."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from epochal_operator.runtime.errors import ALREADY_EXISTS, Conflict, NotFound
from epochal_operator.runtime.events import Event, event_object
from epochal_operator.runtime.kind import Term
from epochal_operator.runtime.kube import LEADER_MANAGER
from epochal_operator.runtime.resource import Key, Object, Resource

RACES = 3
"""Conflicts over a new object that may be chance: a quota that others change answers so."""


class Writer:
    """Writes about the objects of a kind.

    Args:
        term: What it works with.
        resource: The kind's resource.
        instance: Name of this process, for Events.
        clock: Returns the time, with a time zone.

    Attributes:
        kube: The API server, asked once: what fails is tried again as a whole.
        store: What is known.
    """

    def __init__(self, term: Term, resource: Resource, instance: str, clock: Callable[[], datetime]) -> None:
        self._term = term
        self._resource = resource
        self._instance = instance
        self._clock = clock
        self.kube = term.kube.once()
        self.store = term.store

    async def emit(self, event: Event, about: Object) -> None:
        """Tells what happened to an object of the kind.

        Args:
            event: What happened.
            about: The object.
        """
        told = event_object(event, self._resource, about["metadata"], instance=self._instance, now=self._clock())
        await self._term.recorder.tell(told)

    async def apply_status(self, about: Object, status: dict[str, Any], manager: str = LEADER_MANAGER) -> None:
        """Applies a part of the status of an object of the kind, unless it has changed since it was read.

        Args:
            about: The object.
            status: The part, as JSON.
            manager: Whose part it is.
        """
        metadata = about["metadata"]
        written = await self.kube.apply_status(
            self._resource,
            metadata["namespace"],
            metadata["name"],
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],
            manager=manager,
            status=status,
        )
        self.put(self._resource, written)

    async def create(self, resource: Resource, body: Object) -> tuple[Object, bool]:
        """Creates an object; returns the one that has its name, whoever it belongs to, and whether it is new."""
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
            except NotFound:  # It is gone meanwhile.
                if not left:
                    raise
        raise AssertionError("unreachable")

    async def patch(self, resource: Resource, thing: Object, patch: dict[str, Any]) -> dict[str, Any]:
        """Change fields of an object (None removes one), unless it has changed since it was read."""
        metadata = thing["metadata"]
        seen = {"uid": metadata["uid"], "resource_version": metadata["resourceVersion"]}
        where = (resource, metadata["namespace"], metadata["name"])
        return await self.kube.patch(*where, patch, **seen, manager=LEADER_MANAGER)

    async def delete(
        self, resource: Resource, thing: Object, propagation: Literal["Background", "Foreground"] = "Background"
    ) -> None:
        """Deletes an object, unless it has changed since it was read."""
        metadata = thing["metadata"]
        seen = {"uid": metadata["uid"], "resource_version": metadata["resourceVersion"]}
        where = (resource, metadata["namespace"], metadata["name"])
        await self.kube.delete(*where, **seen, propagation=propagation)

    async def refresh(self, resource: Resource, key: Key, known: Object | None) -> None:
        """Reads an object anew: the API server knows of a change that has not been told yet.

        Args:
            resource: Its resource.
            key: Its namespace and name.
            known: What is known of it, which is forgotten if it is gone.
        """
        try:
            self.put(resource, await self.kube.get(resource, *key))
        except NotFound:
            if known is not None:
                self.remove(resource, known)

    def put(self, resource: Resource, thing: Object) -> None:
        """Takes an object as it was written, or read."""
        self._term.wrote(self.store.put(resource, thing))

    def remove(self, resource: Resource, thing: Object) -> None:
        """Takes the end of an object."""
        self._term.wrote(self.store.remove(resource, thing))
