"""The plan of a TrainingJob: the actions from its observed state to the desired state."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from epochal_api.kind import Metadata
from epochal_api.read_status import read_status
from epochal_api.trainingjob.spec import InvalidTrainingJob, TrainingJob
from epochal_api.trainingjob.status import ReportedStatus, Status

from epochal_operator.pods.installation import Installation
from epochal_operator.pods.mutable_fields import MutableFields
from epochal_operator.runtime.actions import ApplyStatus, ChildAction, CreateChild, DeleteChild, DeleteSelf, EmitEvent
from epochal_operator.runtime.actions import Plan as AnyPlan
from epochal_operator.runtime.api.resource import JOBS
from epochal_operator.trainingjob.job.batch_job import (
    NoStorageEndpoint,
    batch_job,
    job_changes,
    matches_user_spec,
    mutable_changes,
)
from epochal_operator.trainingjob.job.catalogue_check import require_known_objects, unknown_objects
from epochal_operator.trainingjob.job.observed import Observed, could_create_pods, is_terminating
from epochal_operator.trainingjob.job.spec_changes import (
    block_if_spec_lost,
    compare_spec,
    delete_job,
    has_run_container,
    is_changed_too_late,
    is_start_unrecorded,
    must_leave_queue,
    must_replace_job,
    patch_job,
    removal_action,
)
from epochal_operator.trainingjob.pod.failures import job_end, last_report
from epochal_operator.trainingjob.progress.reported_status import final_status, reported_status
from epochal_operator.trainingjob.reasons import Reason, StatusCause
from epochal_operator.trainingjob.resources import PROGRESS_MANAGER
from epochal_operator.trainingjob.status.events import (
    events,
    spec_changed_event,
    unknown_objects_events,
)
from epochal_operator.trainingjob.status.predicates import end_condition, is_finished, is_spec_ignored
from epochal_operator.trainingjob.status.requeue import end_delay, remaining_ttl, requeue_seconds, start_delay
from epochal_operator.trainingjob.status.status import (
    derive_status,
    leader_fields,
    reported_fields,
    status_of_refused_spec,
    status_of_started_invalid_spec,
    with_exported_condition,
)

Action = ChildAction | EmitEvent | ApplyStatus[Status] | ApplyStatus[ReportedStatus] | DeleteSelf
Plan = AnyPlan[Action]
"""The plan of a TrainingJob. An action on the Job is the last action, since its result decides the next plan."""

_NO_MUTABLE_FIELDS = MutableFields()
_INVALID_SPEC_REMEDY = (
    "The Job no longer exists. The TrainingJob started with another version of Epochal, so its spec cannot change. "
    "Install a version of Epochal that accepts the spec, or create a new TrainingJob with "
    "spec.training.continueFrom.uri set to status.results.uri of this TrainingJob."
)
_SUSPENDED_IN_QUEUE = "is suspended, so it releases its queue slot"


def make_plan(training_job: TrainingJob, observed: Observed, installation: Installation) -> Plan:
    """Return the plan for a TrainingJob."""
    before = training_job.status or Status()
    if training_job.metadata.deletion_timestamp is not None:
        return Plan()
    action = None
    if not is_finished(before):
        observed = block_if_spec_lost(before, observed)
        try:
            observed = compare_spec(training_job, observed, installation)
            action = _child_action(training_job, observed, installation)
        except NoStorageEndpoint as error:
            observed = replace(observed, blocked=StatusCause(Reason.NO_STORAGE_ENDPOINT, str(error)))
        except InvalidTrainingJob as error:
            return plan_for_invalid_spec(
                training_job.metadata, before, str(error), observed, _mutable_fields(training_job)
            )
        results_are_saved = observed.continued_from in {None, before.continued_from}
        if action is not None and results_are_saved:
            return Plan((action,))
    after = derive_status(training_job, observed)
    delay = start_delay(before, after, observed) or end_delay(before, after, observed)
    if action is None and delay is not None:
        return Plan(requeue_after=min(delay, requeue_seconds(observed, after) or delay))
    remaining = _status_plan(training_job.metadata, before, after, observed, _mutable_fields(training_job))
    if action is not None:  # Save the predecessor's results in the status first: it may be deleted at any time.
        return Plan((*remaining.actions, action))
    is_new = after.job_name and not before.job_name
    new_job_events = unknown_objects_events(training_job.metadata, unknown_objects(training_job)) if is_new else ()
    return replace(remaining, actions=(*map(EmitEvent, new_job_events), *remaining.actions))


def creates_job(plan: Plan) -> bool:
    """Return whether a plan creates a Job."""
    return any(isinstance(action, CreateChild) for action in plan.actions)


def refuse_network(document: Mapping[str, Any], message: str, observed: Observed) -> Plan:
    """Return the plan for a valid TrainingJob without a Job, if Keras refuses its network."""
    metadata, before = Metadata.model_validate(document["metadata"]), read_status(Status, document.get("status"))
    after = status_of_refused_spec(metadata, before, message, observed.now, Reason.INVALID_NETWORK)
    return _status_plan(metadata, before, after, observed, MutableFields.read(document["spec"]))


def plan_for_invalid_spec(
    metadata: Metadata, before: Status, message: str, observed: Observed, mutable: MutableFields = _NO_MUTABLE_FIELDS
) -> Plan:
    """Return the plan for a TrainingJob with an invalid spec. A Job of an earlier, valid spec may exist.

    - A Job that has run a container continues, and gets only the mutable fields of the spec. So does a Job that has
      started if the spec was never changed: the version of Epochal that created the Job accepted this spec.
    - A TrainingJob that has started, but has no Job, does not fail. It waits, and its condition Ready has the reason
      InvalidSpec or SpecLost.
    - Any other TrainingJob fails with InvalidSpec. Before that, the removal of its Job begins: see `removal_action`. It
      still trains later if its spec becomes valid.
    """
    job = observed.job
    if metadata.deletion_timestamp is not None:
        return Plan()
    # A started Job continues under the rules of its start. An unchanged spec is valid for the version that started it.
    continues = has_run_container(before, observed) or (could_create_pods(observed) and metadata.generation <= 1)
    observed = block_if_spec_lost(before, observed)
    if job is not None and continues:
        if action := _mutable_fields_action(before, observed, job, mutable):
            return Plan((action,))
        if is_changed_too_late(metadata, before):
            observed = replace(observed, spec_ignored=True)
        after = status_of_started_invalid_spec(metadata, before, observed, suspend=mutable.suspend)
    elif job is None and before.start_time is not None:
        if not is_spec_ignored(before):  # A version that accepts the spec creates another Job.
            observed = replace(observed, blocked=StatusCause(Reason.INVALID_SPEC, f"{message}\n{_INVALID_SPEC_REMEDY}"))
        after = status_of_started_invalid_spec(metadata, before, observed, suspend=mutable.suspend)
    elif job is not None and not observed.in_correction_backoff and (action := removal_action(job, observed)):
        return Plan((action,))
    else:
        after = status_of_refused_spec(metadata, before, message, observed.now)
    return _status_plan(metadata, before, after, observed, mutable)


def _mutable_fields(training_job: TrainingJob) -> MutableFields:
    spec = training_job.spec
    return MutableFields(spec.suspend, spec.active_deadline_seconds, spec.ttl_seconds_after_finished)


def _status_plan(metadata: Metadata, before: Status, after: Status, observed: Observed, mutable: MutableFields) -> Plan:
    """Return the plan without changes of the Job: the status, the Events and the deletion after the TTL."""
    reported = _updated_fields(before, after, observed)
    if not is_finished(before):  # These fields need the reported fields, which in turn need the end in `after`.
        after = after.model_copy(update={"warned": [warning.reason for warning in reported.warnings or ()] or None})
        after = with_exported_condition(metadata.generation, before, after, observed.now, reported)
    actions = _status_actions(metadata, before, after, reported, observed, suspend=mutable.suspend)
    ttl = mutable.ttl_seconds_after_finished
    if not actions and (delay := remaining_ttl(ttl, after, observed.now)) is not None:
        return Plan((DeleteSelf(),)) if delay <= 0 else Plan(requeue_after=delay)
    return Plan(tuple(actions), None if end_condition(after) else requeue_seconds(observed, after))


def _child_action(training_job: TrainingJob, observed: Observed, installation: Installation) -> Action | None:
    job = observed.job
    if job is None:
        require_known_objects(training_job)
        # Build it even if it is blocked, so that an invalid spec is refused first.
        body = batch_job(training_job, installation, observed.continued_from.uri if observed.continued_from else None)
        # Two trainers must never write to one results folder: the pods of a deleted Job must end first.
        # A cluster may put each new Job into a queue, which would start the Job of a suspended TrainingJob.
        return None if observed.blocked or observed.orphans or training_job.spec.suspend else CreateChild(JOBS, body)
    if is_terminating(job) or job_end(job, observed.pods) or observed.in_correction_backoff:
        return None
    if must_replace_job(training_job, observed, installation):
        action = removal_action(job, observed)
        if isinstance(action, DeleteChild) and not matches_user_spec(training_job, job):
            return replace(action, event=spec_changed_event(training_job.metadata))
        return action
    before = training_job.status or Status()
    if training_job.spec.suspend and must_leave_queue(before, observed, job):
        return None if is_start_unrecorded(before, observed) else delete_job(job, _SUSPENDED_IN_QUEUE)
    spec = job_changes(training_job, job)
    return patch_job(job, spec) if spec else None


def _mutable_fields_action(
    before: Status, observed: Observed, job: Mapping[str, Any], mutable: MutableFields
) -> Action | None:
    if is_terminating(job) or job_end(job, observed.pods) or observed.in_correction_backoff:
        return None
    # Without a start, the spec of a deleted Job would be refused. So such a Job is only suspended.
    if mutable.suspend and has_run_container(before, observed) and must_leave_queue(before, observed, job):
        return None if is_start_unrecorded(before, observed) else delete_job(job, _SUSPENDED_IN_QUEUE)
    spec = mutable_changes(mutable, job)
    return patch_job(job, spec) if spec else None


def _status_actions(
    metadata: Metadata,
    before: Status,
    after: Status,
    reported: ReportedStatus,
    observed: Observed,
    *,
    suspend: bool,
) -> list[Action]:
    """Return the Events and status writes. The leader's fields come last, or in one write with the reported fields."""
    known, has_reported = leader_fields(before), reported != reported_fields(before)
    if after == known:
        return [ApplyStatus(reported, PROGRESS_MANAGER)] if has_reported else []
    emitted: list[Action] = [
        EmitEvent(event) for event in events(metadata, before, after, observed, reported, suspend=suspend)
    ]
    if not has_reported:
        return [*emitted, ApplyStatus(after)]
    if is_finished(after) and not _removes_fields(known, after):
        # Two writes would show the end twice in `kubectl get --watch`. So the manager of the reports writes all fields:
        # no report follows, which would remove the leader's fields.
        return [*emitted, ApplyStatus(Status(**dict(after) | dict(reported)), PROGRESS_MANAGER)]
    return [ApplyStatus(reported, PROGRESS_MANAGER), *emitted, ApplyStatus(after)]


def _removes_fields(before: Status, after: Status) -> bool:
    """Return whether `after` lacks a field or condition of `before`, which only the field manager can remove."""
    conditions, kept = ({condition.type for condition in status.conditions or ()} for status in (before, after))
    return not (conditions <= kept and before.dump().keys() <= after.dump().keys())


def _updated_fields(before: Status, after: Status, observed: Observed) -> ReportedStatus:
    """Return the status fields from reports, updated from the pods' termination messages if these are newer.

    After the end of a TrainingJob, these fields stay unchanged: the Job controller no longer tracks its pods, so a user
    could create a pod that looks like one of its pods.
    """
    fields = reported_fields(before)
    latest = None if is_finished(before) else last_report(observed.pods)
    known_order = (before.progress.attempt, before.progress.sequence) if before.progress else (0, 0)
    if latest is not None and latest[0].order > known_order:
        report, time, created = latest
        ended = datetime.fromisoformat(time) if time else observed.now
        fields = reported_status(report, ended, fields, pod_created=created)
    return final_status(fields) if end_condition(after) else fields
