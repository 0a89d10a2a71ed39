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
    with_finished,
)
from epochal_operator.runtime.reasons import clean
from epochal_operator.trainingjob.job.observed import Observed, first_run, unstarted
from epochal_operator.trainingjob.pod.failures import failure
from epochal_operator.trainingjob.pod.state import running, started
from epochal_operator.trainingjob.progress.reported_status import reported_since
from epochal_operator.trainingjob.reasons import Reason, StatusCause, as_reason
from epochal_operator.trainingjob.status.phase import Desired, Phase, phase
from epochal_operator.trainingjob.status.predicates import end_condition, finished, is_spec_ignored

_Value = tuple[str, ConditionStatus, StatusCause]
"""Type, status and cause of a condition."""


def status(job: TrainingJob, observed: Observed) -> Status:
    """Return the status fields that the leader owns.

    Args:
        job: The TrainingJob with its previous status.
        observed: The observed children.

    Returns:
        All fields except those from reports. They depend on the previous status in six ways. A finished status is kept.
        The state is kept between the end of the last pod and the end of its Job. The first start time, the attempts,
        the predecessor's results and the pods that never ran are remembered. A condition keeps its transition time.
    """
    spec = job.spec
    desired = Desired(
        spec.suspend,
        queued=spec.scheduling.queue_name is not None,
        own_image=spec.image is not None,
        scheduler=spec.scheduling.scheduler_name,
    )
    source = observed.continued_from or _continued_from(job, observed)
    return _derived(job.metadata, job.status or Status(), desired, spec.resources.gpus, observed, source)


def _continued_from(job: TrainingJob, observed: Observed) -> ContinuedFrom | None:
    """Return the predecessor's results of the previous status, unless the spec was corrected in time."""
    before = job.status or Status()
    known, source = before.continued_from, job.spec.training.continue_from
    if known is None or observed.overtaken or is_spec_ignored(before):
        return known
    return known if source is not None and source.name == known.name else None


def begun(metadata: Metadata, before: Status, observed: Observed, *, suspend: bool) -> Status:
    """Return the leader's status fields of a started TrainingJob with a spec that is now invalid.

    Args:
        metadata: Metadata of the TrainingJob.
        before: The previous status.
        observed: The observed children. A Job continues unchanged. Without a Job, `blocked` contains the cause.
        suspend: Value of spec.suspend.
    """
    source = observed.continued_from or before.continued_from
    return _derived(metadata, before, Desired(suspend), before.gpus, observed, source)


def _derived(  # noqa: PLR0917 - the inputs of the status
    metadata: Metadata,
    before: Status,
    desired: Desired,
    gpus: int | None,
    observed: Observed,
    continued_from: ContinuedFrom | None,
) -> Status:
    generation = metadata.generation
    if finished(before):
        return _settled(before, generation)
    now = phase(desired, before, observed)
    child = observed.child
    begun = (child or {}).get("status", {}).get("startTime")
    start = before.start_time or first_run(before, observed) or _reported(before, observed.now)
    attempt = max(
        before.attempt or 0,
        before.progress.attempt if before.progress else 0,
        sum(map(started, observed.pods)),
        1 if start or begun else 0,
    )
    if now.completion_time is not None:  # Set a start time even if no container ran: a finished status must not change.
        start = start or begun or now.completion_time
    return Status(
        observed_generation=generation,
        state=now.state,
        conditions=conditions(generation, before, observed.now, now, observed),
        start_time=start,
        completion_time=now.completion_time,
        attempt=attempt or None,
        gpus=gpus,
        job_name=child["metadata"]["name"] if child else None,
        continued_from=continued_from,
        unstarted=None if start else unstarted(before, observed),
    )


def _reported(before: Status, now: datetime) -> str | None:
    """Return the time of a trainer's report without any other trace of this trainer, or None."""
    return (before.progress.last_report_time or timestamp(now)) if before.progress else None


def refused(metadata: Metadata, before: Status, message: str, now: datetime) -> Status:
    """Return the leader's status fields of a TrainingJob with a refused spec.

    Args:
        metadata: Metadata of the TrainingJob.
        before: The previous status.
        message: The violated rule, with the field.
        now: The time, with a time zone.
    """
    if finished(before):
        return _settled(before, metadata.generation)
    end = end_condition(before)
    since = before.completion_time if end and end.observed_generation == metadata.generation else None
    cause = StatusCause(Reason.INVALID_SPEC, message)
    failed = Phase("Failed", cause, stalled=True, completion_time=since or timestamp(now))
    return Status(
        observed_generation=metadata.generation,
        state=failed.state,
        conditions=conditions(metadata.generation, before, now, failed),
        start_time=before.start_time,
        completion_time=failed.completion_time,
        attempt=before.attempt,
        gpus=before.gpus,
        continued_from=before.continued_from,
        unstarted=before.unstarted,
    )


def leaders_part(whole: Status) -> Status:
    """Return a status without the fields from reports, and with the leader's own conditions only."""
    fields = {name: getattr(whole, name) for name in Status.model_fields if name not in ReportedStatus.model_fields}
    own = [one for kind in CONDITIONS if (one := get_condition(whole.conditions, kind))]
    return Status(**fields | {"conditions": own or None})


def reports_part(whole: Status) -> ReportedStatus:
    """Return the status fields from reports."""
    return ReportedStatus(**{name: getattr(whole, name) for name in ReportedStatus.model_fields})


def _settled(before: Status, generation: int) -> Status:
    """Return a finished status for a new generation: the mutable fields do not change it."""
    part = leaders_part(before)
    seen = [one.model_copy(update={"observed_generation": generation}) for one in part.conditions or []]
    return part.model_copy(update={"observed_generation": generation, "conditions": seen})


def conditions(
    generation: int, before: Status, now: datetime, phase: Phase, observed: Observed | None = None
) -> list[Condition]:
    """Return the conditions of a TrainingJob.

    Args:
        generation: Generation of the spec.
        before: The previous status: a condition keeps its transition time while its status is unchanged.
        now: The time, with a time zone.
        phase: The phase of the TrainingJob.
        observed: The observed children, for the conditions StorageAvailable and SpecApplied; None for a TrainingJob
            that was refused.
    """
    values = [*_of_phase(phase)]
    if observed is not None:
        values += [*_storage(before, observed, phase), *_applied(before, observed)]
    return with_finished(make_conditions(values, before.conditions, generation=generation, now=now))


def with_exported(generation: int, before: Status, after: Status, now: datetime, figures: ReportedStatus) -> Status:
    """Return a status with the condition Exported, once the trainer has reported the result of the model exports.

    Args:
        generation: Generation of the spec.
        before: The previous status.
        after: The new status.
        now: The time, with a time zone.
        figures: The status fields from progress reports, of which the last one may come with the end of the training.
    """
    told = figures.results.export if figures.results else None
    if told is None:
        return after
    cause = StatusCause(as_reason(told.reason), told.message)
    value: _Value = EXPORTED, "True" if cause.reason == Reason.EXPORTED else "False", cause
    made = make_conditions([value], before.conditions, generation=generation, now=now)
    return after.model_copy(update={"conditions": [*(after.conditions or ()), *made]})


def _of_phase(phase: Phase) -> Iterator[_Value]:
    suspended = StatusCause(Reason.SUSPENDED, "spec.suspend is true.")
    yield "Ready", "True" if phase.ready else "False", phase.cause
    yield _one("Stalled", phase.cause if phase.stalled else None, Reason.PROGRESSING)
    yield _one("Suspended", suspended if phase.state == "Suspended" else None, Reason.ACTIVE)
    yield _one("Complete", phase.cause if phase.state == "Complete" else None, Reason.UNFINISHED)
    yield _one("Failed", phase.cause if phase.state == "Failed" else None, Reason.UNFINISHED)


def _applied(before: Status, observed: Observed) -> Iterator[_Value]:
    """Yield the condition SpecApplied, only after a change of the spec came too late."""
    if observed.overtaken or (observed.overtaken is None and is_spec_ignored(before)):
        yield SPEC_APPLIED, "False", StatusCause(Reason.SPEC_IGNORED, _TOO_LATE)
    elif get_condition(before.conditions, SPEC_APPLIED) is not None:
        yield SPEC_APPLIED, "True", StatusCause(Reason.APPLIED, "It is trained as its spec is now.")


_TOO_LATE = (
    "The spec was changed too late: a container of its Job had started by then, and the training goes on as it began. "
    "If the change matters, create a new TrainingJob; with spec.training.continueFrom it goes on from this one."
)


def _one(kind: str, cause: StatusCause | None, otherwise: Reason) -> _Value:
    """Return a condition that is True with a cause, or False without one."""
    return (kind, "False", StatusCause(otherwise, "")) if cause is None else (kind, "True", cause)


def _storage(before: Status, observed: Observed, phase: Phase) -> Iterator[_Value]:
    """Yield the condition StorageAvailable, only after the trainer has waited for its storage."""
    waiting_for = before.progress.waiting if before.progress else None
    was = get_condition(before.conditions, STORAGE)
    if waiting_for is None and was is None:
        return
    since = next((since for since in map(running, observed.pods) if since is not None), None)
    gave_up = failure(observed.pods[-1]) if observed.pods else None
    # A trainer's termination message describes the storage only if the storage caused its failure.
    goes_on = waiting_for is None and (since is not None or (was is not None and was.status == "True"))
    if gave_up is not None and gave_up.reason in _WAITED_FOR:
        yield STORAGE, "False", gave_up
    elif goes_on or phase.state == "Complete":
        yield STORAGE, "True", StatusCause(Reason.AVAILABLE, "The storage does what the trainer asks of it.")
    elif waiting_for is not None and since is not None and reported_since(before, since):
        yield STORAGE, "False", StatusCause(as_reason(waiting_for.reason), clean(waiting_for.message))
    else:
        message = "The trainer that waited for the storage does not run any more."
        yield STORAGE, "Unknown", StatusCause(Reason.NOT_ASKED, message)


_WAITED_FOR = frozenset(
    {Reason.ENDPOINT_UNREACHABLE, Reason.RESULTS_NOT_WRITABLE, Reason.INVALID_CERTIFICATE_AUTHORITY}
)
"""Reasons with which a trainer fails after it has waited too long for its storage."""
