"""The informer: it stores the objects of watches and lists, and enqueues the objects that a change affects."""

import logging
from collections.abc import Callable, Container, Iterable, Mapping
from contextlib import suppress

from epochal_operator.runtime.api.pages import Page
from epochal_operator.runtime.api.resource import Key, Object, Resource, name_of
from epochal_operator.runtime.kind import Kind, watched
from epochal_operator.runtime.store import Change, Source, Store

_log = logging.getLogger(__name__)


class Informer:
    """Enqueues the objects that a change affects. A kind starts only after the lists of all its sources are complete.

    Args:
        store: The cache of objects.
        queues: The function that enqueues a key, by kind.
    """

    def __init__(self, store: Store, queues: Mapping[Kind, Callable[[Key], None]]) -> None:
        self.store = store
        self.sources = watched(queues)
        self._queues = queues
        self._needs = {kind: {self._of(source) for source in kind.sources} for kind in queues}
        self._synced: dict[str | None, set[Source]] = {}
        self._absent: frozenset[Resource] = frozenset()

    def put(self, resource: Resource, thing: Object, *, listed_at: str | None = None) -> None:
        """Store an object that a watch or a list returned."""
        self._take(resource, thing, lambda: self.store.put(resource, thing, listed_at=listed_at))

    def remove(self, source: Source, thing: Object) -> None:
        """Remove an object that the watch of a source reported as deleted."""
        self._take(source.resource, thing, lambda: self.store.remove(source.resource, thing, by=source))

    def tell(self, change: Change | None, *, by: Kind | None = None) -> None:
        """Enqueue the objects that a change affects.

        Args:
            change: The change; None if there is none.
            by: The kind whose reconciler made or detected the change. Its objects are not enqueued for their own
                change.
        """
        if change is None:
            return
        for kind in self._queues:
            keys = kind.concerned(change) if kind is not by else set()
            try:
                keys |= kind.woken(change, self.store)
            except Exception:  # noqa: BLE001 - an error of one kind must not stop the others
                name = name_of(change.after or change.before)
                _log.exception("%ss are not woken by the %s %s", kind.resource.kind, change.resource.kind, name)
            for key in keys:
                self.wake(kind, key)

    def wake(self, kind: Kind, key: Key) -> None:
        """Enqueue an object if all sources of its kind are synced. Otherwise the end of the sync enqueues it."""
        if self._is_synced(kind, None) or self._is_synced(kind, key.namespace):
            self._queues[kind](key)

    def wake_all(self) -> None:
        """Enqueue the objects of all kinds."""
        for kind in self._queues:
            for key in self.store.keys(kind.resource):
                self.wake(kind, key)

    def synced(self, source: Source, namespace: str | None) -> None:
        """Mark a source as synced in a namespace, or in all namespaces for None."""
        before = self._synced_kinds(namespace)
        self._synced.setdefault(namespace, set()).add(source)
        self._wake_synced(namespace, before)

    def set_absent(self, resources: Iterable[Resource]) -> None:
        """Set the resources that the API server does not serve. A kind for which they are optional starts without them.

        Args:
            resources: The resources, such as those whose CRD is not installed.
        """
        before = {namespace: self._synced_kinds(namespace) for namespace in self._synced}
        self._absent = frozenset(resources)
        for namespace, kinds in before.items():
            self._wake_synced(namespace, kinds)

    def _take(self, resource: Resource, thing: Object, take: Callable[[], Change | None]) -> None:
        try:
            self.tell(take())
        except Exception:  # noqa: BLE001 - an object that cannot be read must not stop the others
            _log.exception("a %s cannot be read: %s", resource.kind, name_of(thing))

    def _wake_synced(self, namespace: str | None, before: Container[Kind]) -> None:
        """Enqueue all objects of the kinds that have become synced."""
        for kind in self._queues:
            if kind in before or not self._is_synced(kind, namespace):
                continue
            for key in self.store.keys(kind.resource):
                if namespace in {None, key.namespace}:
                    self._queues[kind](key)

    def _synced_kinds(self, namespace: str | None) -> set[Kind]:
        return {kind for kind in self._queues if self._is_synced(kind, namespace)}

    def _is_synced(self, kind: Kind, namespace: str | None) -> bool:
        missing = self._needs[kind] - self._synced.get(namespace, set())
        return all(source.resource in self._absent & kind.optional for source in missing)

    def _of(self, source: Source) -> Source:
        """Return the watched source that includes another source."""
        return source if source in self.sources else Source(source.resource)


class Listing:
    """A paged list of all objects of a source. Objects that the complete list lacks are removed from the store.

    Args:
        informer: Receives the objects.
        source: The source.
        namespace: The namespace of the list; None for all namespaces.
    """

    def __init__(self, informer: Informer, source: Source, namespace: str | None) -> None:
        self._informer = informer
        self._source = source
        self._namespace = namespace
        self._uids: set[str] = set()

    def take(self, page: Page) -> None:
        """Store the objects of a page at once: their changes count even if the next pages fail."""
        for thing in page.items:
            with suppress(LookupError, TypeError):
                self._uids.add(thing["metadata"]["uid"])
            self._informer.put(self._source.resource, thing, listed_at=page.resource_version)

    def end(self, resource_version: str) -> None:
        """Remove the objects that the list lacks, and mark the source as synced."""
        for change in self._informer.store.keep(self._source, self._uids, resource_version, self._namespace):
            self._informer.tell(change)
        self._informer.synced(self._source, self._namespace)
