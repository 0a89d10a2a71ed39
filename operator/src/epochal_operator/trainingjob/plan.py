"""What to do about a TrainingJob: the difference between what should be and what is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from epochal_api.kind import Metadata
from epochal_api.status import SPEC_APPLIED, ReportedStatus, Status
from epochal_api.trainingjob import InvalidTrainingJob, TrainingJob

from epochal_operator.runtime.conditions import get_condition, is_true
from epochal_operator.runtime.events import Event
from epochal_operator.runtime.resource import JOBS, Resource
from epochal_operator.trainingjob.children import (
    PATIENCE_SECONDS,
    TOLD_SECONDS,
    Observed,
    first_run,
    has_begun,
    lacks_pods,
)
from epochal_operator.trainingjob.events import events, plain_http, spec_changed
from epochal_operator.trainingjob.failures import ending, last_report
from epochal_operator.trainingjob.job import (
    NoStorageEndpoint,
    batch_job,
    changes,
    endpoint,
    is_as_written,
    outdated,
    starter,
)
from epochal_operator.trainingjob.pod_template import Installation
from epochal_operator.trainingjob.pods import alive, lost_at
from epochal_operator.trainingjob.progress_status import final_status, reported_status
from epochal_operator.trainingjob.reasons import Reason, StatusCause, effect
from epochal_operator.trainingjob.status import (
    begun,
    finished,
    leaders_part,
    refused,
    reports_part,
    status,
)


@dataclass(frozen=True)
class Create:
    """Create a child, which has the TrainingJob's name."""

    resource: Resource
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Patch:
    """Change fields of a child's spec; None removes one."""

    resource: Resource
    uid: str
    spec: Mapping[str, Any]


@dataclass(frozen=True)
class Delete:
    """Delete a child as seen.

    Args:
        resource: Its resource.
        uid: Its uid.
        resource_version: Its version: one that has begun meanwhile stays.
        why: Why it goes, for the log.
        told: What to tell once it is deleted, if anything.
    """

    resource: Resource
    uid: str
    resource_version: str
    why: str
    told: Event | None = None


@dataclass(frozen=True)
class ApplyReportedStatus:
    """Apply the part of the status that comes from reports."""

    status: ReportedStatus


@dataclass(frozen=True)
class EmitEvent:
    """Tell what happened."""

    event: Event


@dataclass(frozen=True)
class ApplyStatus:
    """Apply the leader's part of the status."""

    status: Status


@dataclass(frozen=True)
class DeleteTrainingJob:
    """Delete the TrainingJob: its time to live is over."""


Action = Create | Patch | Delete | ApplyReportedStatus | EmitEvent | ApplyStatus | DeleteTrainingJob


@dataclass(frozen=True)
class Plan:
    """What to do, in this order.

    Args:
        actions: The steps. One that changes a child stands alone: what follows depends on what comes of it.
        requeue_after: Seconds after which to look again, if nothing else gives reason to.
    """

    actions: tuple[Action, ...] = ()
    requeue_after: float | None = None


def plan(job: TrainingJob, observed: Observed, installation: Installation) -> Plan:
    """Returns what to do about a TrainingJob.

    Args:
        job: The TrainingJob with its status so far.
        observed: Its children.
        installation: What fills in where the spec says nothing.
    """
    before = job.status or Status()
    if job.metadata.deletion_timestamp is not None:
        return Plan()
    if not finished(before):
        observed = _without_its_spec(before, observed)
        try:
            step = _child_step(job, observed, installation)
            if observed.child is not None or step is not None:  # What the Job needs is there before it.
                step = _other_step(job, observed, installation) or step
            observed = _compared(job, observed, installation)
        except NoStorageEndpoint as error:
            step, observed = None, replace(observed, blocked=StatusCause(Reason.NO_STORAGE_ENDPOINT, str(error)))
        except InvalidTrainingJob as error:
            ttl, suspend = job.spec.ttl_seconds_after_finished, job.spec.suspend
            return refuse(job.metadata, before, str(error), observed, ttl, suspend=suspend)
        if step is not None:
            return Plan((step,))
    after = status(job, observed)
    todo = _settle(job.metadata, before, after, observed, job.spec.ttl_seconds_after_finished)
    told = map(EmitEvent, plain_http(before, after, endpoint(job, installation)))
    return replace(todo, actions=(*told, *todo.actions))


def refuse(
    metadata: Metadata, before: Status, message: str, observed: Observed, ttl: int | None, *, suspend: bool = False
) -> Plan:
    """Returns what to do about a TrainingJob that breaks the API's rules.

    Args:
        metadata: Its metadata.
        before: Its status so far.
        message: What must hold, naming the field.
        observed: Its children: a spec that was changed may have one of before.
        ttl: Its spec.ttlSecondsAfterFinished.
        suspend: Its spec.suspend.
    """
    child = observed.child
    if metadata.deletion_timestamp is not None:
        return Plan()
    # Older rules let it start, so it ends by them. What nobody has changed another version wrote, and understands.
    stays = _started(before, observed) or (has_begun(observed) and metadata.generation <= 1)
    if child is not None and stays:
        if not suspend and _is_held_back(child) and not _going(child) and not _held(observed):
            return Plan((Patch(JOBS, child["metadata"]["uid"], {"suspend": False}),))
        after = begun(metadata, before, observed, suspend=child["spec"].get("suspend", False))
    elif child is None and before.start_time is not None:  # A version that understands it makes another Job.
        waits = replace(observed, blocked=StatusCause(Reason.INVALID_SPEC, message))
        after = begun(metadata, before, waits, suspend=suspend)
    elif child is not None and not _held(observed) and (step := _replacement_step(child, observed)):
        return Plan((step,))
    else:
        after = refused(metadata, before, message, observed.now)
    return _settle(metadata, before, after, observed, ttl)


def changes_child(action: Action) -> bool:
    """Returns whether an action changes a child."""
    return isinstance(action, Create | Patch | Delete)


def _settle(metadata: Metadata, before: Status, after: Status, observed: Observed, ttl: int | None) -> Plan:
    """Returns what is left to do once there is nothing to do about the Job."""
    figures = _figures(before, after, observed)
    if not finished(before):
        after = after.model_copy(update={"warned": [one.reason for one in figures.warnings or ()] or None})
    actions = _writes(metadata, before, after, figures, observed)
    if not actions and (left := _time_to_live(ttl, after, observed.now)) is not None:
        return Plan((DeleteTrainingJob(),)) if left <= 0 else Plan(requeue_after=left)
    times = [] if _over(after) else [_look_again(observed), _look_at_others_again(observed)]
    return Plan(tuple(actions), min((seconds for seconds in times if seconds is not None), default=None))


def _look_at_others_again(observed: Observed) -> float | None:
    """Returns the seconds after which to look again at what is in the way of a child beside the Job."""
    held = [one.held_until for one in observed.others if one.held_until and one.held_until > observed.now]
    seconds = [(time - observed.now).total_seconds() for time in held]
    seconds += [effect(one.blocked.reason).look_again_seconds or 0 for one in observed.others if one.blocked]
    return min((one for one in seconds if one), default=None)


def _look_again(observed: Observed) -> float | None:
    """Returns the seconds after which to look again at what no event will tell of."""
    if observed.child is None:
        return effect(observed.blocked.reason).look_again_seconds if observed.blocked else None
    if observed.held_until is not None and _held(observed):
        return (observed.held_until - observed.now).total_seconds()
    if (seconds := lacks_pods(observed)) is not None:
        left = PATIENCE_SECONDS - seconds
        return left if left > 0 else TOLD_SECONDS if observed.refusal else None
    times = [time for time in map(lost_at, observed.pods) if time and time > observed.now]
    return (min(times) - observed.now).total_seconds() if times else None


def _child_step(job: TrainingJob, observed: Observed, installation: Installation) -> Action | None:
    """Returns the step that brings the Job nearer to what it should be, or None if it is that."""
    child = observed.child
    if child is None:
        # Made whether or not something is in the way: what breaks the rules is refused first.
        body = batch_job(job, installation, observed.continue_from)
        # Two trainers must never write into one results folder: the pods of a Job that somebody deleted end first.
        return None if observed.blocked or observed.orphans or _out_of_queue(job) else Create(JOBS, body)
    if _going(child) or ending(child, observed.pods) or _held(observed):
        return None
    if _is_to_be_replaced(job, observed, installation):
        step = _replacement_step(child, observed)
        changed = is_as_written(job, child) is False
        return replace(step, told=spec_changed(job.metadata)) if isinstance(step, Delete) and changed else step
    if _out_of_queue(job):
        return _delete(child, "is suspended, and gives back its place in the queue")
    spec = changes(job, child)
    return Patch(JOBS, child["metadata"]["uid"], spec) if spec else None


def _without_its_spec(before: Status, observed: Observed) -> Observed:
    """Returns what is seen, with what is in the way of another Job where the spec is not the one that was trained.

    That one went along with the Job alone: by another one the checkpoints would be trained on as nobody meant it.
    """
    applied = get_condition(before.conditions, SPEC_APPLIED)
    if observed.child is not None or observed.blocked or applied is None or applied.status != "False":
        return observed
    return replace(observed, blocked=StatusCause(Reason.SPEC_LOST, _SPEC_LOST))


_SPEC_LOST = (
    "Its Job is gone, and with it the spec that it was trained by, which was changed too late (condition SpecApplied). "
    "Create a new TrainingJob, whose spec.training.continueFrom.uri is status.results.uri of this one."
)


def _is_to_be_replaced(job: TrainingJob, observed: Observed, installation: Installation) -> bool:
    """Returns whether a Job is of another spec than the TrainingJob has now, and has not run a container yet.

    For what has changed in the installation alone none gives up its place in the scheduler's queue.
    """
    child = observed.child
    if child is None or _started(job.status or Status(), observed) or not outdated(job, child, installation):
        return False
    return not has_begun(observed) or is_as_written(job, child) is not True


def _replacement_step(child: Mapping[str, Any], observed: Observed) -> Action | None:
    """Returns the next step to be rid of a Job of which no container has run yet, or None while it takes its time.

    A container may start at this very moment. So the Job is suspended first, which ends its pods, and whether one of
    them has run is known for sure once they have ended. One that somebody else starts is deleted as it is.
    """
    if _going(child):
        return None
    if starter(child) is None:
        if not child["spec"].get("suspend"):
            return Patch(JOBS, child["metadata"]["uid"], {"suspend": True})
        if any(map(alive, observed.pods)):
            return None
    return _delete(child, _OUTDATED)


def _is_held_back(child: Mapping[str, Any]) -> bool:
    """Returns whether a Job is suspended, and not by somebody else whose matter that is."""
    return bool(child["spec"].get("suspend")) and starter(child) is None


def _other_step(job: TrainingJob, observed: Observed, installation: Installation) -> Action | None:
    """Returns the step that brings another child nearer to what it should be, or None if all are that."""
    for seen in observed.others:
        if seen.child.build is None or seen.blocked or _is_later(seen.held_until, observed.now):
            continue
        thing, wanted, resource = seen.thing, seen.child.build(job, installation), seen.child.resource
        if thing is None:
            if wanted is not None:
                return Create(resource, wanted)
        elif wanted is None and not _going(thing):
            return _delete(thing, "is needed no more", resource)
        elif wanted is not None and not _going(thing):
            spec = {name: value for name, value in wanted["spec"].items() if thing["spec"].get(name) != value}
            if spec:
                return Patch(resource, thing["metadata"]["uid"], spec)
    return None


def _out_of_queue(job: TrainingJob) -> bool:
    """Returns whether a TrainingJob is to have no Job: Kueue starts any that is suspended and has a place."""
    return job.spec.suspend and job.spec.scheduling.queue_name is not None


def _held(observed: Observed) -> bool:
    return _is_later(observed.held_until, observed.now)


def _is_later(time: datetime | None, now: datetime) -> bool:
    return time is not None and now < time


def _delete(child: Mapping[str, Any], why: str, resource: Resource = JOBS) -> Delete:
    return Delete(resource, child["metadata"]["uid"], child["metadata"]["resourceVersion"], why)


_OUTDATED = "was built from an earlier spec, and had not run a container"


def _writes(
    metadata: Metadata, before: Status, after: Status, figures: ReportedStatus, observed: Observed
) -> list[Action]:
    """Returns what to write: figures first, so that whoever sees Complete sees them too; Events before their status."""
    actions: list[Action] = []
    if figures != reports_part(before):
        actions.append(ApplyReportedStatus(figures))
    if after != leaders_part(before):
        actions += [EmitEvent(one) for one in events(metadata, before, after, observed, figures)]
        actions.append(ApplyStatus(after))
    return actions


def _started(before: Status, observed: Observed) -> bool:
    """Returns whether a container of a TrainingJob has run, be it while nobody was there to say so."""
    return before.start_time is not None or before.progress is not None or first_run(observed) is not None


def _compared(job: TrainingJob, observed: Observed, installation: Installation) -> Observed:
    """Returns what is seen, with how the Job compares to the spec as it is now."""
    child, before = observed.child, job.status or Status()
    if child is None:
        return observed
    overtaken = _started(before, observed) and is_as_written(job, child) is False
    ended = ending(child, observed.pods) is not None
    replacing = not ended and not _going(child) and _is_to_be_replaced(job, observed, installation)
    return replace(observed, overtaken=overtaken, replacing=replacing)


def _figures(before: Status, after: Status, observed: Observed) -> ReportedStatus:
    """Returns the reports' part of the status: what a pod left as its last words counts if it is newer.

    Once all is over, they count no more: the job controller looks after its pods no longer, and lets anybody's pod pass
    for one of them.
    """
    figures = reports_part(before)
    found = None if finished(before) else last_report(observed.pods)
    known = (before.progress.attempt, before.progress.sequence) if before.progress else (0, 0)
    if found is not None and found[0].order > known:
        report, time = found
        figures = reported_status(report, datetime.fromisoformat(time) if time else observed.now, figures)
    return final_status(figures) if _over(after) else figures


def _over(after: Status) -> bool:
    return is_true(after.conditions, "Complete") or is_true(after.conditions, "Failed")


def _time_to_live(ttl: int | None, after: Status, now: datetime) -> float | None:
    """Returns the seconds that a finished TrainingJob may still stay, or None for ever.

    One that was refused stays: another version may understand its spec.
    """
    if ttl is None or after.completion_time is None or not finished(after):
        return None
    return (datetime.fromisoformat(after.completion_time) + timedelta(seconds=ttl) - now).total_seconds()


def _going(child: Mapping[str, Any]) -> bool:
    return child["metadata"].get("deletionTimestamp") is not None
