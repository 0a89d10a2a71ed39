"""The cache of objects from lists, watches and writes, for the resources that all kinds use.

Users who write objects choose their size, so the cache bounds the kept part of each object. Each kind defines that
part.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple, Protocol

from epochal_operator.runtime.api.resource import Key, Object, Resource, key_of, version_of
from epochal_operator.runtime.cache_transform import keep_metadata, share_texts

GONE = 10_000
"""Deleted objects that are remembered for each source."""

CacheTransform = Callable[[Object], Object]
"""Returns the part of an object that the cache keeps."""


@dataclass(frozen=True)
class Source:
    """A set of objects that are listed and watched.

    Args:
        resource: The resource of the objects.
        label: Label key that selects the objects; None for all objects.
    """

    resource: Resource
    label: str | None = None

    def takes(self, thing: Object) -> bool:
        """Return whether an object of the resource belongs to the source."""
        return self.label is None or bool((thing["metadata"].get("labels") or {}).get(self.label))


class Index(Protocol):
    """Finds objects of a resource by a key other than their own."""

    @property
    def resource(self) -> Resource:
        """The resource of the objects."""

    def key(self, thing: Object) -> Key | None:
        """Return the index key of an object, or None if the object is not indexed."""


@dataclass(frozen=True)
class Reference:
    """An index of objects by another object that their spec references.

    Args:
        resource: The resource of the objects.
        key: Returns the key of the referenced object, or None.
    """

    resource: Resource
    key: Callable[[Object], Key | None]


class Change(NamedTuple):
    """A change of a cached object.

    Args:
        resource: The resource of the object.
        before: The cached object before the change; None if it was not cached.
        after: The cached object after the change; None if it was deleted.
    """

    resource: Resource
    before: Object | None
    after: Object | None


class Store:
    """The cache of objects. An older version of an object never replaces a newer one, in any order of arrival.

    Nor does an older version restore a deleted object: a page of an earlier list, or the response to an earlier write,
    may arrive after the deletion.

    An object of several sources is deleted once all of them report its deletion. A source also reports the deletion of
    an object that lost its label.

    Args:
        sources: The cached sources and their cache transforms. The parts that several sources keep of an object are
            merged.
        indexes: The indexes of the objects.
        gone: Deleted objects that are remembered for each source.
    """

    def __init__(
        self, sources: Iterable[tuple[Source, CacheTransform]], indexes: Iterable[Index], gone: int = GONE
    ) -> None:
        self._transforms: defaultdict[Resource, list[tuple[Source, CacheTransform]]] = defaultdict(list)
        for source, transform in sources:
            self._transforms[source.resource].append((source, transform))
        self._things: dict[Resource, dict[Key, Object]] = {resource: {} for resource in self._transforms}
        self._found: dict[Index, defaultdict[Key, dict[Key, Object]]] = {one: defaultdict(dict) for one in indexes}
        self._gone = {source: _Gone(gone) for of_one in self._transforms.values() for source, _ in of_one}

    def put(self, resource: Resource, thing: Object, *, listed_at: str | None = None) -> Change | None:
        """Store an object and return its change, or None if the cache already has this or a newer version.

        Args:
            resource: The resource of the object.
            thing: The object.
            listed_at: resourceVersion of the list that contained the object; None outside a list.
        """
        key = key_of(thing)
        known = self._things[resource].get(key)
        if known is not None and version_of(known) >= version_of(thing):
            return None
        if self._is_gone(resource, thing, None if listed_at is None else int(listed_at)):
            return None
        return self._set(resource, key, known, self._transformed(resource, thing))

    def remove(self, resource: Resource, thing: Object, *, by: Source | None = None) -> Change | None:
        """Remove a deleted object and return the change, or None if no source selects such objects.

        Args:
            resource: The resource of the object.
            thing: The last state of the object. From a watch, its resourceVersion is that of the deletion.
            by: The source whose watch reports the deletion; None if the object is deleted for all sources.
        """
        if not any(source.takes(thing) for source, _ in self._transforms[resource]):
            return None
        return self._end(by or Source(resource), thing, version_of(thing))

    def keep(self, source: Source, uids: Container[str], resource_version: str, namespace: str | None) -> list[Change]:
        """Remove the objects of a source that a list at a version did not contain, except newer ones.

        Args:
            source: The source.
            uids: UIDs of the objects in the list.
            resource_version: resourceVersion of the list.
            namespace: Namespace of the list; None for all namespaces.

        Returns:
            The changes.
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
        """Return the cached object of a key, or None."""
        return self._things[resource].get(key)

    def find(self, index: Index, key: Key) -> Mapping[Key, Object]:
        """Return the objects with an index key, by their own keys."""
        return self._found[index].get(key, {})

    def keys(self, resource: Resource) -> list[Key]:
        """Return the keys of all objects of a resource."""
        return list(self._things[resource])

    def objects(self, resource: Resource) -> list[Object]:
        """Return all objects of a resource."""
        return list(self._things[resource].values())

    def _end(self, by: Source, thing: Object, version: int) -> Change | None:
        """Mark an object as deleted for a source, or for all sources of a resource; return the change, or None."""
        resource, key, uid = by.resource, key_of(thing), thing["metadata"]["uid"]
        for source, _ in self._transforms[resource]:
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
        """Return whether an object is deleted for all sources that select it."""
        uid, version = thing["metadata"]["uid"], version_of(thing)
        sources = (source for source, _ in self._transforms[resource] if source.takes(thing))
        return all(self._gone[source].since(uid, listed_at, version) for source in sources)

    def _transformed(self, resource: Resource, thing: Object) -> Object:
        """Return the merged parts of an object that its sources keep, including the labels of these sources."""
        taking = [(source, transform) for source, transform in self._transforms[resource] if source.takes(thing)]
        labels = {source.label: thing["metadata"]["labels"][source.label] for source, _ in taking if source.label}
        parts: list[Object] = [transform(thing) for _, transform in taking]
        kept: Object = share_texts(reduce(_merged, [*parts, {"metadata": {"labels": labels}}]))
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
    """The latest deleted objects of a source, with their resourceVersions.

    Args:
        limit: Maximum number of remembered objects.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._versions: dict[str, int] = {}
        self._forgotten = 0

    def add(self, uid: str, version: int) -> None:
        """Remember the deletion of an object at a resourceVersion."""
        self._versions[uid] = max(version, self._versions.pop(uid, 0))
        if len(self._versions) > self._limit:
            oldest = next(iter(self._versions))
            self._forgotten = max(self._forgotten, self._versions.pop(oldest))

    def since(self, uid: str, listed_at: int | None, version: int) -> bool:
        """Return whether an object was deleted, or may have been deleted, after it was read.

        Args:
            uid: UID of the object.
            listed_at: resourceVersion of the list that contained the object; None outside a list.
            version: resourceVersion of the object.
        """
        if uid in self._versions:
            return (version if listed_at is None else max(listed_at, version)) <= self._versions[uid]
        # A list older than the forgotten deletions may contain deleted objects. The next list contains the others
        # again.
        return listed_at is not None and version <= listed_at <= self._forgotten


def metadata_only(thing: Object) -> Object:
    """Return only the metadata of an object: the default cache transform."""
    return {"metadata": keep_metadata(thing["metadata"])}


def _without(thing: Object, label: str | None) -> Object:
    """Return an object without a label."""
    labels = {name: text for name, text in (thing["metadata"].get("labels") or {}).items() if name != label}
    return {**thing, "metadata": {**thing["metadata"], "labels": labels}}


def _merged(one: Any, other: Any) -> Any:
    """Return a deep merge of two values. If other values than mappings and lists differ, the first one applies."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return {**one, **other, **{name: _merged(one[name], other[name]) for name in one.keys() & other.keys()}}
    if isinstance(one, list) and isinstance(other, list) and one != other:
        return [*one, *(item for item in other if item not in one)]
    return one
