"""A kind: all that the runtime has to know of one, in one description."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from prometheus_client import Metric

from epochal_operator.runtime.kube import Kube
from epochal_operator.runtime.reader import Bounds, Reader, widest
from epochal_operator.runtime.recorder import Recorder
from epochal_operator.runtime.resource import Key, Object, Resource, key_of
from epochal_operator.runtime.store import Change, Index, Source, Store, Trim, bare


@dataclass(frozen=True)
class Owned:
    """Objects that belong to an object of a kind, and bear its name in a label.

    A label is anybody's to write: whether they are its own, their owner references say.

    Args:
        resource: Their resource.
        label: The label. Only objects that bear it are watched.
    """

    resource: Resource
    label: str

    def key(self, thing: Object) -> Key | None:
        """Returns the key of the object that one of them belongs to."""
        name = (thing["metadata"].get("labels") or {}).get(self.label)
        return Key(thing["metadata"]["namespace"], name) if name else None


@dataclass(frozen=True)
class Reference:
    """Objects of a kind by another object that they name in their spec.

    Args:
        resource: Their resource.
        key: Returns the key of the object that one of them names, if it names one.
    """

    resource: Resource
    key: Callable[[Object], Key | None]


class Reconciler(Protocol):
    """What works on the objects of a kind, for as long as this process leads."""

    async def reconcile(self, key: Key) -> float | None:
        """Brings an object and what it owns to what they should be.

        Args:
            key: Its key; it may be gone.

        Returns:
            Seconds after which to do it again, or None.

        Raises:
            Exception: If it is to be tried again, later and later.
        """

    async def run(self) -> None:
        """Does what else the kind has to do beside, until it is cancelled."""


@dataclass(frozen=True)
class Term:
    """What a reconciler works with, for as long as this process leads.

    Args:
        kube: The API server; writes end with the leadership.
        store: What is known.
        recorder: Tells Events.
        namespaces: Namespaces that are served; none stands for all.
        wake: Has an object of the kind reconciled.
        wrote: Takes what is new of an object by what the reconciler wrote, or read, itself: news to others.
    """

    kube: Kube
    store: Store
    recorder: Recorder
    namespaces: tuple[str, ...]
    wake: Callable[[Key], None]
    wrote: Callable[[Change | None], None]


Wake = Callable[[Change, Store], Iterable[Key]]
"""Returns the keys of the objects of a kind to which a change of another object matters."""


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind.

    Args:
        resource: Its own resource.
        reconciler: Returns what works on its objects.
        collect: Returns the series of its objects, which are none in a process that does not lead.
        owns: What its objects own. What is new of those has their owner reconciled.
        references: By what else its objects are found.
        woken_by: What else has its objects reconciled, by the resource that changes; it is watched as a whole.
        optional: Resources of `woken_by` that it starts without if the API server does not serve them.
        keeps: What is kept of objects, by their resource; of one that is not named, its metadata alone.
        bounds: What is read of its objects, however much there is of them.
        batch_seconds: For how long news of an object are gathered before it is reconciled. As Kubernetes' own Job
            controller does it: an object that owns very many would be reconciled for each of them, beside all others.
    """

    resource: Resource
    reconciler: Callable[[Term], Reconciler]
    collect: Callable[[Iterable[Object]], Iterator[Metric]]
    owns: tuple[Owned, ...] = ()
    references: tuple[Reference, ...] = ()
    woken_by: Mapping[Resource, Wake] = field(default_factory=dict)
    optional: frozenset[Resource] = frozenset()
    keeps: Mapping[Resource, Trim] = field(default_factory=dict)
    bounds: Bounds = field(default_factory=Bounds)
    batch_seconds: float = 0.0

    @property
    def sources(self) -> tuple[Source, ...]:
        """What it has to know as a whole before any of its objects is reconciled."""
        whole = (Source(resource) for resource in (self.resource, *self.woken_by))
        return tuple(dict.fromkeys([*whole, *(Source(one.resource, one.label) for one in self.owns)]))

    def concerned(self, change: Change) -> set[Key]:
        """Returns the keys of its objects that an object is, or belongs to, or belonged to before."""
        things = [thing for thing in (change.before, change.after) if thing is not None]
        owners = {one.key(thing) for one in self.owns if one.resource == change.resource for thing in things}
        itself = {key_of(thing) for thing in things} if change.resource == self.resource else set()
        return itself | {key for key in owners if key is not None}

    def woken(self, change: Change, store: Store) -> set[Key]:
        """Returns the keys of its objects to which a change of another object matters."""
        wake = self.woken_by.get(change.resource)
        return set(wake(change, store)) if wake else set()


def watched(kinds: Iterable[Kind]) -> tuple[Source, ...]:
    """Returns what is to be watched for some kinds: what is watched as a whole is not watched in parts, too."""
    sources = dict.fromkeys(source for kind in kinds for source in kind.sources)
    return tuple(one for one in sources if one.label is None or Source(one.resource) not in sources)


def reader_for(kinds: Iterable[Kind]) -> Reader:
    """Returns what reads the objects of some kinds."""
    return Reader(widest(kind.bounds for kind in kinds))


def store_for(kinds: Iterable[Kind]) -> Store:
    """Returns a store of all that some kinds have to do with."""
    kinds = tuple(kinds)
    sources = [(source, kind.keeps.get(source.resource, bare)) for kind in kinds for source in kind.sources]
    indexes: list[Index] = []
    for kind in kinds:
        indexes += [*kind.owns, *kind.references]
    return Store(sources, indexes)
