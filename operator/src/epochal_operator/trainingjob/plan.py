"""The plan of a TrainingJob: the actions from its observed state to the desired state."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from epochal_api.kind import Metadata
from epochal_api.trainingjob.spec import InvalidTrainingJob, TrainingJob
from epochal_api.trainingjob.status import ReportedStatus, Status

from epochal_operator.pods.installation import Installation
from epochal_operator.pods.mutable_fields import MutableFields
from epochal_operator.pods.pod_template import QUEUE_LABEL
from epochal_operator.runtime.actions import (
    ApplyStatus,
    ChildAction,
    CreateChild,
    DeleteChild,
    DeleteSelf,
    EmitEvent,
)
from epochal_operator.runtime.actions import Plan as AnyPlan
from epochal_operator.runtime.api.resource import JOBS
from epochal_operator.runtime.conditions import is_true
from epochal_operator.trainingjob.job.batch_job import (
    NoStorageEndpoint,
    batch_job,
    changes,
    endpoint,
    is_as_written,
    mutable_changes,
)
from epochal_operator.trainingjob.job.observed import Observed, has_begun, is_going
from epochal_operator.trainingjob.job.spec_changes import (
    compared,
    delete_job,
    is_overtaken,
    is_to_be_replaced,
    patch_job,
    replacement_step,
    started,
    without_its_spec,
)
from epochal_operator.trainingjob.pod.failures import ending, last_report
from epochal_operator.trainingjob.progress.reported_status import final_status, reported_status
from epochal_operator.trainingjob.reasons import Reason, StatusCause
from epochal_operator.trainingjob.resources import PROGRESS_MANAGER
from epochal_operator.trainingjob.status.events import events, plain_http, spec_changed
from epochal_operator.trainingjob.status.predicates import finished, is_spec_ignored
from epochal_operator.trainingjob.status.requeue import look_again, starts_within, time_to_live
from epochal_operator.trainingjob.status.status import begun, leaders_part, refused, reports_part, status, with_exported

Action = ChildAction | EmitEvent | ApplyStatus[Status] | ApplyStatus[ReportedStatus] | DeleteSelf
Plan = AnyPlan[Action]
"""The plan of a TrainingJob. An action that changes the Job is the last one: its result decides the next plan."""

_NOTHING_SET = MutableFields()
_WAY_OUT = (
    "It has begun by other rules, so its spec cannot change any more, and its Job is gone: it waits for a version of "
    "Epochal that takes its spec. Or create a new TrainingJob, whose spec.training.continueFrom.uri is "
    "status.results.uri of this one."
)
_OUT_OF_QUEUE = "is suspended, and gives back its place in the queue"


def plan(job: TrainingJob, observed: Observed, installation: Installation) -> Plan:
    """Return the plan for a TrainingJob.

    Args:
        job: The TrainingJob with its previous status.
        observed: The observed children.
        installation: Defaults for fields that the spec omits.
    """
    before = job.status or Status()
    if job.metadata.deletion_timestamp is not None:
        return Plan()
    step = None
    if not finished(before):
        observed = without_its_spec(before, observed)
        try:
            step = _child_step(job, observed, installation)
            observed = compared(job, observed, installation)
        except NoStorageEndpoint as error:
            step, observed = None, replace(observed, blocked=StatusCause(Reason.NO_STORAGE_ENDPOINT, str(error)))
        except InvalidTrainingJob as error:
            spec = job.spec
            mutable = MutableFields(spec.suspend, spec.active_deadline_seconds, spec.ttl_seconds_after_finished)
            return refuse(job.metadata, before, str(error), observed, mutable)
        if step is not None and observed.continued_from in {None, before.continued_from}:
            return Plan((step,))
    after = status(job, observed)
    if step is None and (left := starts_within(before, after, observed)) is not None:
        return Plan(requeue_after=min(left, look_again(observed, after) or left))
    todo = _settle(job.metadata, before, after, observed, job.spec.ttl_seconds_after_finished)
    if step is not None:  # Save the predecessor's results first: it may be deleted at any time.
        return Plan((*todo.actions, step))
    told = map(EmitEvent, plain_http(before, after, endpoint(job, installation)))
    return replace(todo, actions=(*told, *todo.actions))


def refuse(
    metadata: Metadata, before: Status, message: str, observed: Observed, mutable: MutableFields = _NOTHING_SET
) -> Plan:
    """Return the plan for a TrainingJob with an invalid spec.

    Args:
        metadata: Metadata of the TrainingJob.
        before: The previous status.
        message: The violated rule, with the field.
        observed: The observed children. After a change of the spec, a Job of the earlier spec may exist.
        mutable: The mutable fields of the spec.
    """
    child = observed.child
    if metadata.deletion_timestamp is not None:
        return Plan()
    # A started Job continues under the rules of its start. An unchanged spec is valid for the version that started it.
    stays = started(before, observed) or (has_begun(observed) and metadata.generation <= 1)
    observed = without_its_spec(before, observed)
    if child is not None and stays:
        if step := _mutable_step(before, observed, child, mutable):
            return Plan((step,))
        if is_overtaken(metadata, before):
            observed = replace(observed, overtaken=True)
        after = begun(metadata, before, observed, suspend=mutable.suspend)
    elif child is None and before.start_time is not None:
        if not is_spec_ignored(before):  # A version that accepts the spec creates another Job.
            observed = replace(observed, blocked=StatusCause(Reason.INVALID_SPEC, f"{message}\n{_WAY_OUT}"))
        after = begun(metadata, before, observed, suspend=mutable.suspend)
    elif child is not None and not observed.is_held and (step := replacement_step(child, observed)):
        return Plan((step,))
    else:
        after = refused(metadata, before, message, observed.now)
    return _settle(metadata, before, after, observed, mutable.ttl_seconds_after_finished)


def _settle(metadata: Metadata, before: Status, after: Status, observed: Observed, ttl: int | None) -> Plan:
    """Return the remaining plan, without changes of the Job: the status, the Events and the deletion after the TTL."""
    figures = _figures(before, after, observed)
    if not finished(before):
        after = after.model_copy(update={"warned": [one.reason for one in figures.warnings or ()] or None})
        after = with_exported(metadata.generation, before, after, observed.now, figures)
    actions = _writes(metadata, before, after, figures, observed)
    if not actions and (left := time_to_live(ttl, after, observed.now)) is not None:
        return Plan((DeleteSelf(),)) if left <= 0 else Plan(requeue_after=left)
    return Plan(tuple(actions), None if _over(after) else look_again(observed, after))


def _child_step(job: TrainingJob, observed: Observed, installation: Installation) -> Action | None:
    """Return the next action to bring the Job to its desired state, or None if there is none."""
    child = observed.child
    if child is None:
        # Build it even if it is blocked, so that an invalid spec is refused first.
        body = batch_job(job, installation, observed.continued_from.uri if observed.continued_from else None)
        # Two trainers must never write to one results folder: the pods of a deleted Job must end first.
        return None if observed.blocked or observed.orphans or _out_of_queue(job) else CreateChild(JOBS, body)
    if is_going(child) or ending(child, observed.pods) or observed.is_held:
        return None
    if is_to_be_replaced(job, observed, installation):
        step = replacement_step(child, observed)
        changed = not is_as_written(job, child)
        return replace(step, event=spec_changed(job.metadata)) if isinstance(step, DeleteChild) and changed else step
    if _out_of_queue(job):
        return delete_job(child, _OUT_OF_QUEUE)
    spec = changes(job, child)
    return patch_job(child, spec) if spec else None


def _mutable_step(
    before: Status, observed: Observed, child: Mapping[str, Any], mutable: MutableFields
) -> Action | None:
    """Return the next action to apply the mutable fields to a Job, although the rest of the spec is invalid."""
    if is_going(child) or ending(child, observed.pods) or observed.is_held:
        return None
    # Delete the Job only if the status records the start. Without the Job, no other record exists.
    if mutable.suspend and before.start_time is not None and QUEUE_LABEL in child["metadata"].get("labels", {}):
        return delete_job(child, _OUT_OF_QUEUE)
    spec = mutable_changes(mutable, child)
    return patch_job(child, spec) if spec else None


def _out_of_queue(job: TrainingJob) -> bool:
    """Return whether a TrainingJob must have no Job: Kueue resumes a suspended Job that it admits."""
    return job.spec.suspend and job.spec.scheduling.queue_name is not None


def _writes(
    metadata: Metadata, before: Status, after: Status, figures: ReportedStatus, observed: Observed
) -> list[Action]:
    """Return the writes: figures before the status, so that Complete implies final figures; Events before status."""
    actions: list[Action] = []
    if figures != reports_part(before):
        actions.append(ApplyStatus(figures, PROGRESS_MANAGER))
    if after != leaders_part(before):
        actions += [EmitEvent(one) for one in events(metadata, before, after, observed, figures)]
        actions.append(ApplyStatus(after))
    return actions


def _figures(before: Status, after: Status, observed: Observed) -> ReportedStatus:
    """Return the status fields from reports, updated from the pods' termination messages if these are newer.

    After the end they are no longer updated: the job controller stops tracking its pods, so another user's pod could
    pass for one of them.
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
