"""The status fields of a TrainingJob that the leader owns, and its conditions."""

from collections.abc import Iterator
from datetime import datetime

from epochal_api.condition import Condition, timestamp
from epochal_api.kind import Metadata
from epochal_api.trainingjob.spec import TrainingJob
from epochal_api.trainingjob.status import (
    CONDITIONS,
    EXPORTED,
    SPEC_APPLIED,
    STORAGE,
    ContinuedFrom,
    ReportedStatus,
    Status,
)

from epochal_operator.runtime.conditions import (
    ConditionStatus,
    get_condition,
    make_conditions,
    stays_suspended,
    with_finished,
)
from epochal_operator.runtime.reasons import sanitize_message
from epochal_operator.trainingjob.job.observed import Observed, first_run_time, is_terminating, unstarted_pods
from epochal_operator.trainingjob.job.spec_changes import lost_spec_remedy
from epochal_operator.trainingjob.pod.failures import pod_failure
from epochal_operator.trainingjob.pod.state import container_was_created, live_start_time
from epochal_operator.trainingjob.progress.reported_status import progress_since
from epochal_operator.trainingjob.reasons import Reason, StatusCause, as_reason
from epochal_operator.trainingjob.status.phase import Phase, PhaseInputs, derive_phase
from epochal_operator.trainingjob.status.predicates import end_condition, is_finished, is_spec_ignored

_ConditionValue = tuple[str, ConditionStatus, StatusCause]
"""Type, status and cause of a condition."""


def derive_status(training_job: TrainingJob, observed: Observed) -> Status:
    """Return the status fields that the leader owns.

    Returns:
        All fields except those from reports. They depend on the previous status in six ways. A finished status is kept.
        The state is kept between the end of the last pod and the end of its Job. The first start time, the attempts,
        the predecessor's results and the pods that never ran are remembered. A condition keeps its transition time.
    """
    spec = training_job.spec
    inputs = PhaseInputs(
        spec.suspend,
        own_image=spec.image is not None,
        scheduler=spec.scheduling.scheduler_name,
    )
    results = observed.continued_from or _remembered_results(training_job, observed)
    return _build_status(
        training_job.metadata, training_job.status or Status(), inputs, spec.resources.gpus, observed, results
    )


def _remembered_results(training_job: TrainingJob, observed: Observed) -> ContinuedFrom | None:
    before = training_job.status or Status()
    known, predecessor = before.continued_from, training_job.spec.training.continue_from
    if known is None or observed.spec_ignored or is_spec_ignored(before):
        return known
    return known if predecessor is not None and predecessor.name == known.name else None


def status_of_started_invalid_spec(metadata: Metadata, before: Status, observed: Observed, *, suspend: bool) -> Status:
    """Return the leader's status fields of a started TrainingJob with a spec that is now invalid.

    A Job continues unchanged. Without a Job, `observed.blocked` contains the cause.
    """
    results = observed.continued_from or before.continued_from
    return _build_status(metadata, before, PhaseInputs(suspend), before.gpus, observed, results)


def _build_status(  # noqa: PLR0917 - the inputs of the status
    metadata: Metadata,
    before: Status,
    inputs: PhaseInputs,
    gpus: int | None,
    observed: Observed,
    continued_from: ContinuedFrom | None,
) -> Status:
    generation = metadata.generation
    if is_finished(before):
        return _with_generation(before, generation)
    current_phase = derive_phase(inputs, before, observed)
    job = observed.job
    job_start = (job or {}).get("status", {}).get("startTime")
    start = before.start_time or first_run_time(before, observed)
    if not start and before.progress:  # A report may be the only trace of a trainer.
        start = before.progress.last_report_time or timestamp(observed.now)
    # The trainer counts attempts in its bucket, and the operator counts pods. Either may be behind.
    attempt = max(
        before.attempt or 0,
        before.progress.attempt if before.progress else 0,
        sum(map(container_was_created, observed.pods)),
        1 if start or job_start else 0,
    )
    if current_phase.completion_time is not None:
        # Set a start time even if no container ran: a finished status must not change.
        start = start or job_start or current_phase.completion_time
    return Status(
        observed_generation=generation,
        state=current_phase.state,
        conditions=conditions(generation, before, observed.now, current_phase, observed, suspend=inputs.suspend),
        start_time=start,
        completion_time=current_phase.completion_time,
        attempt=attempt or None,
        gpus=gpus,
        job_name=job["metadata"]["name"] if job else None,
        continued_from=continued_from,
        unstarted=None if start else unstarted_pods(before, observed),
    )


def status_of_refused_spec(
    metadata: Metadata, before: Status, message: str, now: datetime, reason: Reason = Reason.INVALID_SPEC
) -> Status:
    """Return the leader's status fields of a TrainingJob that fails because of its spec or network."""
    if is_finished(before):
        return _with_generation(before, metadata.generation)
    end = end_condition(before)
    since = before.completion_time if end and end.observed_generation == metadata.generation else None
    failed_phase = Phase("Failed", StatusCause(reason, message), stalled=True, completion_time=since or timestamp(now))
    return Status(
        observed_generation=metadata.generation,
        state=failed_phase.state,
        conditions=conditions(metadata.generation, before, now, failed_phase),
        start_time=before.start_time,
        completion_time=failed_phase.completion_time,
        attempt=before.attempt,
        gpus=before.gpus,
        continued_from=before.continued_from,
        unstarted=before.unstarted,
    )


def leader_fields(status: Status) -> Status:
    """Return a status without the fields from reports, and with the leader's own conditions only."""
    fields = {name: getattr(status, name) for name in Status.model_fields if name not in ReportedStatus.model_fields}
    conditions = [condition for kind in CONDITIONS if (condition := get_condition(status.conditions, kind))]
    return Status(**fields | {"conditions": conditions or None})


def reported_fields(status: Status) -> ReportedStatus:
    """Return the status fields from reports."""
    return ReportedStatus(**{name: getattr(status, name) for name in ReportedStatus.model_fields})


def _with_generation(before: Status, generation: int) -> Status:
    """Return the status of a finished TrainingJob, with a new observedGeneration in the status and its conditions."""
    fields = leader_fields(before)
    conditions = [
        condition.model_copy(update={"observed_generation": generation}) for condition in fields.conditions or []
    ]
    return fields.model_copy(update={"observed_generation": generation, "conditions": conditions})


def conditions(
    generation: int,
    before: Status,
    now: datetime,
    phase: Phase,
    observed: Observed | None = None,
    *,
    suspend: bool = False,
) -> list[Condition]:
    """Return all conditions of a TrainingJob. A condition keeps its transition time while its status is unchanged.

    Args:
        generation: Generation of the spec, for `observedGeneration`.
        before: The previous status.
        now: Transition time of the conditions that change.
        phase: The phase of the TrainingJob.
        observed: The observed state; None for a refused spec. Then the result has neither StorageAvailable nor
            SpecApplied, even if `before` has them.
        suspend: spec.suspend, for the condition Suspended.
    """
    is_suspended = phase.completion_time is None and stays_suspended(before.conditions, suspend=suspend)
    values = [*_phase_conditions(phase, is_suspended=is_suspended or phase.state == "Suspended")]
    if observed is not None:
        values += [*_storage_conditions(before, observed, phase), *_spec_applied_conditions(before, observed)]
    return with_finished(make_conditions(values, before.conditions, generation=generation, now=now))


def with_exported_condition(
    generation: int, before: Status, after: Status, now: datetime, reported: ReportedStatus
) -> Status:
    """Return a status with the condition Exported, if the trainer has reported the result of the model exports."""
    export = reported.results.export if reported.results else None
    if export is None:
        return after
    cause = StatusCause(as_reason(export.reason), export.message)
    value: _ConditionValue = EXPORTED, "True" if cause.reason == Reason.EXPORTED else "False", cause
    exported = make_conditions([value], before.conditions, generation=generation, now=now)
    return after.model_copy(update={"conditions": [*(after.conditions or ()), *exported]})


def _phase_conditions(phase: Phase, *, is_suspended: bool) -> Iterator[_ConditionValue]:
    suspended = StatusCause(Reason.SUSPENDED, "spec.suspend is true.")
    yield "Ready", "True" if phase.ready else "False", phase.cause
    yield _condition_value("Stalled", phase.cause if phase.stalled else None, Reason.PROGRESSING)
    yield _condition_value("Suspended", suspended if is_suspended else None, Reason.ACTIVE)
    yield _condition_value("Complete", phase.cause if phase.state == "Complete" else None, Reason.UNFINISHED)
    yield _condition_value("Failed", phase.cause if phase.state == "Failed" else None, Reason.UNFINISHED)


def _spec_applied_conditions(before: Status, observed: Observed) -> Iterator[_ConditionValue]:
    """Yield the condition SpecApplied, if a change of the spec came too late, now or earlier."""
    if observed.spec_ignored or (observed.spec_ignored is None and is_spec_ignored(before)):
        is_lost = observed.job is None or is_terminating(observed.job)
        message = f"{_DELETED_JOB} {lost_spec_remedy(before)}" if is_lost else _ignored_message(observed)
        yield SPEC_APPLIED, "False", StatusCause(Reason.SPEC_IGNORED, message)
    elif get_condition(before.conditions, SPEC_APPLIED) is not None:
        yield SPEC_APPLIED, "True", StatusCause(Reason.APPLIED, "The training uses the current spec.")


def _ignored_message(observed: Observed) -> str:
    fields = ", ".join(f"spec.{field}" for field in observed.ignored_fields) or "The spec"
    return (
        f"{fields} changed too late: a container of the Job had already started, so the training continues with the "
        "earlier spec. To train with the new spec, create a new TrainingJob, which can continue from this TrainingJob "
        "(spec.training.continueFrom)."
    )


_DELETED_JOB = (
    "The spec was changed too late: a container of the deleted Job had already started with the earlier spec."
)


def _condition_value(kind: str, cause: StatusCause | None, otherwise: Reason) -> _ConditionValue:
    return (kind, "False", StatusCause(otherwise, "")) if cause is None else (kind, "True", cause)


def _storage_conditions(before: Status, observed: Observed, phase: Phase) -> Iterator[_ConditionValue]:
    """Yield the condition StorageAvailable, if the trainer waits or has ever waited for its storage."""
    waiting = before.progress.waiting if before.progress else None
    previous = get_condition(before.conditions, STORAGE)
    if waiting is None and previous is None:
        return
    since = next((since for since in map(live_start_time, observed.pods) if since is not None), None)
    failure = pod_failure(observed.pods[-1]) if observed.pods else None
    # A trainer's termination message describes the storage only if the storage caused its failure.
    is_available = waiting is None and (since is not None or (previous is not None and previous.status == "True"))
    if failure is not None and failure.reason in _STORAGE_FAILURES:
        yield STORAGE, "False", failure
    elif is_available or phase.state == "Complete":
        yield STORAGE, "True", StatusCause(Reason.AVAILABLE, "The storage answers the trainer.")
    elif waiting is not None and since is not None and progress_since(before, since):
        yield STORAGE, "False", StatusCause(as_reason(waiting.reason), sanitize_message(waiting.message))
    else:
        message = "The trainer that waited for the storage no longer runs."
        yield STORAGE, "Unknown", StatusCause(Reason.NOT_ASKED, message)


_STORAGE_FAILURES = frozenset(
    {Reason.ENDPOINT_UNREACHABLE, Reason.RESULTS_NOT_WRITABLE, Reason.INVALID_CERTIFICATE_AUTHORITY}
)
"""Reasons with which a trainer fails after it has waited too long for its storage."""
