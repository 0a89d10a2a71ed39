"""The cache of objects from lists, watches and writes, for the resources of all kinds.

Users choose the size of the objects that they write, so the cache keeps only a bounded part of each object. Each kind
defines that part.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple, Protocol

from epochal_operator.runtime.api.resource import Key, Object, Resource, key_of, version_of
from epochal_operator.runtime.cache_transform import CacheTransform, share_texts

MAX_TOMBSTONES = 10_000
"""Maximum number of deleted objects that the cache remembers for each source."""


@dataclass(frozen=True)
class Source:
    """A set of objects that are listed and watched: all objects of a resource, or only those with this label key."""

    resource: Resource
    label: str | None = None

    def selects(self, obj: Object) -> bool:
        """Return whether an object of the resource belongs to the source: it has the label, if the source has one."""
        return self.label is None or bool((obj["metadata"].get("labels") or {}).get(self.label))


class Index(Protocol):
    """Finds objects of a resource by a key other than their own."""

    @property
    def resource(self) -> Resource:
        """The resource of the objects."""

    def key(self, obj: Object) -> Key | None:
        """Return the index key of an object, or None if the object is not indexed."""


@dataclass(frozen=True)
class SpecIndex:
    """An index of objects by another object that their spec references. `key` returns the key of the other object."""

    resource: Resource
    key: Callable[[Object], Key | None]


class Change(NamedTuple):
    """A cached object before its change (None if it was not cached) and afterwards (None if it was deleted)."""

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
        limit: Maximum number of deleted objects that are remembered for each source.
    """

    def __init__(
        self, sources: Iterable[tuple[Source, CacheTransform]], indexes: Iterable[Index], limit: int = MAX_TOMBSTONES
    ) -> None:
        self._transforms: defaultdict[Resource, list[tuple[Source, CacheTransform]]] = defaultdict(list)
        for source, transform in sources:
            self._transforms[source.resource].append((source, transform))
        self._objects: dict[Resource, dict[Key, Object]] = {resource: {} for resource in self._transforms}
        self._indexes = {index: defaultdict[Key, dict[Key, Object]](dict) for index in indexes}
        self._tombstones = {source: _Tombstones(limit) for pairs in self._transforms.values() for source, _ in pairs}

    def put(self, resource: Resource, obj: Object, *, listed_at: str | None = None) -> Change | None:
        """Store an object and return its change.

        None if the object was ignored: the cache has this or a newer version, or the object was deleted since.
        `listed_at` is the resourceVersion of the list that contained the object; None if it is not from a list.
        """
        key = key_of(obj)
        cached = self._objects[resource].get(key)
        if cached is not None and version_of(cached) >= version_of(obj):
            return None
        if self._is_deleted(resource, obj, None if listed_at is None else int(listed_at)):
            return None
        return self._set(resource, key, cached, self._transform(resource, obj))

    def remove(self, resource: Resource, obj: Object, *, by: Source | None = None) -> Change | None:
        """Remove a deleted object and return the change; None if no source selects it or the cache has a newer version.

        If another source has not reported the deletion yet, the object stays without the label of the source `by`.

        Args:
            resource: The resource of the object.
            obj: The last state of the object. From a watch, its resourceVersion is that of the deletion.
            by: The source whose watch reports the deletion; None if the object is deleted for all sources.
        """
        if not any(source.selects(obj) for source, _ in self._transforms[resource]):
            return None
        return self._delete(by or Source(resource), obj, version_of(obj))

    def prune_missing(
        self, source: Source, uids: Container[str], resource_version: str, namespace: str | None
    ) -> list[Change]:
        """Remove the objects of a source that are not in `uids`, the UIDs of a list; return the changes.

        Objects that are newer than the list (`resource_version`) stay. `namespace` is the list's namespace, or None.
        """
        version = int(resource_version)
        missing = [
            obj
            for key, obj in self._objects[source.resource].items()
            if namespace in {None, key.namespace} and source.selects(obj) and obj["metadata"]["uid"] not in uids
        ]
        changes = [self._delete(source, obj, version) for obj in missing]
        return [change for change in changes if change is not None]

    def get(self, resource: Resource, key: Key) -> Object | None:
        """Return the cached object of a key, or None."""
        return self._objects[resource].get(key)

    def find(self, index: Index, key: Key) -> Mapping[Key, Object]:
        """Return the cached objects with this key in an index, by their own keys."""
        return self._indexes[index].get(key, {})

    def keys(self, resource: Resource) -> list[Key]:
        """Return the keys of all cached objects of a resource."""
        return list(self._objects[resource])

    def objects(self, resource: Resource) -> list[Object]:
        """Return all cached objects of a resource."""
        return list(self._objects[resource].values())

    def _delete(self, by: Source, obj: Object, version: int) -> Change | None:
        """Mark an object as deleted for a source, or for all sources of its resource if `by` has no label.

        Return the change, or None if the cache has a version that is newer than the deletion.
        """
        resource, key, uid = by.resource, key_of(obj), obj["metadata"]["uid"]
        for source, _ in self._transforms[resource]:
            if by.label in {None, source.label}:
                self._tombstones[source].add(uid, version)
        cached = self._objects[resource].get(key)
        if cached is None or cached["metadata"]["uid"] != uid:
            return Change(resource, obj, None)
        if version_of(cached) > version:
            return None
        relabelled = _without_label(cached, by.label)
        return self._set(resource, key, cached, None if self._is_deleted(resource, relabelled) else relabelled)

    def _is_deleted(self, resource: Resource, obj: Object, listed_at: int | None = None) -> bool:
        """Return whether all sources that select an object have reported its deletion after this version."""
        uid, version = obj["metadata"]["uid"], version_of(obj)
        sources = (source for source, _ in self._transforms[resource] if source.selects(obj))
        return all(self._tombstones[source].covers(uid, listed_at, version) for source in sources)

    def _transform(self, resource: Resource, obj: Object) -> Object:
        """Return the merged parts of an object that its sources keep, with the labels by which they select it."""
        selecting = [(source, transform) for source, transform in self._transforms[resource] if source.selects(obj)]
        labels = {source.label: obj["metadata"]["labels"][source.label] for source, _ in selecting if source.label}
        parts: list[Object] = [transform(obj) for _, transform in selecting]
        merged: Object = share_texts(reduce(_merge, [*parts, {"metadata": {"labels": labels}}]))
        return merged

    def _set(self, resource: Resource, key: Key, before: Object | None, after: Object | None) -> Change:
        self._update_indexes(resource, key, before, after)
        if after is None:
            del self._objects[resource][key]
        else:
            self._objects[resource][key] = after
        return Change(resource, before, after)

    def _update_indexes(self, resource: Resource, key: Key, before: Object | None, after: Object | None) -> None:
        for index, objects in self._indexes.items():
            if index.resource != resource:
                continue
            old_key, new_key = (None if obj is None else index.key(obj) for obj in (before, after))
            if old_key is not None and old_key != new_key:
                objects[old_key].pop(key, None)
                if not objects[old_key]:
                    del objects[old_key]
            if new_key is not None and after is not None:
                objects[new_key][key] = after


class _Tombstones:
    """The latest deleted objects of a source, with the resourceVersions of their deletions."""

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

    def covers(self, uid: str, listed_at: int | None, version: int) -> bool:
        """Return whether an object was deleted, or may have been deleted, after this version was read or listed.

        Args:
            uid: UID of the object.
            listed_at: resourceVersion of the list that contained the object, or None.
            version: resourceVersion of the object.
        """
        if uid in self._versions:
            return (version if listed_at is None else max(listed_at, version)) <= self._versions[uid]
        # The deletion may be forgotten. A list from before the last forgotten deletion may still contain the object, so
        # ignore the object: if it exists, the next list contains it again.
        return listed_at is not None and version <= listed_at <= self._forgotten


def _without_label(obj: Object, label: str | None) -> Object:
    labels = {name: text for name, text in (obj["metadata"].get("labels") or {}).items() if name != label}
    return {**obj, "metadata": {**obj["metadata"], "labels": labels}}


def _merge(first: Any, second: Any) -> Any:
    """Return a deep merge of two values: the union of mappings and of lists. Of other values, the first one applies."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        merged = {**second, **first}
        for name, part in second.items():
            if name in first and first[name] is not part:  # parts of one object have most values in common
                merged[name] = _merge(first[name], part)
        return merged
    if isinstance(first, list) and isinstance(second, list) and first != second:
        return [*first, *(item for item in second if item not in first)]
    return first
