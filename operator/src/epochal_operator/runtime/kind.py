"""The description of a kind, such as TrainingJob, from which the runtime watches and reconciles its objects."""

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
    """The objects that the runtime passes to the reconciler of a kind, for the time in which this process leads.

    Args:
        kube: Client of the API server. Its writes stop when the leadership ends.
        store: The cache of objects.
        recorder: Creates Events.
        namespaces: Namespaces that the operator serves; empty for all namespaces.
        enqueue: Enqueues an object of the kind.
        on_change: Called with each change that the reconciler itself wrote or read; enqueues the other objects that the
            change affects.
    """

    kube: Kube
    store: Store
    recorder: Recorder
    namespaces: tuple[str, ...]
    enqueue: Callable[[Key], None]
    on_change: Callable[[Change | None], None]


MapFunc = Callable[[Change, Store], Iterable[Key]]
"""A function that returns the keys of the objects of a kind that a change of another resource's object affects."""


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind that the operator reconciles.

    Args:
        resource: The resource of the kind.
        reconciler: Returns the reconciler of the kind.
        collect: Returns the metrics of given objects of the kind.
        owns: The types of owned objects, also of those that another controller creates, such as pods. A change of an
            owned object enqueues its owner.
        indexes: Indexes of the objects in addition to the indexes of `owns`.
        watches: By resource: the function that returns the keys of the kind that a change of one of its objects
            affects. All objects of the resource are watched.
        optional: Resources of `watches` without which the kind starts if the API server does not serve them.
        cache_transforms: By resource: the function that returns the fields of an object that the cache keeps. Without
            it, the function of `owns` applies, or else the cache keeps only the metadata.
        bounds: Limits of size and depth for parsing the objects of the kind.
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
    cache_transforms: Mapping[Resource, CacheTransform] = field(default_factory=dict)
    bounds: Bounds = field(default_factory=Bounds)
    batch_seconds: float = 0.0

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources that must be synced before the first object of the kind is reconciled."""
        unlabelled = (Source(resource) for resource in (self.resource, *self.watches))
        return tuple(dict.fromkeys([*unlabelled, *(Source(owned.resource, owned.label) for owned in self.owns)]))

    def transform(self, resource: Resource) -> CacheTransform:
        """Return the function that selects the fields of a resource's objects that the cache keeps for this kind."""
        owned = {child.resource: child.cache_transform for child in self.owns}
        return {**owned, **self.cache_transforms}.get(resource, metadata_only)

    def keys_for(self, change: Change) -> set[Key]:
        """Return the key of the changed object if it is of this kind, or the keys of its owners if it is owned.

        The owners before and after the change are included.
        """
        objects = [obj for obj in (change.before, change.after) if obj is not None]
        owners = {owned.key(obj) for owned in self.owns if owned.resource == change.resource for obj in objects}
        own = {key_of(obj) for obj in objects} if change.resource == self.resource else set()
        return own | {key for key in owners if key is not None}

    def mapped_keys(self, change: Change, store: Store) -> set[Key]:
        """Return the keys of the objects of the kind that a change of a watched resource affects."""
        map_func = self.watches.get(change.resource)
        return set(map_func(change, store)) if map_func else set()


def watched_sources(kinds: Iterable[Kind]) -> tuple[Source, ...]:
    """Return the sources to watch for some kinds, without labelled sources that are part of an unlabelled source."""
    sources = dict.fromkeys(source for kind in kinds for source in kind.sources)
    return tuple(source for source in sources if source.label is None or Source(source.resource) not in sources)


def reader_for(kinds: Iterable[Kind]) -> BoundedReader:
    """Return a reader of API server responses whose bounds admit the objects of all given kinds."""
    return BoundedReader(union(kind.bounds for kind in kinds))


def store_for(kinds: Iterable[Kind]) -> Store:
    """Return an empty store for the sources and indexes of some kinds."""
    kinds = tuple(kinds)
    sources = [(source, kind.transform(source.resource)) for kind in kinds for source in kind.sources]
    indexes: list[Index] = []
    for kind in kinds:
        indexes += [*kind.owns, *kind.indexes]
    return Store(sources, indexes)
