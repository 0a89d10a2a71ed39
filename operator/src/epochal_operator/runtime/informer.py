"""The informer: stores the objects of watches and lists, and enqueues the objects that a change affects."""

import logging
from collections.abc import Callable, Container, Iterable, Mapping
from contextlib import suppress
from enum import IntEnum
from typing import Any, Protocol

from epochal_operator.runtime.api.pages import Page
from epochal_operator.runtime.api.resource import Key, Object, Resource, key_of, name_of
from epochal_operator.runtime.conditions import is_finished
from epochal_operator.runtime.kind import Kind, watched_sources
from epochal_operator.runtime.store import Change, Source, Store

_log = logging.getLogger(__name__)


class AddFunction(Protocol):
    """A function that enqueues an object of a kind."""

    def __call__(self, key: Key, *, low_priority: bool = False) -> None:
        """Enqueue an object. With low priority, it waits until all others are reconciled."""


class Informer:
    """Stores objects in the cache, and enqueues the objects that a change affects.

    Objects of a kind are enqueued only after the first lists of all its sources are complete.

    Args:
        store: The cache of objects.
        add_functions: The function that enqueues a key, by kind.
    """

    def __init__(self, store: Store, add_functions: Mapping[Kind, AddFunction]) -> None:
        self.store = store
        self.sources = watched_sources(add_functions)
        self._add_functions = add_functions
        self._required = {kind: {self._watched(source) for source in kind.sources} for kind in add_functions}
        self._synced: dict[str | None, set[Source]] = {}
        self._ready: dict[str | None, set[Kind]] = {}  # synced kinds by namespace; None: all namespaces
        self._absent: frozenset[Resource] = frozenset()

    def put(self, resource: Resource, obj: Object, *, listed_at: str | None = None) -> None:
        """Store an object that a watch or a list returned, and enqueue the objects that the change affects."""
        self._apply(resource, obj, lambda: self.store.put(resource, obj, listed_at=listed_at))

    def remove(self, source: Source, obj: Object) -> None:
        """Remove an object that a source's watch reported as deleted, and enqueue the objects that this affects."""
        self._apply(source.resource, obj, lambda: self.store.remove(source.resource, obj, by=source))

    def put_page(self, source: Source, page: Page) -> set[str]:
        """Store the objects of a page at once, even if later pages of the list fail; return the UIDs of the objects."""
        uids = set()
        for obj in page.items:
            with suppress(LookupError, TypeError):
                uids.add(obj["metadata"]["uid"])
            self.put(source.resource, obj, listed_at=page.resource_version)
        return uids

    def finish_list(self, source: Source, uids: Container[str], resource_version: str, namespace: str | None) -> None:
        """Remove the objects of a source that a complete list lacks, and mark the source as synced."""
        for change in self.store.prune_missing(source, uids, resource_version, namespace):
            self.enqueue_affected(change)
        self.mark_synced(source, namespace)

    def enqueue_affected(self, change: Change | None, *, by: Kind | None = None) -> None:
        """Enqueue the objects of all kinds that a change affects.

        If the reconciler of the kind `by` made the change, the changed object of this kind and the owner of a changed
        owned object are not enqueued: the reconciler plans again anyway, until a plan has no actions.
        """
        if change is None:
            return
        for kind in self._add_functions:
            if not any(kind in kinds for kinds in self._ready.values()):
                continue  # all its objects are enqueued later
            keys = kind.keys_for(change) if kind is not by else set()
            try:
                keys |= kind.mapped_keys(change, self.store)
            except Exception:  # noqa: BLE001 - an error of one kind must not stop the others
                name = name_of(change.after or change.before)
                _log.exception("cannot enqueue the %ss of the %s %s", kind.resource.kind, change.resource.kind, name)
            for key in keys:
                self.enqueue(kind, key)

    def enqueue(self, kind: Kind, key: Key) -> None:
        """Enqueue an object if all sources of its kind are synced in its namespace, else do nothing.

        As soon as they are synced, the informer enqueues all cached objects of the kind.
        """
        if self._is_ready(kind, key):
            self._add_functions[kind](key)

    def enqueue_all(self) -> None:
        """Enqueue the cached objects of all synced kinds with low priority, for a resync."""
        for kind in self._add_functions:
            for obj in self._most_urgent_first(kind):
                if self._is_ready(kind, key := key_of(obj)):
                    self._add_functions[kind](key, low_priority=True)

    def mark_synced(self, source: Source, namespace: str | None) -> None:
        """Mark a source as synced in a namespace (None for all), and enqueue objects of kinds that can now start."""
        self._synced.setdefault(namespace, set()).add(source)
        self._update_ready(namespace)

    def set_absent(self, resources: Iterable[Resource]) -> None:
        """Set the resources that the API server does not serve. Kinds start without their optional resources."""
        self._absent = frozenset(resources)
        for namespace in self._synced:
            self._update_ready(namespace)

    def _apply(self, resource: Resource, obj: Object, update: Callable[[], Change | None]) -> None:
        try:
            self.enqueue_affected(update())
        except Exception:  # noqa: BLE001 - an object that cannot be read must not stop the others
            _log.exception("cannot read the %s %s", resource.kind, name_of(obj))

    def _update_ready(self, namespace: str | None) -> None:
        """Update the kinds that are ready in a namespace (None for all), and enqueue the objects of new kinds."""
        before = self._ready.get(namespace, set())
        self._ready[namespace] = {kind for kind in self._add_functions if self._is_synced(kind, namespace)}
        for kind in self._add_functions:
            if kind in before or kind not in self._ready[namespace]:
                continue
            for obj in self._most_urgent_first(kind):
                if namespace in {None, (key := key_of(obj)).namespace}:
                    self._add_functions[kind](key, low_priority=_urgency(obj) is _Urgency.ENDED)

    def _most_urgent_first(self, kind: Kind) -> list[Object]:
        """Return the cached objects of a kind: objects with an unobserved spec first, finished ones last.

        A new leader must act on a new object before it has reconciled thousands of others.
        """
        return sorted(self.store.objects(kind.resource), key=_urgency)

    def _is_ready(self, kind: Kind, key: Key) -> bool:
        return any(kind in self._ready.get(namespace, ()) for namespace in (None, key.namespace))

    def _is_synced(self, kind: Kind, namespace: str | None) -> bool:
        missing = self._required[kind] - self._synced.get(namespace, set())
        return all(source.resource in self._absent & kind.optional for source in missing)

    def _watched(self, source: Source) -> Source:
        """Return the source whose watch reports the objects of a source: the source itself, or its whole resource."""
        return source if source in self.sources else Source(source.resource)


class _Urgency(IntEnum):
    NEW_SPEC = 0
    UNFINISHED = 1
    ENDED = 2


def _urgency(obj: Object) -> _Urgency:
    observed: Any = (obj.get("status") or {}).get("observedGeneration")
    if observed != obj["metadata"].get("generation"):
        return _Urgency.NEW_SPEC
    return _Urgency.ENDED if is_finished(obj) else _Urgency.UNFINISHED
