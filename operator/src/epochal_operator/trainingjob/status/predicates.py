"""Whether a TrainingJob has ended, was refused, or trains with an older spec, according to its status."""

from epochal_api.condition import Condition
from epochal_api.trainingjob.status import SPEC_APPLIED, Status

from epochal_operator.runtime.conditions import get_condition, is_true
from epochal_operator.trainingjob.reasons import Reason


def finished(status: Status) -> bool:
    """Return whether a TrainingJob has ended permanently.

    A refused TrainingJob has not: its spec may change, or another version of Epochal may accept it.

    Args:
        status: Status of the TrainingJob.
    """
    return end_condition(status) is not None and not is_refused(status)


def is_refused(status: Status) -> bool:
    """Return whether the spec of a TrainingJob was refused before one of its containers had run.

    Args:
        status: Status of the TrainingJob.
    """
    end = end_condition(status)
    return end is not None and end.reason == Reason.INVALID_SPEC and status.start_time is None


def is_spec_ignored(of: Status) -> bool:
    """Return whether a TrainingJob trains with an older spec, because its spec was changed too late.

    Args:
        of: Status of the TrainingJob.
    """
    told = get_condition(of.conditions, SPEC_APPLIED)
    return told is not None and told.status == "False"


def end_condition(of: Status) -> Condition | None:
    """Return the condition (Complete or Failed) of an ended or refused TrainingJob, or None."""
    kinds = (kind for kind in ("Complete", "Failed") if is_true(of.conditions, kind))
    return get_condition(of.conditions, next(kinds, ""))
