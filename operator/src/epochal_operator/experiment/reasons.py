"""All reasons of conditions and Events of an Experiment, with their effects. docs/reasons.md describes them."""

from epochal_operator.runtime.owners import ChildReasons
from epochal_operator.runtime.reasons import Effect, OwnReason, StatusCause, effect_of, reason_of

__all__ = ["Effect", "Reason", "StatusCause", "effect"]


_SILENT = Effect(event=None, fault=None)
_READY = Effect(event=None, ready=True, fault=None)
_NORMAL_EVENT = Effect(event="Normal", ready=True, fault=None)
_STALLED = Effect(stalls=True)


class Reason(OwnReason):
    """A reason of an Experiment, with its effect."""

    # Of Ready, in every Experiment.
    QUEUED = "Queued", _READY
    RUNNING = "Running", _READY
    FINISHING = "Finishing", _NORMAL_EVENT
    SUSPENDING = "Suspending", _READY
    SUSPENDED = "Suspended", _NORMAL_EVENT

    # Of Ready and Complete: the Experiment has ended well.
    COMPLETED = "Completed", _NORMAL_EVENT
    TARGET_REACHED = "TargetReached", _NORMAL_EVENT
    FINISHED_EARLY = "FinishedEarly", _NORMAL_EVENT
    SEARCH_EXHAUSTED = "SearchExhausted", _NORMAL_EVENT
    LEDGER_FULL = "LedgerFull", Effect(ready=True, fault=None)

    # Of Ready and Failed.
    INVALID_SPEC = "InvalidSpec", _STALLED
    TOO_MANY_FAILED_TRIALS = "TooManyFailedTrials", _STALLED
    ALL_TRIALS_DIVERGED = "AllTrialsDiverged", _STALLED
    DEADLINE_EXCEEDED = "DeadlineExceeded", _STALLED

    # Of Ready: causes that block its trials.
    TRIALS_NOT_READY = "TrialsNotReady", _SILENT
    TRIALS_STALLED = "TrialsStalled", Effect(event=None, fault=None, stalls=True)
    TRIALS_REFUSED = "TrialsRefused", Effect(requeue_after=30)
    WEBHOOK_FAILED = "WebhookFailed", Effect(fault="Cluster")
    NAME_CONFLICT = "NameConflict", Effect(requeue_after=30)
    CLEANUP = "Cleanup", _SILENT._replace(requeue_after=1)
    FIELD_CONFLICT = "FieldConflict", Effect(stalls=True, fault="Cluster")
    TRIALS_DELETED = "TrialsDeleted", Effect(stalls=True, fault="Cluster")
    LEDGER_REFUSED = "LedgerRefused", Effect(stalls=True, fault="Cluster", requeue_after=60)
    LEDGER_UNAVAILABLE = "LedgerUnavailable", Effect(stalls=True, fault="Cluster", requeue_after=60)
    WARM_START_NOT_FOUND = "WarmStartNotFound", Effect(requeue_after=30)
    WARM_START_MISMATCH = "WarmStartMismatch", Effect(stalls=True, requeue_after=30)
    TRIAL_NOT_MADE = "TrialNotMade", Effect(fault="Crash", requeue_after=30)
    SEARCH_FAILED = "SearchFailed", Effect(fault="Crash", requeue_after=30)

    # Of conditions with status False.
    PROGRESSING = "Progressing", _SILENT
    ACTIVE = "Active", _SILENT
    UNFINISHED = "Unfinished", _SILENT

    # Of Events alone.
    NEW_BEST = "NewBest", _NORMAL_EVENT
    RESUMED = "Resumed", _NORMAL_EVENT
    LEDGER_IGNORED = "LedgerIgnored"
    TRIAL_REJECTED = "TrialRejected"
    METRIC_UNAVAILABLE = "MetricUnavailable"
    BEST_UNAVAILABLE = "BestUnavailable"
    REPORT_FAILED = "ReportFailed"
    REPORT_WAITING = "ReportWaiting"
    LEDGER_DAMAGED = "LedgerDamaged"


CHILD_REASONS = ChildReasons.of(Reason, rejected=Reason.TRIALS_REFUSED)


def effect(reason: str) -> Effect:
    """Return the effect of a reason; a reason outside the table has only a Warning Event."""
    return effect_of(reason_of(Reason, reason))
