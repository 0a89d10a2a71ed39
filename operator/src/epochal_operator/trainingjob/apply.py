"""Do what a plan says, step by step, to the TrainingJob that it was made for and to no other."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from epochal_operator.runtime.actions import ApplyStatus, EmitEvent
from epochal_operator.runtime.corrections import Correction, Corrections, writers
from epochal_operator.runtime.errors import (
    ALREADY_EXISTS,
    REFUSALS,
    AdmissionFailed,
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
)
from epochal_operator.runtime.kind import Term
from epochal_operator.runtime.kube import LEADER_MANAGER
from epochal_operator.runtime.reasons import clean
from epochal_operator.runtime.resource import Key, Object, Resource
from epochal_operator.runtime.writer import Writer
from epochal_operator.trainingjob.actions import (
    Action,
    ApplyReportedStatus,
    Create,
    Delete,
    DeleteTrainingJob,
    Patch,
)
from epochal_operator.trainingjob.children import blocked_by
from epochal_operator.trainingjob.job import NAME_LABEL, UID_LABEL
from epochal_operator.trainingjob.own_fields import in_its_own_fields
from epochal_operator.trainingjob.owned import Child
from epochal_operator.trainingjob.reasons import Reason, StatusCause
from epochal_operator.trainingjob.resources import PROGRESS_MANAGER, TRAINING_JOBS, owned

QUOTA_SECONDS = 15.0
"""How long a quota may take to notice that a Job is gone."""
_QUOTA = "exceeded quota"
"""What the API server says where a quota refuses something."""

_log = logging.getLogger(__name__)


class Applier:
    """Does the steps of plans.

    Args:
        term: What it works with.
        children: The table of the children of TrainingJobs.
        corrections: Takes what was put right.
        instance: Name of this process, for Events.
        clock: Returns the time, with a time zone.
    """

    def __init__(
        self,
        term: Term,
        children: tuple[Child, ...],
        corrections: Corrections,
        instance: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._writer = writer = Writer(term, TRAINING_JOBS, instance, clock)
        self._kube = writer.kube
        self._store = writer.store
        self._children = children
        self._corrections = corrections
        self._clock = clock
        self._deleted: dict[tuple[Resource, Key], datetime] = {}

    async def apply(self, key: Key, action: Action, planned: Object) -> dict[Resource, StatusCause]:
        """Does one step.

        Args:
            key: The TrainingJob's namespace and name.
            action: The step.
            planned: The metadata of the TrainingJob that it was planned for.

        Returns:
            What is in the way of creating a child.

        Raises:
            ApiError: If the API server does not do its part.
        """
        match action:
            case Create():
                found = await self._create(key, action, planned)
                return {action.resource: found} if found else {}
            case Patch() | Delete():
                await self._correct(key, action, planned)
            case ApplyReportedStatus():
                await self._writer.apply_status(self._known(key, planned), action.status.dump(), PROGRESS_MANAGER)
            case ApplyStatus():
                known = self._known(key, planned)
                await self._writer.apply_status(known, action.status.dump())
                if action.status.state != (known.get("status") or {}).get("state"):
                    _log.info("is %s", action.status.state)
            case EmitEvent():
                await self._writer.emit(action.event, self._known(key, planned))
            case DeleteTrainingJob():
                await self._delete(self._known(key, planned))
        return {}

    async def _create(self, key: Key, action: Create, planned: Object) -> StatusCause | None:
        resource, labels = action.resource, action.body["metadata"]["labels"]
        # The watch may be late. The garbage collector deletes the Job of a TrainingJob that is gone, and a Job of an
        # older spec is replaced. To ask the API server before each Job would only make that window shorter.
        self._known(key, planned)
        try:
            made = await self._kube.create(resource, dict(action.body), manager=LEADER_MANAGER)
        except (Invalid, Forbidden, NotFound) as error:
            return self._counts_still(resource, key, error) or rejected(resource, error)
        except Conflict as error:
            if error.reason != ALREADY_EXISTS:
                raise
            made = await self._kube.get(resource, *key)
            if found := blocked_by(made, labels[UID_LABEL], resource.kind):
                return found
            if not _bears_name(made, key):
                try:
                    made = await self._writer.patch(resource, made, {"metadata": {"labels": labels}})
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
        self._writer.put(resource, made)
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
        before = self._corrections.of(resource, key, action.uid, generation, now)
        spec = dict(action.spec) if isinstance(action, Patch) else {}
        if before is not None and before.spec != spec:
            before = None  # That was another step, which nobody has undone.
        who = before.writers if before else ()
        if before is not None and isinstance(action, Patch):
            who = writers(await self._kube.get(resource, *key), action.spec, LEADER_MANAGER)
        try:
            if isinstance(action, Patch):
                seen = {"uid": action.uid, "resource_version": action.resource_version}
                made = await self._kube.patch(resource, *key, {"spec": spec}, **seen, manager=LEADER_MANAGER)
                self._writer.put(resource, made)
                _log.info("changed its %s: %s", resource.kind, spec)
            else:
                # It stays until what it owns, such as pods, is gone.
                seen = {"uid": action.uid, "resource_version": action.resource_version}
                await self._kube.delete(resource, *key, **seen, propagation="Foreground")
                self._deleted[resource, key] = now
                await self.refresh(key)
                _log.info("deleted its %s, which %s", resource.kind, action.why)
                if action.told is not None:
                    await self._writer.emit(action.told, self._known(key, planned))
                return
        except REFUSALS as error:
            refusal = error.message
        fields = tuple(f"spec.{field}" for field in spec) or ("its deletion",)
        times = before.times + 1 if before else 1
        done = Correction(action.uid, generation, times, now, fields, who, refusal, resource.kind, spec)
        self._corrections.note(resource, key, done)

    async def _delete(self, known: Object) -> None:
        await self._writer.delete(TRAINING_JOBS, known)
        self._writer.remove(TRAINING_JOBS, known)
        _log.info("deleted: its ttlSecondsAfterFinished is over")

    async def refresh(self, key: Key) -> None:
        """Reads a TrainingJob and its children anew: the API server knows of a change that has not been told yet.

        Args:
            key: Its namespace and name.
        """
        await self._writer.refresh(TRAINING_JOBS, key, self._store.get(TRAINING_JOBS, key))
        for child in self._children:
            await self._writer.refresh(child.resource, key, self._store.find(owned(child), key).get(key))

    def _known(self, key: Key, planned: Object) -> Object:
        """Returns a TrainingJob as it is known by now, if it is still the one that was planned for."""
        document = self._store.get(TRAINING_JOBS, key)
        if document is None:
            raise NotFound(404, "NotFound", "the TrainingJob is gone")
        if _differ(planned, document["metadata"]):
            raise Conflict(409, "Conflict", "the TrainingJob is another one by now")
        return document

    def forget(self, key: Key) -> None:
        """Forgets what it knows of a TrainingJob that is gone.

        Args:
            key: Its namespace and name.
        """
        self._corrections.forget(key)
        for child in self._children:
            self._deleted.pop((child.resource, key), None)


def rejected(resource: Resource, error: ApiError) -> StatusCause:
    """Returns that the API server refuses a child.

    Args:
        resource: The child's resource.
        error: What it said.
    """
    said = in_its_own_fields(clean(error.message))
    reason = Reason.WEBHOOK_FAILED if isinstance(error, AdmissionFailed) else Reason.JOB_REJECTED
    return StatusCause(reason, f"The API server refuses its {resource.kind}: {said}")


def _bears_name(child: Object, key: Key) -> bool:
    return bool(child["metadata"].get("labels", {}).get(NAME_LABEL) == key.name)


def _differ(planned: Object, now: Object) -> bool:
    """Returns whether the metadata of a TrainingJob is not that of the one that was planned for."""
    return any(planned.get(field) != now.get(field) for field in ("uid", "generation", "deletionTimestamp"))
