"""Reconcile: read a TrainingJob and its children, plan, apply, and again until nothing is left to do."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from epochal_api.kind import MAX_SECONDS, Metadata
from epochal_api.status import Status, read_status
from epochal_api.trainingjob import InvalidTrainingJob, parse

from epochal_operator.runtime.errors import ALREADY_EXISTS, ApiError, Conflict, Forbidden, Invalid, NotFound
from epochal_operator.runtime.events import Event, event_object
from epochal_operator.runtime.kind import Term
from epochal_operator.runtime.kube import LEADER_MANAGER
from epochal_operator.runtime.reader import UNREAD
from epochal_operator.runtime.resource import PODS, Key, Resource, key_of
from epochal_operator.trainingjob.children import (
    Observed,
    Seen,
    blocked_by,
    is_ahead,
    orphans,
    own_pods,
    refusal,
)
from epochal_operator.trainingjob.continue_from import blocked_by as blocked_before
from epochal_operator.trainingjob.continue_from import predecessor, predecessor_name
from epochal_operator.trainingjob.job import NAME_LABEL, UID_LABEL
from epochal_operator.trainingjob.job_corrections import Correction, writers
from epochal_operator.trainingjob.owned import CHILDREN, JOB, Child
from epochal_operator.trainingjob.plan import (
    Action,
    ApplyReportedStatus,
    ApplyStatus,
    Create,
    Delete,
    DeleteTrainingJob,
    EmitEvent,
    Patch,
    Plan,
    changes_child,
    plan,
    refuse,
)
from epochal_operator.trainingjob.pod_refusals import Refusals, watch_refusals
from epochal_operator.trainingjob.pod_template import Installation
from epochal_operator.trainingjob.pods import clean
from epochal_operator.trainingjob.reasons import Reason, StatusCause
from epochal_operator.trainingjob.resources import OWNED_PODS, PROGRESS_MANAGER, TRAINING_JOBS, owned
from epochal_operator.runtime.spec_text import whole

Object = Mapping[str, Any]

ROUNDS = 8
"""More changes in a row than any TrainingJob takes; what is left then waits a moment."""
RACES = 4
"""Conflicts over a new Job that may be chance: a quota that others change answers so, too. More are a denial."""
MOMENT = 1.0
QUOTA_SECONDS = 15.0
"""How long a quota may take to notice that a Job is gone."""
_QUOTA = "exceeded quota"
"""What the API server says where a quota refuses something."""

_log = logging.getLogger(__name__)


def make_plan(document: Object, observed: Observed, installation: Installation) -> Plan:
    """Returns what to do about a TrainingJob.

    Args:
        document: The TrainingJob as JSON.
        observed: Its children.
        installation: What fills in where the spec says nothing.
    """
    try:
        if fault := document.get(UNREAD):
            raise InvalidTrainingJob(str(fault))  # noqa: TRY301 - as parse does of what was read
        job = parse(document)
    except InvalidTrainingJob as error:
        metadata = Metadata.model_validate(document["metadata"])
        status = read_status(Status, document.get("status"))
        spec = document["spec"]
        suspend = spec.get("suspend") is True
        return refuse(metadata, status, str(error), observed, _time_to_live(spec), suspend=suspend)
    return plan(job, observed, installation)


def _time_to_live(spec: Object) -> int | None:
    """Returns the ttlSecondsAfterFinished of a spec that breaks the API's rules, if that does not break them, too."""
    seconds = spec.get("ttlSecondsAfterFinished")
    return seconds if type(seconds) is int and 0 <= seconds <= MAX_SECONDS else None


class Reconciler:
    """Brings TrainingJobs and their children to what they should be.

    Args:
        term: What it works with.
        installation: Returns what fills in where a spec says nothing.
        instance: Name of this process, for Events.
        clock: Returns the time, with a time zone.
        children: The table of their children.

    Attributes:
        refusals: Why Jobs have no pod, as far as Events have told.
    """

    def __init__(
        self,
        term: Term,
        installation: Callable[[], Installation],
        *,
        instance: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        children: tuple[Child, ...] = CHILDREN,
    ) -> None:
        self._term = term
        self._kube = term.kube.once()
        self._store = term.store
        self._installation = installation
        self._instance = instance
        self._clock = clock
        self._children = children
        self.refusals = Refusals()
        self._corrections: dict[tuple[Resource, Key], Correction] = {}
        self._deleted: dict[tuple[Resource, Key], datetime] = {}

    async def run(self) -> None:
        """Follows the Events that tell why pods of Jobs cannot be created, until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            for namespace in self._term.namespaces or (None,):
                group.create_task(watch_refusals(self._term.kube, namespace, self._take_refusal))

    def _take_refusal(self, event: Object) -> None:
        """Has a TrainingJob looked at whose pod cannot be created."""
        about = event.get("regarding") or {}
        key = Key(about.get("namespace", ""), about.get("name", ""))
        if self.refusals.take(event) is not None and self._store.get(TRAINING_JOBS, key) is not None:
            self._term.wake(key)

    async def reconcile(self, key: Key) -> float | None:
        """Reconciles a TrainingJob.

        Args:
            key: Its namespace and name.

        Returns:
            Seconds after which to do it again, or None.

        Raises:
            ApiError: If the API server does not do its part.
        """
        blocked, conflicts = dict[Resource, StatusCause](), 0
        for _ in range(ROUNDS):
            document = self._store.get(TRAINING_JOBS, key)
            if document is None:
                self._forget(key)
                return None
            observed = await self._catch_up(document, self._observe(key, document, blocked))
            if self._store.get(TRAINING_JOBS, key) is not document:
                continue  # It was told of meanwhile.
            todo = make_plan(whole(document), observed, self._installation())
            if not todo.actions:
                return todo.requeue_after
            try:
                for action in todo.actions:
                    blocked |= await self._apply(key, action, document["metadata"])
            except (Conflict, NotFound) as error:
                conflicts += 1
                if conflicts == ROUNDS:  # It is no race: some deny with this code. The queue waits ever longer.
                    raise
                if conflicts >= RACES and isinstance(action, Create):
                    blocked[action.resource] = _rejected(action.resource, error)
                await self._refresh(key)
                continue
            if self._store.get(TRAINING_JOBS, key) is document and not any(map(changes_child, todo.actions)):
                # Somebody else holds a field of the status that should go: written again, it would stay again.
                return todo.requeue_after
        return MOMENT

    def _forget(self, key: Key) -> None:
        for child in self._children:
            self._corrections.pop((child.resource, key), None)
            self._deleted.pop((child.resource, key), None)

    def _observe(self, key: Key, document: Object, in_the_way: Mapping[Resource, StatusCause]) -> Observed:
        uid, generation, now = document["metadata"]["uid"], document["metadata"]["generation"], self._clock()
        others = tuple(
            self._see(child, document, now, in_the_way.get(child.resource))
            for child in self._children
            if child.build is not None
        )
        child, blocked = self._child(JOB, key), in_the_way.get(JOB.resource)
        if child is not None and (found := blocked_by(child, uid)):
            child, blocked = None, found
        continue_from = None
        if child is None and (name := predecessor_name(document)):
            before = predecessor(name, lambda other: self._store.get(TRAINING_JOBS, Key(key.namespace, other)))
            blocked, continue_from = blocked or blocked_before(before), before.uri
        pods, held_until = self._pods(key), None
        if child is not None:
            correction = self._correction(JOB.resource, key, child["metadata"]["uid"], generation, now)
            blocked = correction.blocks(now) if correction else None
            held_until = correction.due if correction and not correction.stands(child) else None
        blocked = blocked or next((one.blocked for one in others if one.blocked), None)
        observed = Observed(
            now,
            child,
            own_pods(child, pods),
            orphans(child, pods, uid),
            blocked,
            held_until,
            continue_from=continue_from,
            others=others,
        )
        last = self.refusals.of(key.namespace, child["metadata"]["uid"]) if child is not None else None
        return replace(observed, refusal=refusal(last, observed))

    def _see(self, child: Child, document: Object, now: datetime, blocked: StatusCause | None) -> Seen:
        """Returns what is seen of a child beside the Job."""
        metadata, key = document["metadata"], key_of(document)
        thing = self._child(child, key)
        if thing is not None and (found := blocked_by(thing, metadata["uid"], child.resource.kind)):
            return Seen(child, None, found)
        if thing is None:
            return Seen(child, None, blocked)
        correction = self._correction(child.resource, key, thing["metadata"]["uid"], metadata["generation"], now)
        return Seen(child, thing, *((correction.blocks(now), correction.due) if correction else ()))

    async def _catch_up(self, document: Object, observed: Observed) -> Observed:
        """Reads the pods of a Job whose end was told before theirs: only they say why it ended."""
        metadata, known = document["metadata"], document.get("status") or {}
        if not is_ahead(observed) or known.get("completionTime"):
            return observed
        key, listed = Key(metadata["namespace"], metadata["name"]), set[str]()
        selector = f"{NAME_LABEL}={key.name},{UID_LABEL}={metadata['uid']}"
        async for page in self._kube.list(PODS, key.namespace, labels=selector):
            for pod in page.items:
                listed.add(pod["metadata"]["uid"])
                self._put(PODS, pod, listed_at=page.resource_version)
            del page  # Labels are anybody's to write: only what the store keeps of these pods stays.
        pods = [pod for pod in self._pods(key) if pod["metadata"]["uid"] in listed]
        return replace(observed, pods=own_pods(observed.child, pods))

    async def _apply(self, key: Key, action: Action, planned: Object) -> dict[Resource, StatusCause]:
        """Does one step for a TrainingJob that had this metadata; returns what is in the way of creating a child."""
        match action:
            case Create():
                found = await self._create(key, action, planned)
                return {action.resource: found} if found else {}
            case Patch() | Delete():
                await self._correct(key, action, planned)
            case ApplyReportedStatus():
                await self._apply_status(key, PROGRESS_MANAGER, action.status.dump(), planned)
            case ApplyStatus():
                before = (self._known(key, planned).get("status") or {}).get("state")
                await self._apply_status(key, LEADER_MANAGER, action.status.dump(), planned)
                if action.status.state != before:
                    _log.info("is %s", action.status.state)
            case EmitEvent():
                await self._emit(action.event, self._known(key, planned))
            case DeleteTrainingJob():
                await self._delete(key, self._known(key, planned))
        return {}

    async def _create(self, key: Key, action: Create, planned: Object) -> StatusCause | None:
        resource, labels = action.resource, action.body["metadata"]["labels"]
        # A watch may be late, and nobody would end a child of a TrainingJob that is gone but the garbage collector.
        now = await self._kube.get(TRAINING_JOBS, *key)
        if _differ(planned, now["metadata"]):
            self._put(TRAINING_JOBS, now)
            return None
        try:
            made = await self._kube.create(resource, dict(action.body), manager=LEADER_MANAGER)
        except (Invalid, Forbidden, NotFound) as error:
            return self._counts_still(resource, key, error) or _rejected(resource, error)
        except Conflict as error:
            if error.reason != ALREADY_EXISTS:
                raise
            made = await self._kube.get(resource, *key)
            if found := blocked_by(made, labels[UID_LABEL], resource.kind):
                return found
            if not _bears_name(made, key):
                try:
                    made = await self._patch(resource, key, {"metadata": {"labels": labels}}, made["metadata"]["uid"])
                except (Invalid, Forbidden) as error:
                    message = f"The API server refuses to label its {resource.kind}: {clean(error.message)}"
                    return StatusCause(Reason.JOB_REJECTED, message)
        else:
            _log.info("created its %s", resource.kind)
        if not _bears_name(made, key):
            where = f"the label {NAME_LABEL} off its {resource.kind}"
            return StatusCause(
                Reason.JOB_REJECTED, f"Something takes {where}: an admission webhook or policy, perhaps."
            )
        self._put(resource, made)
        return None

    def _counts_still(self, resource: Resource, key: Key, error: ApiError) -> StatusCause | None:
        """Returns that a quota has not noticed yet that the child of before is gone, if that may be why it refuses."""
        deleted = self._deleted.get((resource, key))
        if deleted is None or _QUOTA not in error.message:
            return None
        if self._clock() >= deleted + timedelta(seconds=QUOTA_SECONDS):
            return None
        message = f"Its {resource.kind} of before is gone, and may count still: {clean(error.message)}"
        return StatusCause(Reason.CLEANUP, message)

    async def _correct(self, key: Key, action: Patch | Delete, planned: Object) -> None:
        """Puts a child right, and remembers it: what somebody undoes is done again later and later."""
        now, refusal, resource, generation = self._clock(), None, action.resource, planned["generation"]
        before = self._correction(resource, key, action.uid, generation, now)
        spec = dict(action.spec) if isinstance(action, Patch) else {}
        if before is not None and before.spec != spec:
            before = None  # That was another step, which nobody has undone.
        who = before.writers if before else ()
        if before is not None and isinstance(action, Patch):
            who = writers(await self._kube.get(resource, *key), action.spec, LEADER_MANAGER)
        try:
            if isinstance(action, Patch):
                self._put(resource, await self._patch(resource, key, {"spec": spec}, action.uid))
                _log.info("changed its %s: %s", resource.kind, spec)
            else:
                # It stays until what it owns, such as pods, is gone.
                seen = {"uid": action.uid, "resource_version": action.resource_version}
                await self._kube.delete(resource, *key, **seen, propagation="Foreground")
                self._deleted[resource, key] = now
                await self._refresh(key)
                _log.info("deleted its %s, which %s", resource.kind, action.why)
                if action.told is not None:
                    await self._emit(action.told, self._known(key, planned))
                return
        except (Invalid, Forbidden) as error:
            refusal = error.message
        fields = tuple(f"spec.{field}" for field in spec) or ("its deletion",)
        times = before.times + 1 if before else 1
        self._corrections[resource, key] = Correction(
            action.uid, generation, times, now, fields, who, refusal, resource.kind, spec
        )

    def _correction(self, resource: Resource, key: Key, uid: str, generation: int, now: datetime) -> Correction | None:
        found = self._corrections.get((resource, key))
        return found if found and found.concerns(uid, generation, now) else None

    async def _apply_status(self, key: Key, manager: str, status: dict[str, Any], planned: Object) -> None:
        metadata = self._known(key, planned)["metadata"]
        written = await self._kube.apply_status(
            TRAINING_JOBS,
            *key,
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],
            manager=manager,
            status=status,
        )
        self._put(TRAINING_JOBS, written)

    async def _emit(self, event: Event, known: Object) -> None:
        told = event_object(event, TRAINING_JOBS, known["metadata"], instance=self._instance, now=self._clock())
        await self._term.recorder.tell(told)

    async def _delete(self, key: Key, known: Object) -> None:
        metadata = known["metadata"]
        seen = {"uid": metadata["uid"], "resource_version": metadata["resourceVersion"]}
        await self._kube.delete(TRAINING_JOBS, *key, **seen)
        self._remove(TRAINING_JOBS, known)
        _log.info("deleted: its ttlSecondsAfterFinished is over")

    async def _refresh(self, key: Key) -> None:
        """Reads a TrainingJob and its children anew: the API server knows of a change that has not been told yet."""
        try:
            self._put(TRAINING_JOBS, await self._kube.get(TRAINING_JOBS, *key))
        except NotFound:
            if (known := self._store.get(TRAINING_JOBS, key)) is not None:
                self._remove(TRAINING_JOBS, known)
        for child in self._children:
            try:
                self._put(child.resource, await self._kube.get(child.resource, *key))
            except NotFound:
                if (thing := self._child(child, key)) is not None:
                    self._remove(child.resource, thing)

    def _child(self, child: Child, key: Key) -> Object | None:
        """Returns the child of a TrainingJob's name, whichever TrainingJob it belongs to."""
        return self._store.find(owned(child), key).get(key)

    def _pods(self, key: Key) -> list[Object]:
        """Returns the pods of a TrainingJob's name, whichever TrainingJob they belong to."""
        return list(self._store.find(OWNED_PODS, key).values())

    async def _patch(self, resource: Resource, key: Key, patch: dict[str, Any], uid: str) -> dict[str, Any]:
        return await self._kube.patch(resource, *key, patch, uid=uid, manager=LEADER_MANAGER)

    def _put(self, resource: Resource, thing: Object, *, listed_at: str | None = None) -> None:
        self._term.wrote(self._store.put(resource, thing, listed_at=listed_at))

    def _remove(self, resource: Resource, thing: Object) -> None:
        self._term.wrote(self._store.remove(resource, thing))

    def _known(self, key: Key, planned: Object) -> Object:
        """Returns a TrainingJob as it is known by now, if it is still the one that was planned for."""
        document = self._store.get(TRAINING_JOBS, key)
        if document is None:
            raise NotFound(404, "NotFound", "the TrainingJob is gone")
        if _differ(planned, document["metadata"]):
            raise Conflict(409, "Conflict", "the TrainingJob is another one by now")
        return document


def _rejected(resource: Resource, error: ApiError) -> StatusCause:
    return StatusCause(Reason.JOB_REJECTED, f"The API server refuses its {resource.kind}: {clean(error.message)}")


def _bears_name(child: Object, key: Key) -> bool:
    return bool(child["metadata"].get("labels", {}).get(NAME_LABEL) == key.name)


def _differ(planned: Object, now: Object) -> bool:
    """Returns whether the metadata of a TrainingJob is not that of the one that was planned for."""
    return any(planned.get(field) != now.get(field) for field in ("uid", "generation", "deletionTimestamp"))
