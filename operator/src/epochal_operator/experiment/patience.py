"""How soon what is in the way is tried again: the longer it has been there, the later."""

from datetime import datetime, timedelta

from epochal_api.experiment_status import ExperimentStatus
from epochal_api.status import read_status

from epochal_operator.experiment.reasons import effect
from epochal_operator.runtime.conditions import get_condition
from epochal_operator.runtime.resource import Object

MAX_SECONDS = 300.0
"""The longest wait."""


def look_again_seconds(reason: str, before: ExperimentStatus, now: datetime) -> float | None:
    """Returns the seconds after which to look again at what is in the way; None if its end is told.

    It is as long again as an Experiment has been held up so far, which its status tells to any process.

    Args:
        reason: What is in the way.
        before: The Experiment's status so far.
        now: The time, with a time zone.
    """
    least, ready = effect(reason).look_again_seconds, get_condition(before.conditions, "Ready")
    if least is None or ready is None or ready.status != "False":
        return least
    waited = (now - datetime.fromisoformat(ready.last_transition_time)).total_seconds()
    return max(least, min(waited, MAX_SECONDS))


def look_again_at(document: Object, reason: str, now: datetime) -> datetime:
    """Returns when to try again what something is in the way of.

    Args:
        document: The Experiment, as JSON.
        reason: What is in the way.
        now: The time, with a time zone.
    """
    before = read_status(ExperimentStatus, document.get("status"))
    return now + timedelta(seconds=look_again_seconds(reason, before, now) or 0)
