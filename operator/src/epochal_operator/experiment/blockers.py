"""Errors that block an Experiment, and the backoff of its retries."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from epochal_api.experiment.status import ExperimentStatus
from epochal_api.read_status import read_status

from epochal_operator.experiment.reasons import StatusCause, effect
from epochal_operator.runtime.actions import ReconcileState
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.conditions import get_condition

MAX_SECONDS = 300.0
"""The longest delay before a retry, in seconds."""


@dataclass
class Blockers(ReconcileState):
    """The errors of one reconcile; the next reconcile retries the failed actions.

    Args:
        blocker: The cause that blocks all new TrainingJobs.
        ledger_refused: Whether new events could not be stored in the ledger.
        report_refused: Whether the report Job could not be created or deleted.
    """

    blocker: StatusCause | None = None
    ledger_refused: bool = False
    report_refused: bool = False


def backoff_seconds(reason: str, before: ExperimentStatus, now: datetime) -> float | None:
    """Return the delay before the next retry in seconds, or None if a watch reports when the cause ends.

    The delay equals the time since the condition Ready became False: at least `requeue_after` of the reason, at most
    MAX_SECONDS. The status contains that time, so the backoff continues after a restart of the operator.
    """
    least, ready = effect(reason).requeue_after, get_condition(before.conditions, "Ready")
    if least is None or ready is None or ready.status != "False":
        return least
    not_ready = (now - datetime.fromisoformat(ready.last_transition_time)).total_seconds()
    return max(least, min(not_ready, MAX_SECONDS))


def next_retry(document: Object, reason: str, now: datetime) -> datetime:
    """Return the time of the next retry after a failure with this reason; `now` if the reason has no backoff."""
    before = read_status(ExperimentStatus, document.get("status"))
    return now + timedelta(seconds=backoff_seconds(reason, before, now) or 0)
