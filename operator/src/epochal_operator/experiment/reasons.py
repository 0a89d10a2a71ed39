"""All reasons of conditions and Events of an Experiment, with their effects. docs/reasons.md describes them."""

from epochal_operator.runtime.owners import ChildReasons
from epochal_operator.runtime.reasons import Effect, EpochalReason, StatusCause, effect_of, reason_of

__all__ = ["Effect", "Reason", "StatusCause", "effect"]


_NO_EVENT = Effect(event=None, fault=None)
_READY_NO_EVENT = Effect(event=None, ready=True, fault=None)
_READY_NORMAL = Effect(event="Normal", ready=True, fault=None)
_NEEDS_USER = Effect(needs_user_action=True)


class Reason(EpochalReason):
    """A reason of an Experiment, with its effects. A reason without an Effect is a Warning that the user must fix."""

    # Of Ready, in every Experiment.
    QUEUED = "Queued", _READY_NO_EVENT
    RUNNING = "Running", _READY_NO_EVENT
    FINISHING = "Finishing", _READY_NORMAL
    SUSPENDING = "Suspending", _READY_NO_EVENT
    SUSPENDED = "Suspended", _READY_NORMAL._replace(event_on_ready_change=False)

    # Of Ready and Complete: the Experiment has ended well.
    COMPLETED = "Completed", _READY_NORMAL
    TARGET_REACHED = "TargetReached", _READY_NORMAL
    FINISHED_EARLY = "FinishedEarly", _READY_NORMAL
    SEARCH_EXHAUSTED = "SearchExhausted", _READY_NORMAL
    LEDGER_FULL = "LedgerFull", Effect(ready=True, fault=None)

    # Of Ready and Failed.
    INVALID_SPEC = "InvalidSpec", _NEEDS_USER
    INVALID_NETWORK = "InvalidNetwork", _NEEDS_USER
    TOO_MANY_FAILED_TRIALS = "TooManyFailedTrials", _NEEDS_USER
    ALL_TRIALS_DIVERGED = "AllTrialsDiverged", _NEEDS_USER
    NO_TRIAL_SUCCEEDED = "NoTrialSucceeded", _NEEDS_USER
    DEADLINE_EXCEEDED = "DeadlineExceeded", _NEEDS_USER

    # Of Ready: causes that block its trials.
    TRIALS_NOT_READY = "TrialsNotReady", _NO_EVENT
    TRIALS_STALLED = "TrialsStalled", Effect(event=None, fault=None, needs_user_action=True)
    TRIALS_REFUSED = "TrialsRefused", Effect(requeue_after=30)
    WEBHOOK_FAILED = "WebhookFailed", Effect(fault="Cluster")
    NAME_CONFLICT = "NameConflict", Effect(requeue_after=30)
    CLEANUP = "Cleanup", _NO_EVENT._replace(requeue_after=1)
    FIELD_CONFLICT = "FieldConflict", Effect(needs_user_action=True, fault="Cluster")
    TRIALS_DELETED = "TrialsDeleted", Effect(needs_user_action=True, fault="Cluster")
    LEDGER_REFUSED = "LedgerRefused", Effect(needs_user_action=True, fault="Cluster", requeue_after=60)
    LEDGER_UNAVAILABLE = "LedgerUnavailable", Effect(needs_user_action=True, fault="Cluster", requeue_after=5)
    WARM_START_NOT_FOUND = "WarmStartNotFound", Effect(requeue_after=30)
    WARM_START_MISMATCH = "WarmStartMismatch", Effect(needs_user_action=True, requeue_after=30)
    TRIAL_NOT_MADE = "TrialNotMade", Effect(fault="Crash", requeue_after=30)
    SEARCH_FAILED = "SearchFailed", Effect(fault="Crash", requeue_after=30)

    # Of conditions with status False.
    PROGRESSING = "Progressing", _NO_EVENT
    ACTIVE = "Active", _NO_EVENT
    UNFINISHED = "Unfinished", _NO_EVENT

    # Of Events alone.
    NEW_BEST = "NewBest", _READY_NORMAL
    RESUMED = "Resumed", _READY_NORMAL
    LEDGER_IGNORED = "LedgerIgnored"
    TRIAL_FAILED = "TrialFailed"
    TRIAL_REJECTED = "TrialRejected"
    METRIC_UNAVAILABLE = "MetricUnavailable"
    BEST_UNAVAILABLE = "BestUnavailable"
    IMPORTANCE_UNAVAILABLE = "ImportanceUnavailable"
    REPORT_FAILED = "ReportFailed"
    REPORT_WAITING = "ReportWaiting"
    LEDGER_DAMAGED = "LedgerDamaged"


REFUSALS = frozenset({Reason.INVALID_SPEC, Reason.INVALID_NETWORK})
"""Reasons for which a spec is refused. An edit, or another version of Epochal, may end the refusal."""

CHILD_REASONS = ChildReasons.of(Reason, rejected=Reason.TRIALS_REFUSED)


def effect(reason: str) -> Effect:
    """Return the effects of a reason; of an unknown reason, a Warning Event and the fault of the cluster."""
    return effect_of(reason_of(Reason, reason))
