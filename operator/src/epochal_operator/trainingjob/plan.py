"""What to do about a TrainingJob: the difference between what should be and what is."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from epochal_api.kind import Metadata
from epochal_api.status import ReportedStatus, Status
from epochal_api.trainingjob import InvalidTrainingJob, TrainingJob

from epochal_operator.runtime.actions import ApplyStatus, EmitEvent
from epochal_operator.runtime.conditions import is_true
from epochal_operator.runtime.resource import JOBS
from epochal_operator.trainingjob.actions import (
    Action,
    ApplyReportedStatus,
    Create,
    Delete,
    DeleteTrainingJob,
    Plan,
    delete,
    patch,
)
from epochal_operator.trainingjob.children import Observed, has_begun, is_going
from epochal_operator.trainingjob.conditions import is_spec_ignored, with_exported
from epochal_operator.trainingjob.events import events, plain_http, spec_changed
from epochal_operator.trainingjob.failures import ending, last_report
from epochal_operator.trainingjob.job import (
    QUEUE_LABEL,
    NoStorageEndpoint,
    batch_job,
    changes,
    endpoint,
    is_as_written,
    steering,
)
from epochal_operator.trainingjob.look_again import look_again, starts_within, time_to_live
from epochal_operator.trainingjob.mutable import Mutable
from epochal_operator.trainingjob.pod_template import Installation
from epochal_operator.trainingjob.progress_status import final_status, reported_status
from epochal_operator.trainingjob.reasons import Reason, StatusCause
from epochal_operator.trainingjob.spec_changes import (
    compared,
    is_overtaken,
    is_to_be_replaced,
    replacement_step,
    started,
    without_its_spec,
)
from epochal_operator.trainingjob.status import begun, finished, leaders_part, refused, reports_part, status

_NOTHING_SET = Mutable()
_WAY_OUT = (
    "It has begun by other rules, so its spec cannot change any more, and its Job is gone: it waits for a version of "
    "Epochal that takes its spec. Or create a new TrainingJob, whose spec.training.continueFrom.uri is "
    "status.results.uri of this one."
)
_OUT_OF_QUEUE = "is suspended, and gives back its place in the queue"


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
    step = None
    if not finished(before):
        observed = without_its_spec(before, observed)
        try:
            step = _child_step(job, observed, installation)
            if observed.child is not None or step is not None:  # What the Job needs is there before it.
                step = _other_step(job, observed, installation) or step
            observed = compared(job, observed, installation)
        except NoStorageEndpoint as error:
            step, observed = None, replace(observed, blocked=StatusCause(Reason.NO_STORAGE_ENDPOINT, str(error)))
        except InvalidTrainingJob as error:
            spec = job.spec
            mutable = Mutable(spec.suspend, spec.active_deadline_seconds, spec.ttl_seconds_after_finished)
            return refuse(job.metadata, before, str(error), observed, mutable)
        if step is not None and observed.continued_from in {None, before.continued_from}:
            return Plan((step,))
    after = status(job, observed)
    if step is None and (left := starts_within(before, after, observed)) is not None:
        return Plan(requeue_after=min(left, look_again(observed) or left))
    todo = _settle(job.metadata, before, after, observed, job.spec.ttl_seconds_after_finished)
    if step is not None:  # What it goes on from is remembered before its Job is there: the other one may go any time.
        return Plan((*todo.actions, step))
    told = map(EmitEvent, plain_http(before, after, endpoint(job, installation)))
    return replace(todo, actions=(*told, *todo.actions))


def refuse(
    metadata: Metadata, before: Status, message: str, observed: Observed, mutable: Mutable = _NOTHING_SET
) -> Plan:
    """Returns what to do about a TrainingJob that breaks the API's rules.

    Args:
        metadata: Its metadata.
        before: Its status so far.
        message: What must hold, naming the field.
        observed: Its children: a spec that was changed may have one of before.
        mutable: What of its spec may still change once it has begun.
    """
    child = observed.child
    if metadata.deletion_timestamp is not None:
        return Plan()
    # Older rules let it start, so it ends by them. What nobody has changed another version wrote, and understands.
    stays = started(before, observed) or (has_begun(observed) and metadata.generation <= 1)
    observed = without_its_spec(before, observed)
    if child is not None and stays:
        if step := _steering_step(before, observed, child, mutable):
            return Plan((step,))
        if is_overtaken(metadata, before):
            observed = replace(observed, overtaken=True)
        after = begun(metadata, before, observed, suspend=mutable.suspend)
    elif child is None and before.start_time is not None:
        if not is_spec_ignored(before):  # A version that understands it makes another Job.
            observed = replace(observed, blocked=StatusCause(Reason.INVALID_SPEC, f"{message}\n{_WAY_OUT}"))
        after = begun(metadata, before, observed, suspend=mutable.suspend)
    elif child is not None and not observed.is_held and (step := replacement_step(child, observed)):
        return Plan((step,))
    else:
        after = refused(metadata, before, message, observed.now)
    return _settle(metadata, before, after, observed, mutable.ttl_seconds_after_finished)


def _settle(metadata: Metadata, before: Status, after: Status, observed: Observed, ttl: int | None) -> Plan:
    """Returns what is left to do once there is nothing to do about the Job."""
    figures = _figures(before, after, observed)
    if not finished(before):
        after = after.model_copy(update={"warned": [one.reason for one in figures.warnings or ()] or None})
        after = with_exported(metadata.generation, before, after, observed.now, figures)
    actions = _writes(metadata, before, after, figures, observed)
    if not actions and (left := time_to_live(ttl, after, observed.now)) is not None:
        return Plan((DeleteTrainingJob(),)) if left <= 0 else Plan(requeue_after=left)
    return Plan(tuple(actions), None if _over(after) else look_again(observed))


def _child_step(job: TrainingJob, observed: Observed, installation: Installation) -> Action | None:
    """Returns the step that brings the Job nearer to what it should be, or None if it is that."""
    child = observed.child
    if child is None:
        # Made whether or not something is in the way: what breaks the rules is refused first.
        body = batch_job(job, installation, observed.continued_from.uri if observed.continued_from else None)
        # Two trainers must never write into one results folder: the pods of a Job that somebody deleted end first.
        return None if observed.blocked or observed.orphans or _out_of_queue(job) else Create(JOBS, body)
    if is_going(child) or ending(child, observed.pods) or observed.is_held:
        return None
    if is_to_be_replaced(job, observed, installation):
        step = replacement_step(child, observed)
        changed = is_as_written(job, child) is False
        return replace(step, told=spec_changed(job.metadata)) if isinstance(step, Delete) and changed else step
    if _out_of_queue(job):
        return delete(child, _OUT_OF_QUEUE)
    spec = changes(job, child)
    return patch(child, spec) if spec else None


def _steering_step(before: Status, observed: Observed, child: Mapping[str, Any], mutable: Mutable) -> Action | None:
    """Returns the step that brings a Job nearer to what of its spec counts, as the rest of that breaks the rules."""
    if is_going(child) or ending(child, observed.pods) or observed.is_held:
        return None
    # Without it, only the status tells that it has begun.
    if mutable.suspend and before.start_time is not None and QUEUE_LABEL in child["metadata"].get("labels", {}):
        return delete(child, _OUT_OF_QUEUE)
    spec = steering(mutable, child)
    return patch(child, spec) if spec else None


def _other_step(job: TrainingJob, observed: Observed, installation: Installation) -> Action | None:
    """Returns the step that brings another child nearer to what it should be, or None if all are that."""
    for seen in observed.others:
        if seen.child.build is None or seen.blocked or seen.is_held(observed.now):
            continue
        thing, wanted, resource = seen.thing, seen.child.build(job, installation), seen.child.resource
        if thing is None:
            if wanted is not None:
                return Create(resource, wanted)
        elif wanted is None and not is_going(thing):
            return delete(thing, "is needed no more", resource)
        elif wanted is not None and not is_going(thing):
            spec = {name: value for name, value in wanted["spec"].items() if thing["spec"].get(name) != value}
            if spec:
                return patch(thing, spec, resource)
    return None


def _out_of_queue(job: TrainingJob) -> bool:
    """Returns whether a TrainingJob is to have no Job: Kueue starts any that is suspended and has a place."""
    return job.spec.suspend and job.spec.scheduling.queue_name is not None


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
