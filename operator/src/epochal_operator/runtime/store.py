"""What the watches have told: the latest known objects of all resources that any kind has to do with.

Who writes objects decides how much they hold, so what is kept of each is bounded: each kind says what it needs.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple, Protocol

from epochal_operator.runtime import metadata
from epochal_operator.runtime.resource import Key, Object, Resource, key_of, version_of
from epochal_operator.runtime.sharing import shared

GONE = 10_000
"""Objects of each source whose end is remembered."""

Trim = Callable[[Object], Object]
"""Returns what is kept of an object."""


@dataclass(frozen=True)
class Source:
    """Objects that are listed and watched.

    Args:
        resource: Their resource.
        label: Label that they bear; None for all of them.
    """

    resource: Resource
    label: str | None = None

    def takes(self, thing: Object) -> bool:
        """Returns whether an object of the resource is one of them."""
        return self.label is None or bool((thing["metadata"].get("labels") or {}).get(self.label))


class Index(Protocol):
    """By what objects of a resource are found, beside their own names."""

    @property
    def resource(self) -> Resource:
        """The resource."""

    def key(self, thing: Object) -> Key | None:
        """Returns what an object is found by, if anything."""


class Change(NamedTuple):
    """What is new of an object.

    Args:
        resource: Its resource.
        before: What was known of it.
        after: What is known of it now; None if it is gone.
    """

    resource: Resource
    before: Object | None
    after: Object | None


class Store:
    """The latest known objects. Older versions of an object never replace newer ones, in whatever order they come.

    Nor do they bring back one that is gone: a page of a list that began before it went, or the answer to a write of
    before, may come later than the news of its end.

    An object of several sources is gone when all of them have told so: to a source it is gone without its label, too.

    Args:
        sources: Which objects are kept, and what of each: of one that several name, all that any of them keeps.
        indexes: By what they are found.
        gone: Objects of each source whose end is remembered.
    """

    def __init__(self, sources: Iterable[tuple[Source, Trim]], indexes: Iterable[Index], gone: int = GONE) -> None:
        self._trims: defaultdict[Resource, list[tuple[Source, Trim]]] = defaultdict(list)
        for source, trim in sources:
            self._trims[source.resource].append((source, trim))
        self._things: dict[Resource, dict[Key, Object]] = {resource: {} for resource in self._trims}
        self._found: dict[Index, defaultdict[Key, dict[Key, Object]]] = {one: defaultdict(dict) for one in indexes}
        self._gone = {source: _Gone(gone) for of_one in self._trims.values() for source, _ in of_one}

    def put(self, resource: Resource, thing: Object, *, listed_at: str | None = None) -> Change | None:
        """Takes an object as read and returns what is new of it, if anything.

        Args:
            resource: Its resource.
            thing: The object.
            listed_at: Version of the list that it was read in, if it was: as of then it was there.
        """
        key = key_of(thing)
        known = self._things[resource].get(key)
        if known is not None and version_of(known) >= version_of(thing):
            return None
        if self._is_gone(resource, thing, None if listed_at is None else int(listed_at)):
            return None
        return self._set(resource, key, known, self._trimmed(resource, thing))

    def remove(self, resource: Resource, thing: Object, *, by: Source | None = None) -> Change | None:
        """Forgets an object that was deleted and returns what is new by that, if anybody wants such objects.

        Args:
            resource: Its resource.
            thing: The object as it was last; its version is that of its end, if a watch tells of it.
            by: The source whose watch tells of it; None if it is gone for all of them.
        """
        if not any(source.takes(thing) for source, _ in self._trims[resource]):
            return None
        return self._end(by or Source(resource), thing, version_of(thing))

    def keep(self, source: Source, uids: Container[str], resource_version: str, namespace: str | None) -> list[Change]:
        """Forgets the objects of a source that were not there at a version, unless they are newer.

        Args:
            source: The source.
            uids: The uids of the objects that were there.
            resource_version: The version.
            namespace: The namespace that they are all objects of; None for all namespaces.

        Returns:
            What is new by that.
        """
        version = int(resource_version)
        gone = [
            thing
            for key, thing in self._things[source.resource].items()
            if namespace in {None, key.namespace} and source.takes(thing) and thing["metadata"]["uid"] not in uids
        ]
        changes = [self._end(source, thing, version) for thing in gone]
        return [change for change in changes if change is not None]

    def get(self, resource: Resource, key: Key) -> Object | None:
        """Returns what is kept of an object, if it is known."""
        return self._things[resource].get(key)

    def find(self, index: Index, key: Key) -> Mapping[Key, Object]:
        """Returns the objects that an index finds by a key, by their own keys."""
        return self._found[index].get(key, {})

    def keys(self, resource: Resource) -> list[Key]:
        """Returns the keys of all objects of a resource."""
        return list(self._things[resource])

    def objects(self, resource: Resource) -> list[Object]:
        """Returns all objects of a resource."""
        return list(self._things[resource].values())

    def _end(self, by: Source, thing: Object, version: int) -> Change | None:
        """Takes an object as gone from a source, or from all if it is that of the whole resource."""
        resource, key, uid = by.resource, key_of(thing), thing["metadata"]["uid"]
        for source, _ in self._trims[resource]:
            if by.label in {None, source.label}:
                self._gone[source].add(uid, version)
        known = self._things[resource].get(key)
        if known is None or known["metadata"]["uid"] != uid:
            return Change(resource, thing, None)
        if version_of(known) > version:
            return None
        left = _without(known, by.label)
        return self._set(resource, key, known, None if self._is_gone(resource, left) else left)

    def _is_gone(self, resource: Resource, thing: Object, listed_at: int | None = None) -> bool:
        """Returns whether an object is gone, or was never there, for all sources."""
        uid, version = thing["metadata"]["uid"], version_of(thing)
        sources = (source for source, _ in self._trims[resource] if source.takes(thing))
        return all(self._gone[source].since(uid, listed_at, version) for source in sources)

    def _trimmed(self, resource: Resource, thing: Object) -> Object:
        """Returns what is kept of an object: what any of its sources keeps, and their labels, by which it is found."""
        taking = [(source, trim) for source, trim in self._trims[resource] if source.takes(thing)]
        labels = {source.label: thing["metadata"]["labels"][source.label] for source, _ in taking if source.label}
        parts: list[Object] = [trim(thing) for _, trim in taking]
        kept: Object = shared(reduce(_merged, [*parts, {"metadata": {"labels": labels}}]))
        return kept

    def _set(self, resource: Resource, key: Key, known: Object | None, after: Object | None) -> Change:
        self._index(resource, key, known, after)
        if after is None:
            del self._things[resource][key]
        else:
            self._things[resource][key] = after
        return Change(resource, known, after)

    def _index(self, resource: Resource, key: Key, before: Object | None, after: Object | None) -> None:
        for index, found in self._found.items():
            if index.resource != resource:
                continue
            was, now = (index.key(one) if one is not None else None for one in (before, after))
            if was is not None and was != now:
                found[was].pop(key, None)
                if not found[was]:
                    del found[was]
            if now is not None and after is not None:
                found[now][key] = after


class _Gone:
    """Objects that are gone, the latest of them, and at which version.

    Args:
        limit: How many.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._versions: dict[str, int] = {}
        self._forgotten = 0

    def add(self, uid: str, version: int) -> None:
        """Remembers an object's end."""
        self._versions[uid] = max(version, self._versions.pop(uid, 0))
        if len(self._versions) > self._limit:
            oldest = next(iter(self._versions))
            self._forgotten = max(self._forgotten, self._versions.pop(oldest))

    def since(self, uid: str, listed_at: int | None, version: int) -> bool:
        """Returns whether an object went, or may have gone, after it was read.

        Args:
            uid: The object.
            listed_at: Version of the list that it was read in, if it was.
            version: Its own version.
        """
        if uid in self._versions:
            return (version if listed_at is None else max(listed_at, version)) <= self._versions[uid]
        # Of what a list began with nobody knows any more what has gone: the next list will tell.
        return listed_at is not None and version <= listed_at <= self._forgotten


def bare(thing: Object) -> Object:
    """Returns an object's metadata alone, which is all that whoever names no other `Trim` keeps of it."""
    return {"metadata": metadata.kept(thing["metadata"])}


def _without(thing: Object, label: str | None) -> Object:
    """Returns an object without a label."""
    labels = {name: text for name, text in (thing["metadata"].get("labels") or {}).items() if name != label}
    return {**thing, "metadata": {**thing["metadata"], "labels": labels}}


def _merged(one: Any, other: Any) -> Any:
    """Returns the fields, or items, of both; where they differ in something that has none, what the first has."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return {**one, **other, **{name: _merged(one[name], other[name]) for name in one.keys() & other.keys()}}
    if isinstance(one, list) and isinstance(other, list) and one != other:
        return [*one, *(item for item in other if item not in one)]
    return one
