"""A client that writes to objects in memory, for reconcilers in virtual time that may be killed after any write."""

from collections.abc import Callable
from functools import partial
from typing import Any, Self

from epochal_operator.runtime.api.errors import error_of
from epochal_operator.runtime.api.resource import Resource

from tests.kit.fake.objects import Objects, Refusal


class Killed(BaseException):
    """The operator was killed."""


class Direct:
    """A client that writes to objects in memory.

    Attributes:
        writes: The writes, as "verb resource/name".
        reads: The read objects, as "resource/name".
        refuse: Returns the refusal of a request, or None.
        dies_after: Number of writes after which the operator is killed.
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
        return self._request("get", resource, name, lambda: self._objects.get(resource.plural, namespace, name))

    async def create(self, resource: Resource, obj: Any, *, manager: str | None = None) -> Any:
        options: dict[str, Any] = {"manager": manager} if manager else {}
        create = partial(self._objects.create, resource.plural, obj["metadata"]["namespace"], obj, **options)
        return self._write("create", resource, obj["metadata"]["name"], create)

    async def replace(self, resource: Resource, obj: Any, *, manager: str) -> Any:
        replace = partial(self._objects.replace, resource.plural, obj["metadata"]["namespace"], obj, manager=manager)
        return self._write("replace", resource, obj["metadata"]["name"], replace)

    async def patch(
        self, resource: Resource, namespace: str, name: str, patch: Any, *, manager: str, **precondition: str
    ) -> Any:
        body = patch | {"metadata": patch.get("metadata", {}) | _metadata(**precondition)}
        write = partial(self._objects.patch, resource.plural, namespace, name, body, manager=manager)
        return self._write("patch", resource, name, write)

    async def apply_status(
        self, resource: Resource, namespace: str, name: str, *, manager: str, status: Any, **precondition: str
    ) -> Any:
        body = {"metadata": _metadata(**precondition), "status": status}
        options: dict[str, Any] = {"subresource": "status", "manager": manager, "force": True}
        apply = partial(self._objects.apply, resource.plural, namespace, name, body, **options)
        return self._write("status", resource, name, apply)

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, propagation: str, **precondition: str
    ) -> Any:
        assert propagation == "Background"
        preconditions = _metadata(**precondition)
        delete = partial(self._objects.delete, resource.plural, namespace, name, preconditions=preconditions)
        return self._write("delete", resource, name, delete)

    def _write(self, verb: str, resource: Resource, name: str, write: Callable[[], Any]) -> Any:
        if self.dies_after is not None and len(self.writes) >= self.dies_after:
            raise Killed
        result = self._request(verb, resource, name, write)
        self._objects.collect()
        self.writes.append(f"{verb} {resource.plural}/{name}")
        if self.dies_after is not None and len(self.writes) >= self.dies_after:
            raise Killed
        return result

    def _request(self, verb: str, resource: Resource, name: str, request: Callable[[], Any]) -> Any:
        try:
            if refusal := self.refuse(verb, resource.plural, name):
                raise refusal
            return request()
        except Refusal as refusal:
            raise error_of(refusal.status, {"reason": refusal.reason, "message": refusal.message}, {}) from None


def _metadata(*, uid: str, resource_version: str) -> dict[str, str]:
    return {"uid": uid, "resourceVersion": resource_version}
