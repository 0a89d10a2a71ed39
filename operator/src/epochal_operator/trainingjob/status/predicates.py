"""Whether a TrainingJob has ended, was refused, or trains with an older spec, according to its status."""

from epochal_api.condition import Condition
from epochal_api.trainingjob.status import SPEC_APPLIED, Status

from epochal_operator.runtime.conditions import get_condition, is_true
from epochal_operator.trainingjob.reasons import Reason


def is_finished(status: Status) -> bool:
    """Return whether a TrainingJob has ended permanently.

    A refused TrainingJob has not, although its condition `Finished` is True: its spec may change, or another version of
    Epochal may accept it.
    """
    return end_condition(status) is not None and not is_refused(status)


def is_refused(status: Status) -> bool:
    """Return whether the spec of a TrainingJob was refused before one of its containers had run."""
    end = end_condition(status)
    return end is not None and end.reason in _REFUSALS and status.start_time is None


_REFUSALS = frozenset({Reason.INVALID_SPEC, Reason.INVALID_NETWORK})
"""Reasons of a refusal. A trainer fails with the second one too, but its TrainingJob has a start time."""


def is_spec_ignored(status: Status) -> bool:
    """Return whether a TrainingJob trains with an older spec, because its spec was changed too late."""
    applied = get_condition(status.conditions, SPEC_APPLIED)
    return applied is not None and applied.status == "False"


def end_condition(status: Status) -> Condition | None:
    """Return the condition (Complete or Failed) of an ended or refused TrainingJob, or None."""
    kinds = (kind for kind in ("Complete", "Failed") if is_true(status.conditions, kind))
    return get_condition(status.conditions, next(kinds, ""))
