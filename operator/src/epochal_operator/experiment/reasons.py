"""Every reason that a condition or an Event of an Experiment may have, and what follows from it: the only such table.

docs/reasons.md says for people what each means.
"""

from enum import StrEnum
from typing import NamedTuple, Self

from epochal_operator.runtime.reasons import EventType, Fault, StatusCause

__all__ = ["Effect", "Reason", "StatusCause", "effect"]


class Effect(NamedTuple):
    """What follows from a reason.

    Args:
        event: Type of the Event that tells of it; None if none does.
        ready: Whether an Experiment is Ready with it: whether nothing but time has to change.
        fault: Whose fault it mostly is, by which alerts go; None if nothing went wrong.
        stalls: Whether it holds an Experiment up until somebody acts.
        look_again_seconds: How soon to look again at what nobody tells the end of; None if somebody does.
    """

    event: EventType | None = "Warning"
    ready: bool = False
    fault: Fault | None = "User"
    stalls: bool = False
    look_again_seconds: float | None = None


_SILENT = Effect(event=None, fault=None)
_GOES_ON = Effect(event=None, ready=True, fault=None)
_TOLD = Effect(event="Normal", ready=True, fault=None)
_STALLS = Effect(stalls=True)


class Reason(StrEnum):
    """A reason that is Epochal's own, with its effect."""

    effect: Effect

    def __new__(cls, word: str, effect: Effect = Effect()) -> Self:  # noqa: B008 - it never changes
        """Returns the member of this word."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.effect = effect
        return member

    # Of Ready: every Experiment comes through these.
    QUEUED = "Queued", _GOES_ON
    RUNNING = "Running", _GOES_ON
    FINISHING = "Finishing", _TOLD
    SUSPENDING = "Suspending", _GOES_ON
    SUSPENDED = "Suspended", _TOLD

    # Of Ready and Complete: how it has ended well.
    COMPLETED = "Completed", _TOLD
    TARGET_REACHED = "TargetReached", _TOLD
    FINISHED_EARLY = "FinishedEarly", _TOLD
    SEARCH_EXHAUSTED = "SearchExhausted", _TOLD
    LEDGER_FULL = "LedgerFull", Effect(ready=True, fault=None)

    # Of Ready and Failed.
    INVALID_SPEC = "InvalidSpec", _STALLS
    TOO_MANY_FAILED_TRIALS = "TooManyFailedTrials", _STALLS
    ALL_TRIALS_DIVERGED = "AllTrialsDiverged", _STALLS
    DEADLINE_EXCEEDED = "DeadlineExceeded", _STALLS

    # Of Ready: what is in the way of its trials.
    TRIALS_NOT_READY = "TrialsNotReady", Effect(event=None, fault=None)
    TRIALS_REFUSED = "TrialsRefused", Effect(look_again_seconds=30)
    NAME_CONFLICT = "NameConflict", Effect(look_again_seconds=30)
    CLEANUP = "Cleanup", _SILENT._replace(look_again_seconds=1)
    FIELD_CONFLICT = "FieldConflict", Effect(stalls=True, fault="Cluster")
    LEDGER_REFUSED = "LedgerRefused", Effect(stalls=True, look_again_seconds=60)
    WARM_START_NOT_FOUND = "WarmStartNotFound", Effect(look_again_seconds=30)
    WARM_START_MISMATCH = "WarmStartMismatch", Effect(stalls=True, look_again_seconds=30)
    SEARCH_FAILED = "SearchFailed", Effect(fault="Crash", look_again_seconds=30)

    # Of conditions that do not hold.
    PROGRESSING = "Progressing", _SILENT
    ACTIVE = "Active", _SILENT
    UNFINISHED = "Unfinished", _SILENT

    # Of Events alone.
    NEW_BEST = "NewBest", _TOLD
    RESUMED = "Resumed", _TOLD
    LEDGER_IGNORED = "LedgerIgnored"
    TRIAL_REJECTED = "TrialRejected"
    REPORT_FAILED = "ReportFailed"
    LEDGER_DAMAGED = "LedgerDamaged"


def effect(word: str) -> Effect:
    """Returns what follows from a reason; of what is not Epochal's, no more than that it is told of."""
    try:
        return Reason(word).effect
    except ValueError:
        return Effect(fault="Cluster")
