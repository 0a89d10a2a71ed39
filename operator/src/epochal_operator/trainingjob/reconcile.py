"""Reconcile: read a TrainingJob and its children, plan, apply, and again until nothing is left to do."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from epochal_api.status import Status, read_status
from epochal_api.trainingjob import MAX_SECONDS, InvalidTrainingJob, Metadata, parse

from epochal_operator.runtime.kube import (
    ALREADY_EXISTS,
    LEADER_MANAGER,
    PROGRESS_MANAGER,
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    Kube,
    NotFound,
)
from epochal_operator.runtime.reader import UNREAD
from epochal_operator.runtime.recorder import Recorder
from epochal_operator.runtime.store import Key, Store, whole
from epochal_operator.trainingjob.children import (
    Observed,
    blocked_by,
    is_ahead,
    orphans,
    own_pods,
    refusal,
)
from epochal_operator.trainingjob.continue_from import blocked_by as blocked_before
from epochal_operator.trainingjob.continue_from import predecessor, predecessor_name
from epochal_operator.trainingjob.events import event_object
from epochal_operator.trainingjob.job import NAME_LABEL, UID_LABEL
from epochal_operator.trainingjob.job_corrections import Correction, writers
from epochal_operator.trainingjob.plan import (
    Action,
    ApplyReportedStatus,
    ApplyStatus,
    CreateJob,
    DeleteJob,
    DeleteTrainingJob,
    EmitEvent,
    PatchJob,
    Plan,
    changes_job,
    plan,
    refuse,
)
from epochal_operator.trainingjob.pod_refusals import Refusals
from epochal_operator.trainingjob.pod_template import Installation
from epochal_operator.trainingjob.pods import clean
from epochal_operator.trainingjob.reasons import Reason, StatusCause

Object = Mapping[str, Any]

ROUNDS = 8
"""More changes in a row than any TrainingJob takes; what is left then waits a moment."""
RACES = 4
"""Conflicts over a new Job that may be chance: a quota that others change answers so, too. More are a denial."""
MOMENT = 1.0

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
        kube: The API server.
        store: What the watches have told; what is written here goes into it at once.
        installation: Returns what fills in where a spec says nothing.
        instance: Name of this process, for Events.
        wake: Wants a TrainingJob reconciled, since one that it waits for has changed.
        clock: Returns the time, with a time zone.

    Attributes:
        recorder: What tells the Events; the later ones as long as it runs.
        refusals: Why Jobs have no pod, as far as Events have told.
    """

    def __init__(
        self,
        kube: Kube,
        store: Store,
        installation: Callable[[], Installation],
        *,
        instance: str,
        wake: Callable[[Key], None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._kube = kube
        self._store = store
        self._installation = installation
        self._instance = instance
        self._wake = wake
        self._clock = clock
        self.recorder = Recorder(kube)
        self.refusals = Refusals()
        self._corrections: dict[Key, Correction] = {}

    async def reconcile(self, key: Key) -> float | None:
        """Reconciles a TrainingJob.

        Args:
            key: Its namespace and name.

        Returns:
            Seconds after which to do it again, or None.

        Raises:
            ApiError: If the API server does not do its part.
        """
        blocked, conflicts = None, 0
        for _ in range(ROUNDS):
            document = self._store.training_job(key)
            if document is None:
                self._corrections.pop(key, None)
                self._wake_followers(key)
                return None
            observed = await self._catch_up(document, self._observe(key, document, blocked))
            if self._store.training_job(key) is not document:
                continue  # It was told of meanwhile.
            todo = make_plan(whole(document), observed, self._installation())
            if not todo.actions:
                return todo.requeue_after
            try:
                for action in todo.actions:
                    blocked = await self._apply(key, action, document["metadata"]) or blocked
            except (Conflict, NotFound) as error:
                conflicts += 1
                if conflicts == ROUNDS:  # It is no race: some deny with this code. The queue waits ever longer.
                    raise
                if conflicts >= RACES and isinstance(action, CreateJob):
                    blocked = _rejected(error)
                await self._refresh(key)
                continue
            if self._store.training_job(key) is document and not any(map(changes_job, todo.actions)):
                # Somebody else holds a field of the status that should go: written again, it would stay again.
                return todo.requeue_after
        return MOMENT

    def _observe(self, key: Key, document: Object, blocked: StatusCause | None) -> Observed:
        uid = document["metadata"]["uid"]
        child = self._store.job(key)
        if child is not None and (found := blocked_by(child, uid)):
            child, blocked = None, found
        continue_from = None
        if child is None and (name := predecessor_name(document)):
            before = predecessor(name, lambda other: self._store.training_job(Key(key.namespace, other)))
            blocked, continue_from = blocked or blocked_before(before), before.uri
        now, pods, correction = self._clock(), self._store.pods(key), None
        if child is not None:
            correction = self._correction(key, child["metadata"]["uid"], document["metadata"]["generation"], now)
            blocked = correction.blocks(now) if correction else None
        observed = Observed(
            now,
            child,
            own_pods(child, pods),
            orphans(child, pods, uid),
            blocked,
            correction.due if correction else None,
            continue_from=continue_from,
        )
        last = self.refusals.of(key.namespace, child["metadata"]["uid"]) if child is not None else None
        return replace(observed, refusal=refusal(last, observed))

    async def _catch_up(self, document: Object, observed: Observed) -> Observed:
        """Reads the pods of a Job whose end was told before theirs: only they say why it ended."""
        metadata, known = document["metadata"], document.get("status") or {}
        if not is_ahead(observed) or known.get("completionTime"):
            return observed
        key, listed = Key(metadata["namespace"], metadata["name"]), set[str]()
        selector = f"{NAME_LABEL}={key.name},{UID_LABEL}={metadata['uid']}"
        async for page in self._kube.list_pods(selector, key.namespace):
            for pod in page.items:
                listed.add(pod["metadata"]["uid"])
                self._store.put("Pod", pod, listed_at=page.resource_version)
            del page  # Labels are anybody's to write: only what the store keeps of these pods stays.
        pods = [pod for pod in self._store.pods(key) if pod["metadata"]["uid"] in listed]
        return replace(observed, pods=own_pods(observed.child, pods))

    async def _apply(self, key: Key, action: Action, planned: Object) -> StatusCause | None:
        """Does one step for a TrainingJob that had this metadata; returns what is in the way of creating a Job."""
        match action:
            case CreateJob():
                return await self._create_job(key, action.body, planned)
            case PatchJob() | DeleteJob():
                await self._correct(key, action, planned["generation"])
            case ApplyReportedStatus():
                await self._apply_status(key, PROGRESS_MANAGER, action.status.dump(), planned)
            case ApplyStatus():
                before = (self._known(key, planned).get("status") or {}).get("state")
                await self._apply_status(key, LEADER_MANAGER, action.status.dump(), planned)
                if action.status.state != before:
                    _log.info("is %s", action.status.state)
                    self._wake_followers(key)
            case EmitEvent():
                await self._emit(action, self._known(key, planned))
            case DeleteTrainingJob():
                await self._delete(key, self._known(key, planned))
        return None

    async def _create_job(self, key: Key, body: Object, planned: Object) -> StatusCause | None:
        # A watch may be late, and nobody would end the Job of a TrainingJob that is gone but the garbage collector.
        now = await self._kube.get_training_job(*key)
        if _differ(planned, now["metadata"]):
            self._store.put("TrainingJob", now)
            return None
        try:
            made = await self._kube.create_job(dict(body))
        except (Invalid, Forbidden, NotFound) as error:
            return _rejected(error)
        except Conflict as error:
            if error.reason != ALREADY_EXISTS:
                raise
            made = await self._kube.get_job(*key)
            labels = body["metadata"]["labels"]
            if found := blocked_by(made, labels[UID_LABEL]):
                return found
            if not _bears_name(made, key):
                try:
                    made = await self._kube.patch_job(*key, uid=made["metadata"]["uid"], labels=labels)
                except (Invalid, Forbidden) as error:
                    return StatusCause(
                        Reason.JOB_REJECTED, f"The API server refuses to label its Job: {clean(error.message)}"
                    )
        else:
            _log.info("created its Job")
        if not _bears_name(made, key):
            message = f"Something takes the label {NAME_LABEL} off its Job: an admission webhook or policy, perhaps."
            return StatusCause(Reason.JOB_REJECTED, message)
        self._store.put("Job", made)
        return None

    async def _correct(self, key: Key, action: PatchJob | DeleteJob, generation: int) -> None:
        """Puts a Job right, and remembers it: what somebody undoes is done again later and later."""
        now, refusal = self._clock(), None
        before = self._correction(key, action.uid, generation, now)
        who = before.writers if before else ()
        if before is not None and isinstance(action, PatchJob):
            who = writers(await self._kube.get_job(*key), action.spec, LEADER_MANAGER)
        try:
            if isinstance(action, PatchJob):
                spec = dict(action.spec)
                self._store.put("Job", await self._kube.patch_job(*key, uid=action.uid, spec=spec))
                _log.info("changed its Job: %s", spec)
            else:
                await self._kube.delete_job(*key, uid=action.uid, resource_version=action.resource_version)
                await self._refresh(key)
                _log.info("deleted its Job, which %s", action.why)
                return
        except (Invalid, Forbidden) as error:
            refusal = error.message
        fields = tuple(f"spec.{field}" for field in action.spec) if isinstance(action, PatchJob) else ("its deletion",)
        times = before.times + 1 if before else 1
        self._corrections[key] = Correction(action.uid, generation, times, now, fields, who, refusal)

    def _correction(self, key: Key, job_uid: str, generation: int, now: datetime) -> Correction | None:
        found = self._corrections.get(key)
        return found if found and found.concerns(job_uid, generation, now) else None

    async def _apply_status(self, key: Key, manager: str, status: dict[str, Any], planned: Object) -> None:
        metadata = self._known(key, planned)["metadata"]
        written = await self._kube.apply_status(
            *key,
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],
            manager=manager,
            status=status,
        )
        self._store.put("TrainingJob", written)

    async def _emit(self, action: EmitEvent, known: Object) -> None:
        metadata = Metadata.model_validate(known["metadata"])
        await self.recorder.tell(event_object(action.event, metadata, instance=self._instance, now=self._clock()))

    async def _delete(self, key: Key, known: Object) -> None:
        metadata = known["metadata"]
        await self._kube.delete_training_job(*key, uid=metadata["uid"], resource_version=metadata["resourceVersion"])
        self._store.remove("TrainingJob", known)
        _log.info("deleted: its ttlSecondsAfterFinished is over")

    async def _refresh(self, key: Key) -> None:
        """Reads a TrainingJob and its Job anew: the API server knows of a change that has not been told yet."""
        try:
            self._store.put("TrainingJob", await self._kube.get_training_job(*key))
        except NotFound:
            if (known := self._store.training_job(key)) is not None:
                self._store.remove("TrainingJob", known)
        try:
            self._store.put("Job", await self._kube.get_job(*key))
        except NotFound:
            if (child := self._store.job(key)) is not None:
                self._store.remove("Job", child)

    def _wake_followers(self, key: Key) -> None:
        for follower in self._store.followers(key):
            self._wake(follower)

    def _known(self, key: Key, planned: Object) -> Object:
        """Returns a TrainingJob as it is known by now, if it is still the one that was planned for."""
        document = self._store.training_job(key)
        if document is None:
            raise NotFound(404, "NotFound", "the TrainingJob is gone")
        if _differ(planned, document["metadata"]):
            raise Conflict(409, "Conflict", "the TrainingJob is another one by now")
        return document


def _rejected(error: ApiError) -> StatusCause:
    return StatusCause(Reason.JOB_REJECTED, f"The API server refuses its Job: {clean(error.message)}")


def _bears_name(child: Object, key: Key) -> bool:
    return bool(child["metadata"].get("labels", {}).get(NAME_LABEL) == key.name)


def _differ(planned: Object, now: Object) -> bool:
    """Returns whether the metadata of a TrainingJob is not that of the one that was planned for."""
    return any(planned.get(field) != now.get(field) for field in ("uid", "generation", "deletionTimestamp"))
