"""The informer: stores the objects of watches and lists, and enqueues the objects that a change affects."""

import logging
from collections.abc import Callable, Container, Iterable, Mapping
from contextlib import suppress

from epochal_operator.runtime.api.pages import Page
from epochal_operator.runtime.api.resource import Key, Object, Resource, key_of, name_of
from epochal_operator.runtime.conditions import is_finished
from epochal_operator.runtime.kind import Kind, watched_sources
from epochal_operator.runtime.store import Change, Source, Store

_log = logging.getLogger(__name__)


class Informer:
    """Stores objects in the cache, and enqueues the objects that a change affects.

    Objects of a kind are enqueued only after the first lists of all its sources are complete.

    Args:
        store: The cache of objects.
        add_functions: The function that enqueues a key, by kind.
    """

    def __init__(self, store: Store, add_functions: Mapping[Kind, Callable[[Key], None]]) -> None:
        self.store = store
        self.sources = watched_sources(add_functions)
        self._add_functions = add_functions
        self._required = {kind: {self._watched(source) for source in kind.sources} for kind in add_functions}
        self._synced: dict[str | None, set[Source]] = {}
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
            keys = kind.keys_for(change) if kind is not by else set()
            try:
                keys |= kind.mapped_keys(change, self.store)
            except Exception:  # noqa: BLE001 - an error of one kind must not stop the others
                name = name_of(change.after or change.before)
                _log.exception("cannot enqueue the %ss of the %s %s", kind.resource.kind, change.resource.kind, name)
            for key in keys:
                self.enqueue(kind, key)

    def enqueue(self, kind: Kind, key: Key) -> None:
        """Enqueue an object if all sources of its kind are synced. If not, it is enqueued as soon as they are."""
        if self._is_synced(kind, None) or self._is_synced(kind, key.namespace):
            self._add_functions[kind](key)

    def enqueue_all(self) -> None:
        """Enqueue the cached objects of all kinds, of each kind the unfinished objects first."""
        for kind in self._add_functions:
            for key in self._unfinished_first(kind):
                self.enqueue(kind, key)

    def mark_synced(self, source: Source, namespace: str | None) -> None:
        """Mark a source as synced in a namespace (None for all), and enqueue objects of kinds that can now start."""
        before = self._synced_kinds(namespace)
        self._synced.setdefault(namespace, set()).add(source)
        self._enqueue_synced(namespace, before)

    def set_absent(self, resources: Iterable[Resource]) -> None:
        """Set the resources that the API server does not serve. Kinds start without their optional resources."""
        before = {namespace: self._synced_kinds(namespace) for namespace in self._synced}
        self._absent = frozenset(resources)
        for namespace, kinds in before.items():
            self._enqueue_synced(namespace, kinds)

    def _apply(self, resource: Resource, obj: Object, update: Callable[[], Change | None]) -> None:
        try:
            self.enqueue_affected(update())
        except Exception:  # noqa: BLE001 - an object that cannot be read must not stop the others
            _log.exception("cannot read the %s %s", resource.kind, name_of(obj))

    def _enqueue_synced(self, namespace: str | None, before: Container[Kind]) -> None:
        """Enqueue the objects in a namespace (None for all) of kinds that are synced now and are not in `before`."""
        for kind in self._add_functions:
            if kind in before or not self._is_synced(kind, namespace):
                continue
            for key in self._unfinished_first(kind):
                if namespace in {None, key.namespace}:
                    self._add_functions[kind](key)

    def _unfinished_first(self, kind: Kind) -> list[Key]:
        """Return the keys of the cached objects of a kind, unfinished objects first.

        A new leader must act on them before it has reconciled thousands of finished objects.
        """
        return [key_of(obj) for obj in sorted(self.store.objects(kind.resource), key=is_finished)]

    def _synced_kinds(self, namespace: str | None) -> set[Kind]:
        return {kind for kind in self._add_functions if self._is_synced(kind, namespace)}

    def _is_synced(self, kind: Kind, namespace: str | None) -> bool:
        missing = self._required[kind] - self._synced.get(namespace, set())
        return all(source.resource in self._absent & kind.optional for source in missing)

    def _watched(self, source: Source) -> Source:
        """Return the source whose watch reports the objects of a source: the source itself, or its whole resource."""
        return source if source in self.sources else Source(source.resource)
