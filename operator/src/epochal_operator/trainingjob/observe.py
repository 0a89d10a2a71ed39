"""Observation of a TrainingJob's children: from the cache, and from the API server where the cache lags."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from epochal_api.trainingjob import KIND

from epochal_operator.runtime.api.resource import PODS, Key, Object, Resource, key_of
from epochal_operator.runtime.corrections import Correction, Corrections
from epochal_operator.runtime.kind import Term
from epochal_operator.trainingjob.children import Observed, Seen, blocked_by, is_ahead, orphans, own_pods, refusal
from epochal_operator.trainingjob.continue_from import predecessor_name, resolve
from epochal_operator.trainingjob.job import NAME_LABEL, UID_LABEL
from epochal_operator.trainingjob.owned import JOB, Child
from epochal_operator.trainingjob.pod_refusals import Refusals
from epochal_operator.trainingjob.reasons import Reason, StatusCause
from epochal_operator.trainingjob.resources import OWNED_PODS, TRAINING_JOBS, owned


class Observer:
    """Observes the children of TrainingJobs.

    Args:
        term: The context of the reconciler.
        children: The children of a TrainingJob.
        refusals: The refused pods of Jobs.
        corrections: The recent corrections of drift.
        clock: Returns the time, with a time zone.
    """

    def __init__(
        self,
        term: Term,
        children: tuple[Child, ...],
        refusals: Refusals,
        corrections: Corrections,
        clock: Callable[[], datetime],
    ) -> None:
        self._term = term
        self._kube = term.kube.once()
        self._store = term.store
        self._children = children
        self._refusals = refusals
        self._corrections = corrections
        self._clock = clock

    def observe(self, key: Key, document: Object, in_the_way: Mapping[Resource, StatusCause]) -> Observed:
        """Return the cached children of a TrainingJob.

        Args:
            key: Key of the TrainingJob.
            document: The cached TrainingJob.
            in_the_way: The known causes that block the creation of a child, by resource.
        """
        uid, generation, now = document["metadata"]["uid"], document["metadata"]["generation"], self._clock()
        others = tuple(
            self._see(child, document, now, in_the_way.get(child.resource))
            for child in self._children
            if child.build is not None
        )
        child, blocked = self._child(JOB, key), in_the_way.get(JOB.resource)
        if child is not None and (found := blocked_by(child, uid)):
            child, blocked = None, found
        continued_from = None
        if child is None and (name := predecessor_name(document)):
            source = resolve(name, document, lambda other: self._store.get(TRAINING_JOBS, Key(key.namespace, other)))
            if isinstance(source, StatusCause):
                blocked = blocked or source
            else:
                continued_from = source
        pods, held_until = self._pods(key), None
        if child is not None:
            correction = self._corrections.of(JOB.resource, key, child["metadata"]["uid"], generation, now)
            blocked = _undone(correction, now) if correction else None
            held_until = correction.due if correction and not correction.stands(child) else None
        blocked = blocked or next((one.blocked for one in others if one.blocked), None)
        observed = Observed(
            now,
            child,
            own_pods(child, pods),
            orphans(child, pods, uid),
            blocked,
            held_until,
            continued_from=continued_from,
            others=others,
        )
        last = self._refusals.of(key.namespace, child["metadata"]["uid"]) if child is not None else None
        return replace(observed, refusal=refusal(last, observed))

    def _see(self, child: Child, document: Object, now: datetime, blocked: StatusCause | None) -> Seen:
        """Return an observed child other than the Job."""
        metadata, key = document["metadata"], key_of(document)
        thing = self._child(child, key)
        if thing is not None and (found := blocked_by(thing, metadata["uid"], child.resource.kind)):
            return Seen(child, None, found)
        if thing is None:
            return Seen(child, None, blocked)
        correction = self._corrections.of(child.resource, key, thing["metadata"]["uid"], metadata["generation"], now)
        return Seen(child, thing, *((_undone(correction, now), correction.due) if correction else ()))

    async def catch_up(self, document: Object, observed: Observed) -> Observed:
        """Read the pods of an ended Job if the cache lacks the last ones: only these pods contain the cause of the end.

        Args:
            document: The cached TrainingJob.
            observed: The cached children.
        """
        metadata, known = document["metadata"], document.get("status") or {}
        if not is_ahead(observed) or known.get("completionTime"):
            return observed
        key, listed = Key(metadata["namespace"], metadata["name"]), set[str]()
        selector = f"{NAME_LABEL}={key.name},{UID_LABEL}={metadata['uid']}"
        async for page in self._kube.list(PODS, key.namespace, labels=selector):
            for pod in page.items:
                listed.add(pod["metadata"]["uid"])
                self._term.wrote(self._store.put(PODS, pod, listed_at=page.resource_version))
            del page  # Any user can write the labels, so free the page's memory: the store has the needed parts.
        pods = [pod for pod in self._pods(key) if pod["metadata"]["uid"] in listed]
        return replace(observed, pods=own_pods(observed.child, pods))

    def _child(self, child: Child, key: Key) -> Object | None:
        """Return the cached child with a TrainingJob's name and label, with any owner."""
        return self._store.find(owned(child), key).get(key)

    def _pods(self, key: Key) -> list[Object]:
        """Return the cached pods with a TrainingJob's name in their label, with any owner."""
        return list(self._store.find(OWNED_PODS, key).values())


def _undone(correction: Correction, now: datetime) -> StatusCause | None:
    """Return the cause that reports a correction in backoff, or None."""
    return correction.blocks(now, refused=Reason.JOB_REJECTED, fought=Reason.FIELD_CONFLICT, owner=KIND)
