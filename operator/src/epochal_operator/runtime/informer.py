"""The informer: what the watches and lists tell goes into the store, and has those reconciled whom it concerns."""

import logging
from collections.abc import Callable, Container, Iterable, Mapping
from contextlib import suppress

from epochal_operator.runtime.kind import Kind, watched
from epochal_operator.runtime.pages import Page
from epochal_operator.runtime.resource import Key, Object, Resource, name_of
from epochal_operator.runtime.store import Change, Source, Store

_log = logging.getLogger(__name__)


class Informer:
    """Tells kinds what is new. An object is not reconciled until all is known that its kind has to do with.

    Args:
        store: What is known.
        queues: Takes the keys of the objects to reconcile, for each kind.
    """

    def __init__(self, store: Store, queues: Mapping[Kind, Callable[[Key], None]]) -> None:
        self.store = store
        self.sources = watched(queues)
        self._queues = queues
        self._needs = {kind: {self._of(source) for source in kind.sources} for kind in queues}
        self._synced: dict[str | None, set[Source]] = {}
        self._absent: frozenset[Resource] = frozenset()

    def put(self, resource: Resource, thing: Object, *, listed_at: str | None = None) -> None:
        """Takes an object as a watch or a list tells of it."""
        self._take(resource, thing, lambda: self.store.put(resource, thing, listed_at=listed_at))

    def remove(self, source: Source, thing: Object) -> None:
        """Takes the end of an object, as the watch of a source tells of it."""
        self._take(source.resource, thing, lambda: self.store.remove(source.resource, thing, by=source))

    def tell(self, change: Change | None, *, by: Kind | None = None) -> None:
        """Has those reconciled to whom something is new.

        Args:
            change: What is new, if anything is.
            by: The kind whose reconciler did it, or found out: to its own objects it is not new.
        """
        if change is None:
            return
        for kind in self._queues:
            keys = kind.concerned(change) if kind is not by else set()
            try:
                keys |= kind.woken(change, self.store)
            except Exception:  # noqa: BLE001 - whatever a kind makes of it, it is no matter of the others
                name = name_of(change.after or change.before)
                _log.exception("%ss are not woken by the %s %s", kind.resource.kind, change.resource.kind, name)
            for key in keys:
                self.wake(kind, key)

    def wake(self, kind: Kind, key: Key) -> None:
        """Has an object reconciled, of which something is new, or once all is known."""
        if self._is_synced(kind, None) or self._is_synced(kind, key.namespace):
            self._queues[kind](key)

    def wake_all(self) -> None:
        """Has all objects reconciled."""
        for kind in self._queues:
            for key in self.store.keys(kind.resource):
                self.wake(kind, key)

    def synced(self, source: Source, namespace: str | None) -> None:
        """Learns that all objects of a source are known, of a namespace or of all."""
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
        except Exception:  # noqa: BLE001 - whatever is wrong with one object, it is no matter of the others
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
        """Returns the watched source that holds all of another one."""
        return source if source in self.sources else Source(source.resource)


class Listing:
    """A list of all objects of a source, which comes in pages. By what it lacks it tells of what is gone, too.

    Args:
        informer: Takes what it tells.
        source: The source.
        namespace: The namespace that they are all objects of; None for all namespaces.
    """

    def __init__(self, informer: Informer, source: Source, namespace: str | None) -> None:
        self._informer = informer
        self._source = source
        self._namespace = namespace
        self._uids: set[str] = set()

    def take(self, page: Page) -> None:
        """Takes a page. What is new counts even if no other page follows: later it is no news."""
        for thing in page.items:
            with suppress(LookupError, TypeError):
                self._uids.add(thing["metadata"]["uid"])
            self._informer.put(self._source.resource, thing, listed_at=page.resource_version)

    def end(self, resource_version: str) -> None:
        """Takes what the list lacks as gone."""
        for change in self._informer.store.keep(self._source, self._uids, resource_version, self._namespace):
            self._informer.tell(change)
        self._informer.synced(self._source, self._namespace)
