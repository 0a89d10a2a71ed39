"""Builds the observed state of a ModelServer from the store: its model, its owned objects and its pods."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from epochal_api.modelserver import KIND, ModelServer

from epochal_operator.modelserver.observed import Observed, Seen, blocked_by
from epochal_operator.modelserver.owned import CHILDREN, DEPLOYMENT, Child
from epochal_operator.modelserver.pods import own_pods
from epochal_operator.modelserver.reasons import Reason, StatusCause
from epochal_operator.modelserver.resources import EXPERIMENTS, OWNED_PODS, OWNED_REPLICA_SETS, owned
from epochal_operator.modelserver.source import Things, resolve
from epochal_operator.runtime.api.resource import Key, Object, Resource, key_of
from epochal_operator.runtime.corrections import Corrections
from epochal_operator.runtime.store import Store
from epochal_operator.trainingjob.resources import TRAINING_JOBS


class Observer:
    """Reads ModelServers and their owned objects from the store.

    Args:
        store: The object store.
        corrections: The recent drift corrections.
        clock: Returns the current time, with a time zone.
    """

    def __init__(self, store: Store, corrections: Corrections, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._corrections = corrections
        self._clock = clock

    def observe(
        self, document: Object, server: ModelServer | None, in_the_way: Mapping[Resource, StatusCause]
    ) -> Observed:
        """Return the observed state of a ModelServer.

        Args:
            document: The ModelServer, as cached.
            server: The parsed ModelServer; None if its spec is invalid.
            in_the_way: The causes that block owned objects in this reconcile, by resource.
        """
        key, now, store = key_of(document), self._clock(), self._store
        source = None
        if server is not None:
            find = partial(_find, store, key.namespace)
            source = resolve(server.spec.source, Things(partial(find, TRAINING_JOBS), partial(find, EXPERIMENTS)))
        children = tuple(self._see(child, document, in_the_way.get(child.resource), now) for child in CHILDREN)
        deployment = next(one.thing for one in children if one.child is DEPLOYMENT)
        sets, pods = store.find(OWNED_REPLICA_SETS, key).values(), store.find(OWNED_PODS, key).values()
        return Observed(now, source, children, own_pods(deployment, sets, pods))

    def _see(self, child: Child, document: Object, blocked: StatusCause | None, now: datetime) -> Seen:
        """Return the observed state of an owned object."""
        metadata, key = document["metadata"], key_of(document)
        thing = self._store.find(owned(child), key).get(key)
        if thing is not None and (found := blocked_by(thing, metadata["uid"], child.resource.kind)):
            return Seen(child, None, found)
        if thing is None:
            return Seen(child, None, blocked)
        if thing["metadata"].get("deletionTimestamp"):
            message = f"Its {child.resource.kind} is being deleted. It has what it should have once that is gone."
            return Seen(child, thing, StatusCause(Reason.CLEANUP, message))
        uid = thing["metadata"]["uid"]
        overruled = self._corrections.overruled(child.resource, key, uid)
        last = self._corrections.of(child.resource, key, uid, metadata["generation"], now)
        if last is None:
            return Seen(child, thing, overruled=overruled)
        told = last.blocks(now, refused=Reason.REJECTED, fought=Reason.FIELD_CONFLICT, owner=KIND)
        return Seen(child, thing, told, last.due if told or not last.stands(thing) else None, overruled)


def _find(store: Store, namespace: str, resource: Resource, name: str) -> Object | None:
    return store.get(resource, Key(namespace, name))
