"""The objects of a fake API server, by the rules of the real one: versions, conflicts, finalizers, ownership.

    objects = Objects()
    objects.create("namespaces", "", {"metadata": {"name": "vision"}})
    objects.create("trainingjobs", "vision", document)
    objects.patch("jobs", "vision", "digits", {"status": {"active": 1}}, subresource="status")

Whatever is given or returned is a copy.
"""

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from tests.kit.fake import fields
from tests.kit.fake.fields import Object, Owner, copied
from tests.kit.fake.resources import RESOURCES, Resource, Selector

SOMEBODY = "somebody"
"""Field manager of requests that name none."""
FOREGROUND = "foregroundDeletion"
"""Finalizer of an object that stays until all of its dependents are gone."""
GRACE_SECONDS = 30


class Refusal(Exception):
    """A request that the server refuses.

    Args:
        reason: The reason in one word.
        causes: Messages by the fields that are wrong.
    """

    def __init__(self, status: int, reason: str, message: str, causes: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.causes = causes or {}

    def as_status(self) -> Object:
        """Returns the Status object of the refusal."""
        about = {"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure"}
        causes = [{"reason": "FieldValueInvalid", "field": field, "message": m} for field, m in self.causes.items()]
        details = {"details": {"causes": causes}} if causes else {}
        return about | details | {"reason": self.reason, "message": self.message, "code": self.status}


class Place(NamedTuple):
    """Where an object is.

    Args:
        resource: Its kind's name in paths.
        namespace: Its namespace, or an empty string.
    """

    resource: str
    namespace: str
    name: str


class Change(NamedTuple):
    """One change of an object.

    Args:
        version: The version of the store that it made.
        before: The object before, or None.
        after: The object after; None if it is gone.
        last: The object as a watch tells of it: after, or as it was when it went.
    """

    version: int
    resource: str
    before: Object | None
    after: Object | None
    last: Object

    def watch_event(self, selector: Selector) -> tuple[str, Object] | None:
        """Returns the watch event of the change for a selector, or None."""
        was = self.before is not None and selector.takes(self.before)
        now = self.after is not None and selector.takes(self.after)
        if not was and not now:
            return None
        return ("DELETED" if not now else "MODIFIED" if was else "ADDED"), self.last


class Objects:
    """The objects of a fake API server.

    Args:
        namespaces: Namespaces that exist from the beginning.
        resources: The kinds that are served.
        clock: Returns the time, with a time zone.
        statuses: OpenAPI schemas of the status of kinds, by their names in paths: what is applied must be declared.

    Attributes:
        version: The version of the store: it grows with every change of any object.
        compacted: The version before which changes are forgotten.
        listeners: Are called after every change.
        admit: Returns the object that is kept in place of one that is sent, by its resource: a mutating webhook, or
            what the server itself normalises.
        raw: JSON that is told in place of a text, by that text: what is too deep or too large to be kept as an object.
    """

    def __init__(
        self,
        *namespaces: str,
        resources: Iterable[Resource] = RESOURCES,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        statuses: Mapping[str, Object] | None = None,
    ) -> None:
        self._statuses = statuses or {}
        self.resources = {resource.name: resource for resource in resources}
        self.version = 0
        self.compacted = 0
        self.listeners: set[Callable[[], None]] = set()
        self.admit: Callable[[str, Object], Object] = lambda _, thing: thing
        self.raw: dict[str, str] = {}
        self._clock = clock
        self._uids = 0
        self._things: dict[Place, Object] = {}
        self._changes: list[Change] = []
        for namespace in namespaces:
            self.create("namespaces", "", {"metadata": {"name": namespace}})

    def get(self, resource: str, namespace: str, name: str) -> Object:
        return copied(self._find(Place(resource, namespace, name)))

    def text(self, thing: Object) -> str:
        """Returns an answer as JSON."""
        text = json.dumps(thing)
        for mark, raw in self.raw.items():
            text = text.replace(json.dumps(mark), raw)
        return text

    def since(self, version: int) -> list[Change]:
        """Returns the changes after a version of the store."""
        if version < self.compacted:
            raise Refusal(410, "Expired", f"too old resource version: {version} ({self.compacted})")
        return self._changes[bisect_right(self._changes, version, key=lambda change: change.version) :]

    def list(self, resource: str, selector: Selector | None = None) -> list[Object]:
        """Returns the objects of a kind, in the order of their namespaces and names."""
        selector = selector or Selector()
        found = (
            thing
            for place, thing in sorted(self._things.items(), key=lambda pair: pair[0])
            if place.resource == resource
        )
        return [copied(thing) for thing in found if selector.takes(thing)]

    def compact(self) -> None:
        """Forgets all changes: a watch from before, or the next page of a list, is too late (410)."""
        self.compacted = self.version
        self._changes.clear()

    def create(
        self, resource: str, namespace: str, thing: Object, *, manager: str = SOMEBODY, dry_run: bool = False
    ) -> Object:
        place = Place(resource, namespace, thing["metadata"]["name"])
        if place in self._things:
            raise Refusal(409, "AlreadyExists", f'{resource} "{place.name}" already exists')
        made = self.admit(resource, self._new(place, copied(thing)))
        if dry_run:
            return made
        return self._write(place, {}, fields.update({}, made, Owner(manager, "Update"), self._now()))

    def replace(
        self,
        resource: str,
        namespace: str,
        thing: Object,
        *,
        subresource: str = "",
        manager: str = SOMEBODY,
        dry_run: bool = False,
    ) -> Object:
        """Replaces an object; uid and resourceVersion must match where they are given."""
        place = Place(resource, namespace, thing["metadata"]["name"])
        live = self._find(place)
        return self._update(place, live, copied(thing), subresource, manager, dry_run=dry_run)

    def patch(
        self, resource: str, namespace: str, name: str, patch: Object, *, subresource: str = "", manager: str = SOMEBODY
    ) -> Object:
        """Changes an object by a merge patch; uid and resourceVersion in it must match."""
        place = Place(resource, namespace, name)
        live = self._find(place)
        return self._update(place, live, merged(live, patch), subresource, manager)

    def apply(
        self,
        resource: str,
        namespace: str,
        name: str,
        wish: Object,
        *,
        subresource: str = "",
        manager: str = SOMEBODY,
        force: bool = False,
    ) -> Object:
        """Applies the fields of a manager server-side; creates the object if there is none."""
        place = Place(resource, namespace, name)
        new = place not in self._things and not subresource and not wish["metadata"].get("uid")
        live = self._new(place, {"metadata": {}}) if new else self._find(place)
        self._check(place, live, wish["metadata"])
        wish = {part: value for part, value in copied(wish).items() if self._writes(place, part, subresource)}
        if unknown := list(_undeclared(wish.get("status"), self._statuses.get(resource, {}), ".status")):
            about = f"{namespace}/{name}; {live['apiVersion']}, Kind={live['kind']}"
            errors = [f"{path}: field not declared in schema" for path in unknown]
            message = "\n  ".join(["errors:", *errors]) if errors[1:] else errors[0]
            raise Refusal(500, "", f"failed to create typed patch object ({about}): {message}")
        try:
            thing = fields.apply(live, wish, Owner(manager, "Apply", subresource), self._now(), force=force)
        except fields.Disagreement as disagreement:
            raise Refusal(409, "Conflict", str(disagreement)) from disagreement
        return self._write(place, {} if new else live, thing)

    def delete(
        self,
        resource: str,
        namespace: str,
        name: str,
        *,
        preconditions: Mapping[str, str] | None = None,
        propagation: str = "Background",
        grace: int | None = None,
    ) -> Object:
        """Deletes an object, at once or as soon as its finalizers, its grace or its contents let it go.

        Args:
            resource: Its kind's name in paths.
            preconditions: Its uid or resourceVersion, which must be right.
            propagation: Background, or Foreground: it stays until all that it owns is gone.
            grace: Seconds that a pod has to end; what ends it (the kubelet) then deletes it with 0.
        """
        place = Place(resource, namespace, name)
        live = self._find(place)
        self._check(place, live, preconditions or {})
        thing = copied(live)
        metadata = thing["metadata"]
        if propagation == "Foreground":
            metadata["finalizers"] = list({*metadata.get("finalizers", []), FOREGROUND})
        ends = resource == "pods" and live.get("spec", {}).get("nodeName") and not _has_ended(live)
        seconds = (GRACE_SECONDS if grace is None else grace) if ends else 0
        if "deletionTimestamp" not in metadata:
            metadata |= {"deletionTimestamp": self._now(), "deletionGracePeriodSeconds": seconds}
            if "generation" in metadata:
                metadata["generation"] += 1
        elif grace == 0:
            metadata["deletionGracePeriodSeconds"] = 0
        if resource == "namespaces":
            thing["status"] = {"phase": "Terminating"}
        return self._write(place, live, thing)

    def collect(self) -> None:
        """Does one pass of the garbage collector and of the namespace controller."""
        before = -1
        while before != self.version:
            before = self.version
            uids = {thing["metadata"]["uid"]: thing for thing in self._things.values()}
            for place in list(self._things):
                if (thing := self._things.get(place)) is None:
                    continue
                references = thing["metadata"].get("ownerReferences", [])
                found = [uids[reference["uid"]] for reference in references if reference["uid"] in uids]
                orphaned = bool(references) and not found
                released = bool(found) and all(FOREGROUND in owner["metadata"].get("finalizers", []) for owner in found)
                lost = bool(place.namespace) and "deletionTimestamp" in self._namespace(place)["metadata"]
                if (orphaned or released or lost) and "deletionTimestamp" not in thing["metadata"]:
                    self.delete(*place)
                elif FOREGROUND in thing["metadata"].get("finalizers", []) and not self._dependents(thing):
                    rest = [finalizer for finalizer in thing["metadata"]["finalizers"] if finalizer != FOREGROUND]
                    self._write(place, thing, thing | {"metadata": thing["metadata"] | {"finalizers": rest}})
                elif place.resource == "namespaces":
                    self._write(place, thing, thing)

    def _dependents(self, owner: Object) -> bool:
        uid = owner["metadata"]["uid"]
        references = (item for thing in self._things.values() for item in thing["metadata"].get("ownerReferences", []))
        return any(reference["uid"] == uid and reference.get("blockOwnerDeletion") for reference in references)

    def _find(self, place: Place) -> Object:
        self._served(place)
        if place not in self._things:
            raise Refusal(404, "NotFound", f'{place.resource} "{place.name}" not found')
        return self._things[place]

    def _served(self, place: Place) -> Resource:
        """Returns the kind of an object; the server refuses a kind that it does not serve without a reason."""
        if place.resource not in self.resources:
            raise Refusal(404, "", "404 page not found")
        return self.resources[place.resource]

    def _namespace(self, place: Place) -> Object:
        return self._find(Place("namespaces", "", place.namespace))

    def _admit(self, place: Place) -> None:
        if "deletionTimestamp" in self._namespace(place)["metadata"]:
            why = f"unable to create new content in namespace {place.namespace} because it is being terminated"
            raise Refusal(403, "Forbidden", f'{place.resource} "{place.name}" is forbidden: {why}')

    def _check(self, place: Place, live: Object, given: Mapping[str, Any]) -> None:
        for field in ("uid", "resourceVersion"):
            if given.get(field) not in {None, "", live["metadata"][field]}:
                message = f"{field} is {live['metadata'][field]}, not {given[field]}; the object has been modified"
                raise Refusal(
                    409, "Conflict", f'Operation cannot be fulfilled on {place.resource} "{place.name}": {message}'
                )

    def _writes(self, place: Place, part: str, subresource: str) -> bool:
        """Returns whether a write at a path reaches a part of an object, or passes over it."""
        if subresource:
            return part == subresource
        return part != "status" or not self.resources[place.resource].has_status

    def _update(
        self, place: Place, live: Object, thing: Object, subresource: str, manager: str, *, dry_run: bool = False
    ) -> Object:
        """Writes those parts of an object that a write at a path reaches."""
        self._check(place, live, thing["metadata"])
        kept = {part: value for part, value in live.items() if not self._writes(place, part, subresource)}
        made = kept | {part: value for part, value in thing.items() if self._writes(place, part, subresource)}
        if not subresource:
            own = {name: value for name, value in live["metadata"].items() if name in _KEPT}
            made["metadata"] = _given(thing["metadata"]) | own
            made = self.admit(place.resource, copied(made))
        made |= {name: live[name] for name in ("apiVersion", "kind")}
        made = fields.update(live, made, Owner(manager, "Update", subresource), self._now())
        return made if dry_run else self._write(place, live, made)

    def _write(self, place: Place, live: Object, thing: Object) -> Object:
        """Keeps an object as it is now, if anything has changed, and lets it go if nothing holds it any more."""
        metadata = thing["metadata"]
        goes = "deletionTimestamp" in metadata and not self._held(place, metadata)
        if thing == live and not goes:
            return copied(live)
        self.version += 1
        metadata = metadata | {"resourceVersion": str(self.version)}
        if self.resources[place.resource].has_status and live and thing.get("spec") != live.get("spec"):
            metadata["generation"] = live["metadata"]["generation"] + 1
        last = copied(thing | {"metadata": metadata})
        if goes:
            del self._things[place]
        else:
            self._things[place] = last
        self._changes.append(Change(self.version, place.resource, live or None, None if goes else last, last))
        for listener in list(self.listeners):
            listener()
        return copied(last)

    def _held(self, place: Place, metadata: Object) -> bool:
        if metadata.get("finalizers") or metadata.get("deletionGracePeriodSeconds"):
            return True
        return place.resource == "namespaces" and any(other.namespace == place.name for other in self._things)

    def _new(self, place: Place, thing: Object) -> Object:
        kind = self._served(place)
        if kind.namespaced:
            self._admit(place)
        self._uids += 1
        born: Object = {
            "name": place.name,
            "uid": f"00000000-0000-4000-8000-{self._uids:012}",
            "creationTimestamp": self._now(),
            "resourceVersion": "",
        }
        if place.namespace:
            born["namespace"] = place.namespace
        if kind.has_status:
            born["generation"] = 1
        parts = {part: value for part, value in thing.items() if self._writes(place, part, "")}
        about = {"apiVersion": kind.api_version, "kind": kind.kind}
        return about | parts | {"metadata": _given(thing["metadata"]) | born}

    def _now(self) -> str:
        return self._clock().strftime("%Y-%m-%dT%H:%M:%SZ")


_KEPT = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "name",
        "namespace",
        "resourceVersion",
        "uid",
    }
)
"""Fields of the metadata that only the server changes."""


def merged(live: Any, patch: Any) -> Any:
    """Returns a value changed by a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return copied(patch)
    kept = live if isinstance(live, dict) else {}
    changed = {name: merged(kept.get(name), value) for name, value in patch.items() if value is not None}
    return copied({name: value for name, value in kept.items() if name not in patch}) | changed


def _given(metadata: Object) -> Object:
    return {name: value for name, value in metadata.items() if name not in _KEPT}


def _undeclared(value: Any, schema: Object, path: str) -> Iterator[str]:
    """Yields the first undeclared field of each object, as the real server reports it."""
    if isinstance(value, list):
        for number, part in enumerate(value):
            item = f'[type="{part["type"]}"]' if "x-kubernetes-list-map-keys" in schema else f"[{number}]"
            yield from _undeclared(part, schema.get("items", {}), path + item)
    if isinstance(value, dict) and "properties" in schema:
        for name, part in value.items():
            if name not in schema["properties"]:
                yield f"{path}.{name}"
                return
            yield from _undeclared(part, schema["properties"][name], f"{path}.{name}")


def _has_ended(pod: Object) -> bool:
    return pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}
