"""A kind: the description from which the runtime watches and reconciles its objects."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from prometheus_client import Metric

from epochal_operator.runtime.api.bounded_reader import BoundedReader, Bounds, union
from epochal_operator.runtime.api.kube import Kube
from epochal_operator.runtime.api.resource import Key, Object, Resource, key_of
from epochal_operator.runtime.cache_transform import CacheTransform, metadata_only
from epochal_operator.runtime.owners import OwnedType
from epochal_operator.runtime.recorder import Recorder
from epochal_operator.runtime.store import Change, Index, Source, SpecIndex, Store


class Reconciler(Protocol):
    """Reconciles the objects of a kind while this process leads."""

    async def reconcile(self, key: Key) -> float | None:
        """Bring an object and its owned objects to their desired state.

        Returns:
            Seconds until the next reconcile, or None.

        Raises:
            Exception: If the queue must retry the object with backoff.
        """

    async def run(self) -> None:
        """Run the background work of the kind until it is cancelled."""


@dataclass(frozen=True)
class ReconcileContext:
    """The context of a reconciler while this process leads.

    Args:
        kube: Client of the API server. Its writes stop when the leadership ends.
        store: The cache of objects.
        recorder: Creates Events.
        namespaces: Namespaces that the operator serves; empty for all namespaces.
        enqueue: Enqueues an object of the kind.
        on_change: Receives the changes that the reconciler itself wrote or read, and enqueues the other objects that
            they affect.
    """

    kube: Kube
    store: Store
    recorder: Recorder
    namespaces: tuple[str, ...]
    enqueue: Callable[[Key], None]
    on_change: Callable[[Change | None], None]


MapFunc = Callable[[Change, Store], Iterable[Key]]
"""Returns the keys of the objects of a kind that a change of another object affects."""


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind that the operator reconciles.

    Args:
        resource: The resource of the kind.
        reconciler: Returns the reconciler of the kind.
        collect: Returns the metrics of the objects, of which a standby process has none.
        owns: The types of owned objects, with those that another controller creates. A change of an owned object
            enqueues its owner.
        indexes: Further indexes of the objects.
        watches: Functions that map a change of another resource to keys, by that resource. All its objects are
            watched.
        optional: Resources of `watches` without which the kind starts if the API server does not serve them.
        cached: Returns the fields of an object that the cache keeps, by resource; the others keep their metadata only.
        bounds: Limits for reading the objects of the kind.
        batch_seconds: Seconds for which changes are collected before a reconcile, as in Kubernetes' Job controller.
            Otherwise each change of a child would reconcile an owner of many children.
    """

    resource: Resource
    reconciler: Callable[[ReconcileContext], Reconciler]
    collect: Callable[[Iterable[Object]], Iterator[Metric]]
    owns: tuple[OwnedType, ...] = ()
    indexes: tuple[SpecIndex, ...] = ()
    watches: Mapping[Resource, MapFunc] = field(default_factory=dict)
    optional: frozenset[Resource] = frozenset()
    cached: Mapping[Resource, CacheTransform] = field(default_factory=dict)
    bounds: Bounds = field(default_factory=Bounds)
    batch_seconds: float = 0.0

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources that must be synced before an object of the kind is reconciled."""
        unlabelled = (Source(resource) for resource in (self.resource, *self.watches))
        return tuple(dict.fromkeys([*unlabelled, *(Source(owned.resource, owned.label) for owned in self.owns)]))

    def transform(self, resource: Resource) -> CacheTransform:
        """Return the cache transform of a resource."""
        owned = {child.resource: child.cached for child in self.owns}
        return {**owned, **self.cached}.get(resource, metadata_only)

    def keys_for(self, change: Change) -> set[Key]:
        """Return the keys of the changed object of the kind and of its owners, before and after the change."""
        objects = [obj for obj in (change.before, change.after) if obj is not None]
        owners = {owned.key(obj) for owned in self.owns if owned.resource == change.resource for obj in objects}
        own = {key_of(obj) for obj in objects} if change.resource == self.resource else set()
        return own | {key for key in owners if key is not None}

    def mapped_keys(self, change: Change, store: Store) -> set[Key]:
        """Return the keys of the objects of the kind that a change of a watched resource affects."""
        map_func = self.watches.get(change.resource)
        return set(map_func(change, store)) if map_func else set()


def watched_sources(kinds: Iterable[Kind]) -> tuple[Source, ...]:
    """Return the sources to watch for some kinds. A source without a label includes the sources with a label."""
    sources = dict.fromkeys(source for kind in kinds for source in kind.sources)
    return tuple(source for source in sources if source.label is None or Source(source.resource) not in sources)


def reader_for(kinds: Iterable[Kind]) -> BoundedReader:
    """Return a reader with the widest bounds of some kinds."""
    return BoundedReader(union(kind.bounds for kind in kinds))


def store_for(kinds: Iterable[Kind]) -> Store:
    """Return an empty store for the sources and indexes of some kinds."""
    kinds = tuple(kinds)
    sources = [(source, kind.transform(source.resource)) for kind in kinds for source in kind.sources]
    indexes: list[Index] = []
    for kind in kinds:
        indexes += [*kind.owns, *kind.indexes]
    return Store(sources, indexes)
