"""Executes the actions of a plan, only on the TrainingJob for which the plan was made."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from epochal_operator.runtime.actions import ApplyStatus, EmitEvent
from epochal_operator.runtime.api.errors import (
    ALREADY_EXISTS,
    REFUSALS,
    AdmissionFailed,
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
)
from epochal_operator.runtime.api.kube import LEADER_MANAGER
from epochal_operator.runtime.api.resource import Key, Object, Resource
from epochal_operator.runtime.corrections import Correction, Corrections, writers
from epochal_operator.runtime.kind import Term
from epochal_operator.runtime.reasons import clean
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
"""Maximum seconds until a quota no longer counts a deleted Job."""
_QUOTA = "exceeded quota"
"""Text in the API server's message when a quota refuses an object."""

_log = logging.getLogger(__name__)


class Applier:
    """Executes the actions of plans.

    Args:
        term: The context of the reconciler.
        children: The children of a TrainingJob.
        corrections: Stores the corrections of drift.
        instance: Name of this process's pod, for Events.
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
        """Execute an action of a plan.

        Args:
            key: Key of the TrainingJob.
            action: The action.
            planned: Metadata of the TrainingJob for which the action was planned.

        Returns:
            The causes that block the creation of a child, by resource.

        Raises:
            ApiError: If a request fails.
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
        # The watch may lag: without this read, a deleted TrainingJob can get a second Job until the garbage collector
        # deletes it.
        now = await self._kube.get(TRAINING_JOBS, *key)
        if _differ(planned, now["metadata"]):
            self._writer.put(TRAINING_JOBS, now)
            return None
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
        """Return the cause CLEANUP if a quota may still count a recently deleted child, or None."""
        deleted = self._deleted.get((resource, key))
        if deleted is None or _QUOTA not in error.message:
            return None
        if self._clock() >= deleted + timedelta(seconds=QUOTA_SECONDS):
            return None
        message = f"Its {resource.kind} of before is gone, and may count still: {clean(error.message)}"
        return StatusCause(Reason.CLEANUP, message)

    async def _correct(self, key: Key, action: Patch | Delete, planned: Object) -> None:
        """Correct a child and record the correction, so that repeated drift is corrected with backoff."""
        now, refusal, resource, generation = self._clock(), None, action.resource, planned["generation"]
        before = self._corrections.of(resource, key, action.uid, generation, now)
        spec = dict(action.spec) if isinstance(action, Patch) else {}
        if before is not None and before.spec != spec:
            before = None  # A different change, which no writer has undone.
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
                # It stays until its dependents, such as pods, are deleted.
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
        """Read a TrainingJob and its children again, because the API server has a change that no watch has reported.

        Args:
            key: Key of the TrainingJob.
        """
        await self._writer.refresh(TRAINING_JOBS, key, self._store.get(TRAINING_JOBS, key))
        for child in self._children:
            await self._writer.refresh(child.resource, key, self._store.find(owned(child), key).get(key))

    def _known(self, key: Key, planned: Object) -> Object:
        """Return the cached TrainingJob; raise an error if it is not the one of the plan."""
        document = self._store.get(TRAINING_JOBS, key)
        if document is None:
            raise NotFound(404, "NotFound", "the TrainingJob is gone")
        if _differ(planned, document["metadata"]):
            raise Conflict(409, "Conflict", "the TrainingJob is another one by now")
        return document

    def forget(self, key: Key) -> None:
        """Forget the corrections and deletions of a deleted TrainingJob.

        Args:
            key: Key of the TrainingJob.
        """
        self._corrections.forget(key)
        for child in self._children:
            self._deleted.pop((child.resource, key), None)


def rejected(resource: Resource, error: ApiError) -> StatusCause:
    """Return the cause for a child that the API server refuses.

    Args:
        resource: The resource of the child.
        error: The error of the API server.
    """
    said = in_its_own_fields(clean(error.message))
    reason = Reason.WEBHOOK_FAILED if isinstance(error, AdmissionFailed) else Reason.JOB_REJECTED
    return StatusCause(reason, f"The API server refuses its {resource.kind}: {said}")


def _bears_name(child: Object, key: Key) -> bool:
    return bool(child["metadata"].get("labels", {}).get(NAME_LABEL) == key.name)


def _differ(planned: Object, now: Object) -> bool:
    """Return whether the TrainingJob's metadata differs from the plan's in UID, generation or deletion."""
    return any(planned.get(field) != now.get(field) for field in ("uid", "generation", "deletionTimestamp"))
