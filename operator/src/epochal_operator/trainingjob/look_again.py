"""When to look again at a TrainingJob, where no event will tell that it is time."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from epochal_api.status import Status

from epochal_operator.runtime.conditions import condition_of, get_condition
from epochal_operator.trainingjob.children import PATIENCE_SECONDS, TOLD_SECONDS, Observed, lacks_pods
from epochal_operator.trainingjob.pods import lost_at, stuck_at, unmatched_at
from epochal_operator.trainingjob.reasons import Reason, effect
from epochal_operator.trainingjob.status import finished

STARTING_SECONDS = 5.0
"""Time after each step of a start in which no status is written that only says that the pod is about to run."""


def starts_within(before: Status, after: Status, observed: Observed) -> float | None:
    """Returns the seconds for which the status of a starting TrainingJob is not written, or None if it is written now.

    Most pods run soon after their Job was created, after they were created, or after they got a node. Until then, two
    or three statuses would be written, and each costs the API server more than the creation of the TrainingJob.

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
    return left if 0 < left < 2 * STARTING_SECONDS else None  # Else the clocks differ.


_STARTING = frozenset({Reason.QUEUED, Reason.STARTING})
"""Reasons of a Job whose pod is about to run, as far as is known."""


def _steps(observed: Observed) -> Iterator[str | None]:
    """Yields when the Job and its pods were created, and when the pods got their nodes (RFC 3339)."""
    if observed.child is not None:
        yield observed.child["metadata"].get("creationTimestamp")
    for pod in observed.pods:
        yield pod["metadata"].get("creationTimestamp")
        yield (condition_of(pod, "PodScheduled") or {}).get("lastTransitionTime")


def look_again(observed: Observed) -> float | None:
    """Returns the seconds after which to look again at one that goes on, or None if events will tell of all.

    Args:
        observed: Its children.
    """
    times = (_at_the_job(observed), _at_others(observed))
    return min((seconds for seconds in times if seconds is not None), default=None)


def _at_the_job(observed: Observed) -> float | None:
    """Returns the seconds after which to look again at what no event will tell of the Job."""
    if observed.child is None:
        return effect(observed.blocked.reason).look_again_seconds if observed.blocked else None
    if observed.held_until is not None and observed.is_held:
        return (observed.held_until - observed.now).total_seconds()
    if (seconds := lacks_pods(observed)) is not None:
        left = PATIENCE_SECONDS - seconds
        return left if left > 0 else TOLD_SECONDS if observed.refusal else None
    times = [
        time
        for at in (lost_at, stuck_at, unmatched_at)
        for time in map(at, observed.pods)
        if time and time > observed.now
    ]
    return (min(times) - observed.now).total_seconds() if times else None


def _at_others(observed: Observed) -> float | None:
    """Returns the seconds after which to look again at what is in the way of a child beside the Job."""
    held = [one.held_until for one in observed.others if one.held_until and one.held_until > observed.now]
    seconds = [(time - observed.now).total_seconds() for time in held]
    seconds += [effect(one.blocked.reason).look_again_seconds or 0 for one in observed.others if one.blocked]
    return min((one for one in seconds if one), default=None)


def time_to_live(ttl: int | None, after: Status, now: datetime) -> float | None:
    """Returns the seconds that a finished TrainingJob may still stay, or None for ever.

    One that was refused stays: another version may understand its spec.

    Args:
        ttl: Its spec.ttlSecondsAfterFinished.
        after: Its status.
        now: The time, with a time zone.
    """
    if ttl is None or after.completion_time is None or not finished(after):
        return None
    return (datetime.fromisoformat(after.completion_time) + timedelta(seconds=ttl) - now).total_seconds()
