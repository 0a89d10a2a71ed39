"""A client that writes to objects at once, for reconcilers in virtual time that may be killed after any write."""

from collections.abc import Callable
from typing import Any, Self

from epochal_operator.runtime.api.errors import error_of
from epochal_operator.runtime.api.resource import Resource

from tests.kit.fake.objects import Objects, Refusal


class Killed(BaseException):
    """The operator is killed."""


class Direct:
    """A client that writes to objects at once, as one of an API server would.

    Args:
        objects: The objects.
        dies_after: The write after which the operator is killed.

    Attributes:
        writes: Writes so far, as "verb resource/name".
        reads: Objects that were read so far, as "resource/name".
        refuse: Returns how a write is refused, if it is; asked before it is done.
    """

    def __init__(self, objects: Objects, refuse: Callable[[str, str, str], Refusal | None]) -> None:
        self._objects = objects
        self.writes: list[str] = []
        self.reads: list[str] = []
        self.refuse = refuse
        self.dies_after: int | None = None

    def without_retries(self) -> Self:
        return self

    def with_reader(self, _: object) -> Self:
        return self

    async def get(self, resource: Resource, namespace: str, name: str) -> Any:
        self.reads.append(f"{resource.plural}/{name}")
        if refusal := self.refuse("get", resource.plural, name):
            raise error_of(refusal.status, {"reason": refusal.reason, "message": refusal.message}, {})
        return self._done(lambda: self._objects.get(resource.plural, namespace, name))

    async def create(self, resource: Resource, thing: Any, *, manager: str | None = None) -> Any:
        metadata = thing["metadata"]
        options = {"manager": manager} if manager else {}
        return self._write(
            "create",
            resource,
            metadata["name"],
            lambda: self._objects.create(resource.plural, metadata["namespace"], thing, **options),
        )

    async def replace(self, resource: Resource, thing: Any, *, manager: str) -> Any:
        metadata = thing["metadata"]
        return self._write(
            "replace",
            resource,
            metadata["name"],
            lambda: self._objects.replace(resource.plural, metadata["namespace"], thing, manager=manager),
        )

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
        seen = {"uid": uid, "resourceVersion": resource_version}
        body = patch | {"metadata": patch.get("metadata", {}) | seen}
        return self._write(
            "patch",
            resource,
            name,
            lambda: self._objects.patch(resource.plural, namespace, name, body, manager=manager),
        )

    async def apply_status(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        uid: str,
        manager: str,
        status: Any,
        resource_version: str,
    ) -> Any:
        wish = {"metadata": {"uid": uid, "resourceVersion": resource_version}, "status": status}
        return self._write(
            "status",
            resource,
            name,
            lambda: self._objects.apply(
                resource.plural, namespace, name, wish, subresource="status", manager=manager, force=True
            ),
        )

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str, propagation: str
    ) -> Any:
        assert propagation == "Background"
        seen = {"uid": uid, "resourceVersion": resource_version}
        return self._write(
            "delete",
            resource,
            name,
            lambda: self._objects.delete(resource.plural, namespace, name, preconditions=seen),
        )

    def _write(self, verb: str, resource: Resource, name: str, write: Callable[[], Any]) -> Any:
        if self.dies_after is not None and len(self.writes) >= self.dies_after:
            raise Killed
        if refusal := self.refuse(verb, resource.plural, name):
            raise error_of(refusal.status, {"reason": refusal.reason, "message": refusal.message}, {})
        result = self._done(write)
        self._objects.collect()
        self.writes.append(f"{verb} {resource.plural}/{name}")
        if self.dies_after is not None and len(self.writes) >= self.dies_after:
            raise Killed
        return result

    def _done(self, do: Callable[[], Any]) -> Any:
        try:
            return do()
        except Refusal as refusal:
            raise error_of(refusal.status, {"reason": refusal.reason, "message": refusal.message}, {}) from None
