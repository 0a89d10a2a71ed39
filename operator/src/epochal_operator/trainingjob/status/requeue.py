"""Requeue times of a TrainingJob, for causes that no watch reports."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from epochal_api.trainingjob.status import Status

from epochal_operator.runtime.conditions import condition_of, get_condition
from epochal_operator.trainingjob.job.observed import (
    POD_CREATION_SECONDS,
    REJECTION_TTL_SECONDS,
    Observed,
    seconds_since_last_pod,
)
from epochal_operator.trainingjob.pod.state import (
    ended_at,
    live_start_time,
    lost_at,
    no_node_deadline,
    stuck_at,
    unmatched_at,
)
from epochal_operator.trainingjob.reasons import TRAINER_STARTS, Reason, effect
from epochal_operator.trainingjob.status.predicates import is_finished

START_DELAY_SECONDS = 5.0
"""Seconds after each step of a start during which a status that only shows the next step is not written."""

STAGE_DELAY_SECONDS = 3.0
"""Seconds after a report of a trainer's start during which a status that only shows the next stage is not written. This
is shorter than the interval of reports, so the reports of a long stage cannot delay its write again and again."""

END_DELAY_SECONDS = 5.0
"""Seconds after each step of an end during which a status that only shows the coming end is not written."""


def start_delay(before: Status, after: Status, observed: Observed) -> float | None:
    """Return the seconds for which the status write of a starting TrainingJob is delayed, or None to write it now.

    Most pods run soon after each step: the creation of the Job, the creation of the pod, and its scheduling. Most
    trainers compute their first step soon after their start. Without the delay, each TrainingJob would
    need two or three more status writes. Each write costs the API server more than the creation of the TrainingJob.
    """
    previous, ready = get_condition(before.conditions, "Ready"), get_condition(after.conditions, "Ready")
    if ready is None:
        return None
    is_next_step = previous is not None and before.attempt == after.attempt and previous.reason in TRAINER_STARTS
    reasons = TRAINER_STARTS if is_next_step else _STARTING_REASONS
    if any(condition and condition.reason not in reasons for condition in (previous, ready)):
        return None
    times = [datetime.fromisoformat(time) for time in _start_times(observed) if time]
    if before.observed_generation not in {None, after.observed_generation} or not times:
        return None
    delay = _remaining(START_DELAY_SECONDS, max(times), observed.now)
    if not is_next_step or before.progress is None or before.progress.last_report_time is None:
        return delay
    reported = datetime.fromisoformat(before.progress.last_report_time)
    # The clock of another replica, which received the report, may be ahead: then each report would renew the delay.
    stage_delay = _remaining(STAGE_DELAY_SECONDS, reported, observed.now) if reported <= observed.now else None
    return max(filter(None, (delay, stage_delay)), default=None)


_STARTING_REASONS = frozenset({Reason.QUEUED, Reason.STARTING, Reason.PULLING_IMAGE})
"""Reasons of the condition Ready if the pod of a Job is probably about to run."""


def _start_times(observed: Observed) -> Iterator[str | None]:
    """Yield the times when the Job and its pods were created, and its pods were scheduled and ran (RFC 3339)."""
    if observed.job is not None:
        yield observed.job["metadata"].get("creationTimestamp")
    for pod in observed.pods:
        yield pod["metadata"].get("creationTimestamp")
        yield (condition_of(pod, "PodScheduled") or {}).get("lastTransitionTime")
        yield live_start_time(pod)


def end_delay(before: Status, after: Status, observed: Observed) -> float | None:
    """Return the seconds for which the status write of an ending TrainingJob is delayed, or None to write it now.

    Most pods end soon after the last report of their trainer, and most Jobs soon after their last pod. Without the
    delay there would be one or two more status writes, and `kubectl get --watch` would print a line for each.
    """
    previous, ready = get_condition(before.conditions, "Ready"), get_condition(after.conditions, "Ready")
    if ready is None or ready.reason not in _ENDING_REASONS or previous is None or not effect(previous.reason).pod_runs:
        return None
    since = _end_time(before, observed)
    if since is None or before.start_time is None or before.observed_generation != after.observed_generation:
        return None
    return _remaining(END_DELAY_SECONDS, datetime.fromisoformat(since), observed.now)


_ENDING_REASONS = frozenset({Reason.STORING, Reason.FAILING})
"""Reasons of the condition Ready if a Job is probably about to end."""


def _end_time(before: Status, observed: Observed) -> str | None:
    """Return when the last pod ended, or when its trainer reported that it is done (RFC 3339); None before."""
    ended = ended_at(observed.pods[-1]) if observed.pods else None
    progress = before.progress
    return ended or (progress.last_report_time if progress and progress.stage == "Done" else None)


def _remaining(delay: float, since: datetime, now: datetime) -> float | None:
    """Return the seconds until a delay ends, or None if it has ended."""
    remaining = delay - (now - since).total_seconds()
    # A time that lies further ahead than the delay comes from a clock that differs, of a node or of the API server.
    return remaining if 0 < remaining < 2 * delay else None


def requeue_seconds(observed: Observed, status: Status) -> float | None:
    """Return the seconds until the next reconcile of an unfinished TrainingJob, or None if the watches suffice."""
    if observed.job is None:
        return effect(observed.blocked.reason).requeue_after if observed.blocked else None
    if observed.backoff_end is not None and observed.in_correction_backoff:
        return (observed.backoff_end - observed.now).total_seconds()
    if (seconds := seconds_since_last_pod(observed)) is not None:
        remaining = POD_CREATION_SECONDS - seconds
        return remaining if remaining > 0 else REJECTION_TTL_SECONDS if observed.pod_rejection else None
    times_by_pod = [
        (lost_at(pod), stuck_at(pod), unmatched_at(pod), no_node_deadline(pod, status)) for pod in observed.pods
    ]
    times = [time for of_pod in times_by_pod for time in of_pod if time and time > observed.now]
    return (min(times) - observed.now).total_seconds() if times else None


def remaining_ttl(ttl: int | None, after: Status, now: datetime) -> float | None:
    """Return the seconds until a finished TrainingJob is deleted after its TTL, or None for never.

    A TrainingJob with a refused spec is not deleted, because another version of Epochal may accept the spec.
    """
    if ttl is None or after.completion_time is None or not is_finished(after):
        return None
    return (datetime.fromisoformat(after.completion_time) + timedelta(seconds=ttl) - now).total_seconds()
