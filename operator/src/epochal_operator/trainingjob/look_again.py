"""When to look again at a TrainingJob, where no event will tell that it is time."""

from datetime import datetime, timedelta

from epochal_api.status import Status

from epochal_operator.trainingjob.children import PATIENCE_SECONDS, TOLD_SECONDS, Observed, lacks_pods
from epochal_operator.trainingjob.pods import lost_at, stuck_at, unmatched_at
from epochal_operator.trainingjob.reasons import effect
from epochal_operator.trainingjob.status import finished


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
