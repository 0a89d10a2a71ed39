"""Requeue times of a TrainingJob, for causes that no watch reports."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from epochal_api.trainingjob.status import Status

from epochal_operator.runtime.conditions import condition_of, get_condition
from epochal_operator.trainingjob.job.observed import PATIENCE_SECONDS, TOLD_SECONDS, Observed, lacks_pods
from epochal_operator.trainingjob.pod.state import lost_at, stuck_at, unmatched_at
from epochal_operator.trainingjob.reasons import Reason, effect
from epochal_operator.trainingjob.status.predicates import finished

STARTING_SECONDS = 5.0
"""Seconds after each step of a start in which the status is not written only because the pod is about to run."""


def starts_within(before: Status, after: Status, observed: Observed) -> float | None:
    """Return the seconds for which the status write of a starting TrainingJob is delayed, or None to write it now.

    Most pods run soon after each step: the creation of the Job, the creation of the pod, and its scheduling. Without
    the delay there would be two or three statuses, each of which costs the API server more than the creation of the
    TrainingJob.

    Args:
        before: Its status so far.
        after: Its status from now on.
        observed: Its children.
    """
    was, ready = get_condition(before.conditions, "Ready"), get_condition(after.conditions, "Ready")
    if ready is None or ready.reason not in _STARTING or (was is not None and was.reason not in _STARTING):
        return None
    steps = [datetime.fromisoformat(time) for time in _steps(observed) if time]
    if before.observed_generation not in {None, after.observed_generation} or not steps:
        return None
    left = STARTING_SECONDS - (observed.now - max(steps)).total_seconds()
    return left if 0 < left < 2 * STARTING_SECONDS else None  # Otherwise the clocks differ.


_STARTING = frozenset({Reason.QUEUED, Reason.STARTING})
"""Ready reasons of a Job whose pod is probably about to run."""


def _steps(observed: Observed) -> Iterator[str | None]:
    """Yield the creation times of the Job and its pods, and the scheduling times of the pods (RFC 3339)."""
    if observed.child is not None:
        yield observed.child["metadata"].get("creationTimestamp")
    for pod in observed.pods:
        yield pod["metadata"].get("creationTimestamp")
        yield (condition_of(pod, "PodScheduled") or {}).get("lastTransitionTime")


def look_again(observed: Observed, status: Status) -> float | None:
    """Return the seconds until the next reconcile of an unfinished TrainingJob, or None if the watches suffice.

    Args:
        observed: Its children.
        status: Its status.
    """
    if observed.child is None:
        return effect(observed.blocked.reason).look_again_seconds if observed.blocked else None
    if observed.held_until is not None and observed.is_held:
        return (observed.held_until - observed.now).total_seconds()
    if (seconds := lacks_pods(observed)) is not None:
        left = PATIENCE_SECONDS - seconds
        return left if left > 0 else TOLD_SECONDS if observed.refusal else None
    found = [(lost_at(pod), stuck_at(pod), unmatched_at(pod, status)) for pod in observed.pods]
    times = [time for of_pod in found for time in of_pod if time and time > observed.now]
    return (min(times) - observed.now).total_seconds() if times else None


def time_to_live(ttl: int | None, after: Status, now: datetime) -> float | None:
    """Return the seconds until a finished TrainingJob is deleted, or None for never.

    A refused TrainingJob is not deleted, because another version may accept its spec.

    Args:
        ttl: Its spec.ttlSecondsAfterFinished.
        after: Its status.
        now: The time, with a time zone.
    """
    if ttl is None or after.completion_time is None or not finished(after):
        return None
    return (datetime.fromisoformat(after.completion_time) + timedelta(seconds=ttl) - now).total_seconds()
