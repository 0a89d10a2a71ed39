"""The status fields of a TrainingJob that the leader owns, derived from the TrainingJob and its children."""

from datetime import datetime

from epochal_api.condition import Condition, timestamp
from epochal_api.kind import Metadata
from epochal_api.status import CONDITIONS, ContinuedFrom, ReportedStatus, Status
from epochal_api.trainingjob import TrainingJob

from epochal_operator.runtime.conditions import get_condition, is_true
from epochal_operator.trainingjob.children import Observed, first_run, unstarted
from epochal_operator.trainingjob.conditions import conditions, is_spec_ignored
from epochal_operator.trainingjob.phase import Desired, Phase, phase
from epochal_operator.trainingjob.pods import started
from epochal_operator.trainingjob.reasons import Reason, StatusCause


def finished(status: Status) -> bool:
    """Return whether a TrainingJob has ended permanently.

    A refused TrainingJob has not: its spec may change, or another version of Epochal may accept it.

    Args:
        status: Status of the TrainingJob.
    """
    return _end(status) is not None and not is_refused(status)


def is_refused(status: Status) -> bool:
    """Return whether the spec of a TrainingJob was refused before one of its containers had run.

    Args:
        status: Status of the TrainingJob.
    """
    end = _end(status)
    return end is not None and end.reason == Reason.INVALID_SPEC and status.start_time is None


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
    end = _end(before)
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


def _end(of: Status) -> Condition | None:
    """Return the condition (Complete or Failed) of an ended or refused TrainingJob, or None."""
    kinds = (kind for kind in ("Complete", "Failed") if is_true(of.conditions, kind))
    return get_condition(of.conditions, next(kinds, ""))


def _settled(before: Status, generation: int) -> Status:
    """Return a finished status for a new generation: the mutable fields do not change it."""
    part = leaders_part(before)
    seen = [one.model_copy(update={"observed_generation": generation}) for one in part.conditions or []]
    return part.model_copy(update={"observed_generation": generation, "conditions": seen})
