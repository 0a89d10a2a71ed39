"""Whether a TrainingJob has ended, failed before its start, or trains with an older spec, according to its status."""

from epochal_api.condition import Condition
from epochal_api.trainingjob.status import SPEC_APPLIED, Status

from epochal_operator.runtime.conditions import get_condition, is_true
from epochal_operator.trainingjob.reasons import Reason


def is_finished(status: Status) -> bool:
    """Return whether a TrainingJob has ended permanently.

    A TrainingJob that failed before its start has not ended permanently, although its condition `Finished` is True: its
    spec may change, or another version of Epochal may accept the spec.
    """
    return end_condition(status) is not None and not failed_before_start(status)


def failed_before_start(status: Status) -> bool:
    """Return whether a TrainingJob failed because of its spec or network before one of its containers had run."""
    end = end_condition(status)
    return end is not None and end.reason in _INVALID and status.start_time is None


_INVALID = frozenset({Reason.INVALID_SPEC, Reason.INVALID_NETWORK})
"""Reasons of an invalid spec or network. A trainer fails with InvalidNetwork too, but then a start time exists."""


def is_spec_ignored(status: Status) -> bool:
    """Return whether a TrainingJob trains with an older spec, because its spec was changed too late."""
    applied = get_condition(status.conditions, SPEC_APPLIED)
    return applied is not None and applied.status == "False"


def end_condition(status: Status) -> Condition | None:
    """Return the condition Complete or Failed if it is True, also after a failure before the start, or None."""
    kinds = (kind for kind in ("Complete", "Failed") if is_true(status.conditions, kind))
    return get_condition(status.conditions, next(kinds, ""))
