"""A kind: the description from which the runtime watches and reconciles its objects."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from prometheus_client import Metric

from epochal_operator.runtime.api.bounded_reader import BoundedReader, Bounds, widest
from epochal_operator.runtime.api.kube import Kube
from epochal_operator.runtime.api.resource import Key, Object, Resource, key_of
from epochal_operator.runtime.owners import Owned
from epochal_operator.runtime.recorder import Recorder
from epochal_operator.runtime.store import CacheTransform, Change, Index, Reference, Source, Store, metadata_only


class Reconciler(Protocol):
    """Reconciles the objects of a kind while this process leads."""

    async def reconcile(self, key: Key) -> float | None:
        """Bring an object and its owned objects to their desired state.

        Args:
            key: Key of the object, which may no longer exist.

        Returns:
            Seconds until the next reconcile, or None.

        Raises:
            Exception: If the queue must retry the object with backoff.
        """

    async def run(self) -> None:
        """Run the background work of the kind until it is cancelled."""


@dataclass(frozen=True)
class Term:
    """The context of a reconciler while this process leads.

    Args:
        kube: Client of the API server. Its writes stop when the leadership ends.
        store: The cache of objects.
        recorder: Creates Events.
        namespaces: Namespaces that the operator serves; empty for all namespaces.
        wake: Enqueues an object of the kind.
        wrote: Receives the changes that the reconciler itself wrote or read, and enqueues the other objects that they
            affect.
    """

    kube: Kube
    store: Store
    recorder: Recorder
    namespaces: tuple[str, ...]
    wake: Callable[[Key], None]
    wrote: Callable[[Change | None], None]


Wake = Callable[[Change, Store], Iterable[Key]]
"""Returns the keys of the objects of a kind that a change of another object affects."""


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind that the operator reconciles.

    Args:
        resource: The resource of the kind.
        reconciler: Returns the reconciler of the kind.
        collect: Returns the metrics of the objects, of which a standby process has none.
        owns: The owned objects. A change of an owned object enqueues its owner.
        references: Further indexes of the objects.
        woken_by: Functions that map a change of another resource to keys, by that resource. All its objects are
            watched.
        optional: Resources of `woken_by` without which the kind starts if the API server does not serve them.
        cached: Returns the fields of an object that the cache keeps, by resource; the others keep their metadata only.
        bounds: Limits for reading the objects of the kind.
        batch_seconds: Seconds for which changes are collected before a reconcile, as in Kubernetes' Job controller.
            Otherwise each change of a child would reconcile an owner of many children.
    """

    resource: Resource
    reconciler: Callable[[Term], Reconciler]
    collect: Callable[[Iterable[Object]], Iterator[Metric]]
    owns: tuple[Owned, ...] = ()
    references: tuple[Reference, ...] = ()
    woken_by: Mapping[Resource, Wake] = field(default_factory=dict)
    optional: frozenset[Resource] = frozenset()
    cached: Mapping[Resource, CacheTransform] = field(default_factory=dict)
    bounds: Bounds = field(default_factory=Bounds)
    batch_seconds: float = 0.0

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources that must be synced before an object of the kind is reconciled."""
        whole = (Source(resource) for resource in (self.resource, *self.woken_by))
        return tuple(dict.fromkeys([*whole, *(Source(one.resource, one.label) for one in self.owns)]))

    def transform(self, resource: Resource) -> CacheTransform:
        """Return the function that returns the fields of an object that the cache keeps."""
        owned = {one.resource: one.cached for one in self.owns}
        return {**owned, **self.cached}.get(resource, metadata_only)

    def concerned(self, change: Change) -> set[Key]:
        """Return the keys of the changed object of the kind and of its owners, before and after the change."""
        things = [thing for thing in (change.before, change.after) if thing is not None]
        owners = {one.key(thing) for one in self.owns if one.resource == change.resource for thing in things}
        itself = {key_of(thing) for thing in things} if change.resource == self.resource else set()
        return itself | {key for key in owners if key is not None}

    def woken(self, change: Change, store: Store) -> set[Key]:
        """Return the keys of the objects that a change of another resource affects."""
        wake = self.woken_by.get(change.resource)
        return set(wake(change, store)) if wake else set()


def watched(kinds: Iterable[Kind]) -> tuple[Source, ...]:
    """Return the sources to watch for some kinds. A source without a label replaces those with one."""
    sources = dict.fromkeys(source for kind in kinds for source in kind.sources)
    return tuple(one for one in sources if one.label is None or Source(one.resource) not in sources)


def reader_for(kinds: Iterable[Kind]) -> BoundedReader:
    """Return a reader with the widest bounds of some kinds."""
    return BoundedReader(widest(kind.bounds for kind in kinds))


def store_for(kinds: Iterable[Kind]) -> Store:
    """Return an empty store for the sources and indexes of some kinds."""
    kinds = tuple(kinds)
    sources = [(source, kind.transform(source.resource)) for kind in kinds for source in kind.sources]
    indexes: list[Index] = []
    for kind in kinds:
        indexes += [*kind.owns, *kind.references]
    return Store(sources, indexes)
