"""The conditions of a TrainingJob."""

from collections.abc import Iterator
from datetime import datetime

from epochal_api.condition import Condition
from epochal_api.status import EXPORTED, SPEC_APPLIED, STORAGE, ReportedStatus, Status

from epochal_operator.runtime.conditions import ConditionStatus, get_condition, make_conditions, with_finished
from epochal_operator.runtime.reasons import clean
from epochal_operator.trainingjob.children import Observed
from epochal_operator.trainingjob.failures import failure
from epochal_operator.trainingjob.phase import Phase
from epochal_operator.trainingjob.pods import running
from epochal_operator.trainingjob.progress_status import reported_since
from epochal_operator.trainingjob.reasons import Reason, StatusCause, as_reason

_Value = tuple[str, ConditionStatus, StatusCause]
"""Type, status and cause of a condition."""


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


def is_spec_ignored(of: Status) -> bool:
    """Return whether a TrainingJob trains with an older spec, because its spec was changed too late.

    Args:
        of: Status of the TrainingJob.
    """
    told = get_condition(of.conditions, SPEC_APPLIED)
    return told is not None and told.status == "False"


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
