"""The plan of a TrainingJob: the actions from its observed state to the desired state."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from epochal_api.kind import Metadata
from epochal_api.status import ReportedStatus, Status
from epochal_api.trainingjob import InvalidTrainingJob, TrainingJob

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
    job_changes,
    storage_endpoint,
    matches_user_spec,
    mutable_changes,
)
from epochal_operator.trainingjob.job.observed import Observed, could_create_pods, is_terminating
from epochal_operator.trainingjob.job.spec_changes import (
    compare_spec,
    delete_job,
    is_changed_too_late,
    must_replace_job,
    patch_job,
    removal_action,
    has_trained,
    block_if_spec_lost,
)
from epochal_operator.trainingjob.pod.failures import job_end, last_report
from epochal_operator.trainingjob.progress.reported_status import final_status, reported_status
from epochal_operator.trainingjob.reasons import Reason, StatusCause
from epochal_operator.trainingjob.resources import PROGRESS_MANAGER
from epochal_operator.trainingjob.status.events import events, plain_http_events, spec_changed_event
from epochal_operator.trainingjob.status.predicates import is_finished, is_spec_ignored
from epochal_operator.trainingjob.status.requeue import requeue_seconds, start_delay, remaining_ttl
from epochal_operator.trainingjob.status.status import status_of_invalid_spec, leader_fields, refused_status, reported_fields, status, with_exported_condition

Action = ChildAction | EmitEvent | ApplyStatus[Status] | ApplyStatus[ReportedStatus] | DeleteSelf
Plan = AnyPlan[Action]
"""The plan of a TrainingJob. An action that changes the Job is the last one: its result decides the next plan."""

_NO_MUTABLE_FIELDS = MutableFields()
_INVALID_SPEC_REMEDY = (
    "It has begun by other rules, so its spec cannot change any more, and its Job is gone: it waits for a version of "
    "Epochal that takes its spec. Or create a new TrainingJob, whose spec.training.continueFrom.uri is "
    "status.results.uri of this one."
)
_SUSPENDED_IN_QUEUE = "is suspended, and gives back its place in the queue"


def plan(job: TrainingJob, observed: Observed, installation: Installation) -> Plan:
    """Return the plan for a TrainingJob."""
    before = job.status or Status()
    if job.metadata.deletion_timestamp is not None:
        return Plan()
    step = None
    if not is_finished(before):
        observed = block_if_spec_lost(before, observed)
        try:
            step = _child_action(job, observed, installation)
            observed = compare_spec(job, observed, installation)
        except NoStorageEndpoint as error:
            step, observed = None, replace(observed, blocked=StatusCause(Reason.NO_STORAGE_ENDPOINT, str(error)))
        except InvalidTrainingJob as error:
            spec = job.spec
            mutable = MutableFields(spec.suspend, spec.active_deadline_seconds, spec.ttl_seconds_after_finished)
            return refuse(job.metadata, before, str(error), observed, mutable)
        if step is not None and observed.continued_from in {None, before.continued_from}:
            return Plan((step,))
    after = status(job, observed)
    if step is None and (left := start_delay(before, after, observed)) is not None:
        return Plan(requeue_after=min(left, requeue_seconds(observed, after) or left))
    todo = _status_plan(job.metadata, before, after, observed, job.spec.ttl_seconds_after_finished)
    if step is not None:  # Save the predecessor's results first: it may be deleted at any time.
        return Plan((*todo.actions, step))
    told = map(EmitEvent, plain_http_events(before, after, storage_endpoint(job, installation)))
    return replace(todo, actions=(*told, *todo.actions))


def refuse(
    metadata: Metadata, before: Status, message: str, observed: Observed, mutable: MutableFields = _NO_MUTABLE_FIELDS
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
    stays = has_trained(before, observed) or (could_create_pods(observed) and metadata.generation <= 1)
    observed = block_if_spec_lost(before, observed)
    if child is not None and stays:
        if step := _mutable_fields_action(before, observed, child, mutable):
            return Plan((step,))
        if is_changed_too_late(metadata, before):
            observed = replace(observed, spec_ignored=True)
        after = status_of_invalid_spec(metadata, before, observed, suspend=mutable.suspend)
    elif child is None and before.start_time is not None:
        if not is_spec_ignored(before):  # A version that accepts the spec creates another Job.
            observed = replace(observed, blocked=StatusCause(Reason.INVALID_SPEC, f"{message}\n{_INVALID_SPEC_REMEDY}"))
        after = status_of_invalid_spec(metadata, before, observed, suspend=mutable.suspend)
    elif child is not None and not observed.is_held and (step := removal_action(child, observed)):
        return Plan((step,))
    else:
        after = refused_status(metadata, before, message, observed.now)
    return _status_plan(metadata, before, after, observed, mutable.ttl_seconds_after_finished)


def _status_plan(metadata: Metadata, before: Status, after: Status, observed: Observed, ttl: int | None) -> Plan:
    """Return the remaining plan, without changes of the Job: the status, the Events and the deletion after the TTL."""
    figures = _reported_fields(before, after, observed)
    if not is_finished(before):
        after = after.model_copy(update={"warned": [one.reason for one in figures.warnings or ()] or None})
        after = with_exported_condition(metadata.generation, before, after, observed.now, figures)
    actions = _status_actions(metadata, before, after, figures, observed)
    if not actions and (left := remaining_ttl(ttl, after, observed.now)) is not None:
        return Plan((DeleteSelf(),)) if left <= 0 else Plan(requeue_after=left)
    return Plan(tuple(actions), None if _has_ended(after) else requeue_seconds(observed, after))


def _child_action(job: TrainingJob, observed: Observed, installation: Installation) -> Action | None:
    """Return the next action to bring the Job to its desired state, or None if there is none."""
    child = observed.child
    if child is None:
        # Build it even if it is blocked, so that an invalid spec is refused first.
        body = batch_job(job, installation, observed.continued_from.uri if observed.continued_from else None)
        # Two trainers must never write to one results folder: the pods of a deleted Job must end first.
        return None if observed.blocked or observed.orphans or _needs_no_job(job) else CreateChild(JOBS, body)
    if is_terminating(child) or job_end(child, observed.pods) or observed.is_held:
        return None
    if must_replace_job(job, observed, installation):
        step = removal_action(child, observed)
        changed = not matches_user_spec(job, child)
        return replace(step, event=spec_changed_event(job.metadata)) if isinstance(step, DeleteChild) and changed else step
    if _needs_no_job(job):
        return delete_job(child, _SUSPENDED_IN_QUEUE)
    spec = job_changes(job, child)
    return patch_job(child, spec) if spec else None


def _mutable_fields_action(
    before: Status, observed: Observed, child: Mapping[str, Any], mutable: MutableFields
) -> Action | None:
    """Return the next action to apply the mutable fields to a Job, although the rest of the spec is invalid."""
    if is_terminating(child) or job_end(child, observed.pods) or observed.is_held:
        return None
    # Delete the Job only if the status records the start. Without the Job, no other record exists.
    if mutable.suspend and before.start_time is not None and QUEUE_LABEL in child["metadata"].get("labels", {}):
        return delete_job(child, _SUSPENDED_IN_QUEUE)
    spec = mutable_changes(mutable, child)
    return patch_job(child, spec) if spec else None


def _needs_no_job(job: TrainingJob) -> bool:
    """Return whether a TrainingJob must have no Job: Kueue resumes a suspended Job that it admits."""
    return job.spec.suspend and job.spec.scheduling.queue_name is not None


def _status_actions(
    metadata: Metadata, before: Status, after: Status, figures: ReportedStatus, observed: Observed
) -> list[Action]:
    """Return the writes: figures before the status, so that Complete implies final figures; Events before status."""
    actions: list[Action] = []
    if figures != reported_fields(before):
        actions.append(ApplyStatus(figures, PROGRESS_MANAGER))
    if after != leader_fields(before):
        actions += [EmitEvent(one) for one in events(metadata, before, after, observed, figures)]
        actions.append(ApplyStatus(after))
    return actions


def _reported_fields(before: Status, after: Status, observed: Observed) -> ReportedStatus:
    """Return the status fields from reports, updated from the pods' termination messages if these are newer.

    After the end they are no longer updated: the job controller stops tracking its pods, so another user's pod could
    pass for one of them.
    """
    figures = reported_fields(before)
    found = None if is_finished(before) else last_report(observed.pods)
    known = (before.progress.attempt, before.progress.sequence) if before.progress else (0, 0)
    if found is not None and found[0].order > known:
        report, time = found
        figures = reported_status(report, datetime.fromisoformat(time) if time else observed.now, figures)
    return final_status(figures) if _has_ended(after) else figures


def _has_ended(after: Status) -> bool:
    return is_true(after.conditions, "Complete") or is_true(after.conditions, "Failed")
