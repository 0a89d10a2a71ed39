"""The leader's part of a TrainingJob's status, derived from the TrainingJob and its children."""

from datetime import datetime

from epochal_api.condition import Condition, timestamp
from epochal_api.kind import Metadata
from epochal_api.status import CONDITIONS, ReportedStatus, Status
from epochal_api.trainingjob import TrainingJob

from epochal_operator.runtime.conditions import FINISHED, get_condition, is_true, with_finished
from epochal_operator.trainingjob.children import Observed, first_run, unstarted
from epochal_operator.trainingjob.conditions import conditions
from epochal_operator.trainingjob.phase import Desired, Phase, phase
from epochal_operator.trainingjob.pods import started
from epochal_operator.trainingjob.reasons import Reason, StatusCause


def finished(status: Status) -> bool:
    """Returns whether a TrainingJob has ended for good.

    One whose spec was refused has not: that may change, or another version of Epochal may know what this one does not.

    Args:
        status: Its status.
    """
    return _end(status) is not None and not is_refused(status)


def is_refused(status: Status) -> bool:
    """Returns whether the spec of a TrainingJob was refused before a container of it had run.

    Args:
        status: Its status.
    """
    end = _end(status)
    return end is not None and end.reason == Reason.INVALID_SPEC and status.start_time is None


def status(job: TrainingJob, observed: Observed) -> Status:
    """Returns the leader's part of the status.

    Args:
        job: The TrainingJob with its status so far.
        observed: Its children.

    Returns:
        All fields but those that come from reports. It depends on the status so far in six ways: what has finished
        stays as it is, so does the state while the end of the last pod becomes that of its Job, the first start, the
        attempts, what it goes on from and which pods never ran are remembered, and a condition keeps the time of its
        change.
    """
    spec = job.spec
    desired = Desired(
        spec.suspend,
        queued=spec.scheduling.queue_name is not None,
        own_image=spec.image is not None,
        scheduler=spec.scheduling.scheduler_name,
    )
    return _derived(job.metadata, job.status or Status(), desired, spec.resources.gpus, observed)


def begun(metadata: Metadata, before: Status, observed: Observed, *, suspend: bool) -> Status:
    """Returns the leader's part of the status of a TrainingJob that breaks the API's rules, but began by earlier ones.

    Args:
        metadata: Its metadata.
        before: Its status so far.
        observed: Its children. A Job goes on as it is; if there is none, what blocks it says why.
        suspend: Whether it is to wait: the Job, or else the TrainingJob.
    """
    return _derived(metadata, before, Desired(suspend), before.gpus, observed)


def _derived(metadata: Metadata, before: Status, desired: Desired, gpus: int | None, observed: Observed) -> Status:
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
    if now.completion_time is not None:  # Whether or not it ever ran a container: what is over does not change.
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
        continued_from=observed.continued_from or before.continued_from,
        unstarted=None if start else unstarted(before, observed),
    )


def _reported(before: Status, now: datetime) -> str | None:
    """Returns when a trainer reported that nothing else is seen of, or None if none has."""
    return (before.progress.last_report_time or timestamp(now)) if before.progress else None


def refused(metadata: Metadata, before: Status, message: str, now: datetime) -> Status:
    """Returns the leader's part of the status of a TrainingJob that breaks the API's rules.

    Args:
        metadata: Its metadata.
        before: Its status so far.
        message: What must hold, naming the field.
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
    """Returns a status without what comes from reports, and of the conditions the leader's own."""
    fields = {name: getattr(whole, name) for name in Status.model_fields if name not in ReportedStatus.model_fields}
    own = [one for kind in CONDITIONS if (one := get_condition(whole.conditions, kind))]
    return Status(**fields | {"conditions": own or None})


def reports_part(whole: Status) -> ReportedStatus:
    """Returns of a status what comes from reports."""
    return ReportedStatus(**{name: getattr(whole, name) for name in ReportedStatus.model_fields})


def _end(of: Status) -> Condition | None:
    """Returns the condition that says how a TrainingJob ended, or that its spec was refused, if one does."""
    kinds = (kind for kind in ("Complete", "Failed") if is_true(of.conditions, kind))
    return get_condition(of.conditions, next(kinds, ""))


def _settled(before: Status, generation: int) -> Status:
    """Returns what is over as it is, seen at this generation: the fields that may still change do not change it."""
    part = leaders_part(before)
    seen = [one.model_copy(update={"observed_generation": generation}) for one in part.conditions or []]
    if get_condition(seen, FINISHED) is None:  # It ended by a version that did not say so in one condition.
        seen = with_finished(seen)
    return part.model_copy(update={"observed_generation": generation, "conditions": seen})
