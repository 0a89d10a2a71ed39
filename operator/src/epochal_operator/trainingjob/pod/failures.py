"""The failures of a trainer's pods: their causes, the repeated crashes and their positions, and the end of a Job."""

import signal
from collections.abc import Iterable
from itertools import takewhile
from typing import Literal, NamedTuple

from epochal_api.pod import LEAST_MEMORY, NOT_RETRIED, ExitCode
from epochal_api.trainingjob.report import (
    FINISHED_EARLY,
    STOPPED_AFTER_EPOCH,
    UNFINISHED,
    Position,
    Report,
    Termination,
    decode_termination,
)

from epochal_operator.runtime.conditions import condition_of
from epochal_operator.runtime.reasons import clean
from epochal_operator.trainingjob.pod.memory_limit import memory_limit
from epochal_operator.trainingjob.pod.state import Object, trainer
from epochal_operator.trainingjob.reasons import Reason, StatusCause, as_reason

LESS_LOCAL = (
    "Use less data, or a higher limit: ephemeral-storage in spec.resources.limits, or the chart's trainerVolumes."
)
"""Advice for a pod that exceeded its local storage."""

_EARLY = frozenset({FINISHED_EARLY, STOPPED_AFTER_EPOCH})
_SAYS_NOTHING = frozenset({Reason.COMPLETED, UNFINISHED, *_EARLY})
"""Reasons in termination messages that do not explain a failure."""
_GIB = 1 << 30
_MIB = 1 << 20


class Ending(NamedTuple):
    """The end of a Job.

    Args:
        kind: Complete or Failed, as in the Job's condition.
        cause: The reason and message.
        time: Time of the end, RFC 3339.
    """

    kind: Literal["Complete", "Failed"]
    cause: StatusCause
    time: str


def failure(pod: Object) -> StatusCause | None:
    """Return the cause of a pod's failure, or None if it has not failed."""
    if pod.get("status", {}).get("phase") != "Failed":
        return None
    words, told_to_stop = _last_words(pod), _exit_code(pod) == ExitCode.TERMINATED
    if words and words.reason not in _SAYS_NOTHING and not told_to_stop:
        cause = StatusCause(as_reason(words.reason), clean(words.message))
        return _said_of_memory(pod, cause) if cause.reason == Reason.OUT_OF_MEMORY else cause
    if _ended(pod).get("reason") == "OOMKilled":
        return StatusCause(_reason_of_memory(pod), _out_of_memory(pod))
    if taken_away := _taken_away(pod):
        return taken_away
    return StatusCause(Reason.TERMINATED, "The trainer was told to stop.") if told_to_stop else _crash(pod)


def last_failure(pods: tuple[Object, ...]) -> StatusCause | None:
    """Return the cause of the last failed pod, with a note if it crashed at the same position as the previous crash.

    Args:
        pods: The pods of a TrainingJob, oldest first.
    """
    cause = next((cause for cause in map(failure, reversed(pods)) if cause), None)
    if cause is None or not (again := _again(pods)):
        return cause
    return StatusCause(
        Reason.REPEATED_CRASH if cause.reason == Reason.CRASHED else cause.reason, f"{again} {cause.message}"
    )


def failing(child: Object, pods: tuple[Object, ...]) -> StatusCause | None:
    """Return the cause for a failed Job that still waits for its pods to end, or None for another Job."""
    target = condition_of(child, "FailureTarget")
    return _job_failure(child, target, pods) if target else None


def no_more_follows(child: Object, pods: tuple[Object, ...]) -> bool:
    """Return whether the Job will end with the failure of its last pod, before the Job's own condition shows it."""
    if condition_of(child, "FailureTarget") or condition_of(child, "SuccessCriteriaMet"):
        return True
    if not pods or failure(pods[-1]) is None:
        return False
    if _exit_code(pods[-1]) in NOT_RETRIED:
        return True
    # The Job's count includes deleted pods, but not yet the last pod.
    crashes = max(sum(map(crashed, pods)), child.get("status", {}).get("failed", 0))
    return crashed(pods[-1]) and crashes > child["spec"].get("backoffLimit", 6)


def crashed(pod: Object) -> bool:
    """Return whether a pod's failure counts against spec.backoffLimit, as in the Job controller."""
    uncounted = (*NOT_RETRIED, ExitCode.TERMINATED)
    return failure(pod) is not None and not condition_of(pod, "DisruptionTarget") and _exit_code(pod) not in uncounted


def last_report(pods: Iterable[Object]) -> tuple[Report, str] | None:
    """Return the latest report in the pods' termination messages, and its time (RFC 3339), or None."""
    found = [
        (words.report, _ended(pod).get("finishedAt") or "")
        for pod in pods
        if (words := _last_words(pod)) and words.report
    ]
    return max(found, key=lambda report: report[0].order, default=None)


def ending(child: Object, pods: tuple[Object, ...]) -> Ending | None:
    """Return the end of a Job, or None while it is active."""
    if complete := condition_of(child, "Complete"):
        time = child["status"].get("completionTime") or complete["lastTransitionTime"]
        return Ending(
            "Complete", StatusCause(Reason.COMPLETED, "The network is trained and its results are stored."), time
        )
    if failed := condition_of(child, "Failed"):
        return Ending("Failed", _job_failure(child, failed, pods), failed["lastTransitionTime"])
    return None


def early_end(pods: Iterable[Object]) -> StatusCause | None:
    """Return the cause in the termination message of a trainer that ended early as requested, or None."""
    early = next((words for words in map(_last_words, pods) if words and words.reason in _EARLY), None)
    return None if early is None else StatusCause(Reason(early.reason), clean(early.message))


def _job_failure(child: Object, failed: Object, pods: tuple[Object, ...]) -> StatusCause:
    if failed.get("reason") == Reason.DEADLINE_EXCEEDED:
        limit = child["spec"].get("activeDeadlineSeconds")
        return StatusCause(
            Reason.DEADLINE_EXCEEDED, f"It ran longer than spec.activeDeadlineSeconds, which is {limit}."
        )
    cause = last_failure(pods)
    if cause is None:
        return StatusCause(
            as_reason(failed.get("reason") or Reason.JOB_FAILED), clean(failed.get("message") or "The Job failed.")
        )
    times = child["status"].get("failed", 0)
    often = f"Failed {times} times, the last time: " if times > 1 and not _again(pods) else ""
    return StatusCause(cause.reason, often + cause.message)


def _again(pods: tuple[Object, ...]) -> str:
    """Return a sentence if the last failure is a crash at the same position as the one before, else an empty text."""
    failed = [pod for pod in pods if failure(pod)]
    if not failed or not crashed(failed[-1]) or (place := _position(failed[-1])) is None:
        return ""
    crashes = reversed(list(filter(crashed, failed)))
    times = sum(1 for _ in takewhile(lambda pod: _position(pod) == place, crashes))
    return f"It crashed {_where(failed[-1])}, each of the last {times} times." if times > 1 else ""


def _reason_of_memory(pod: Object) -> Reason:
    """Return the reason for a trainer without enough memory: its limit may be too low for any trainer."""
    limit = memory_limit(pod)
    return Reason.MEMORY_LIMIT_TOO_LOW if limit is not None and limit.is_too_low else Reason.OUT_OF_MEMORY


def _said_of_memory(pod: Object, cause: StatusCause) -> StatusCause:
    """Return the trainer's message about its memory, with the origin of a default limit, unknown to the trainer."""
    limit = memory_limit(pod)
    default = f" The limit is {limit.origin}." if limit is not None and limit.is_default else ""
    return StatusCause(_reason_of_memory(pod), cause.message + default)


def _out_of_memory(pod: Object) -> str:
    limit = memory_limit(pod)
    bound = f"its limit is {limit.quantity} ({limit.origin})" if limit else "its node has none left"
    words = _last_words(pod)
    peak = words.report.peak_memory if words and words.report else None
    seen = f", and it had taken {_bytes(peak)} when that was last looked at" if peak else ""
    where = f" {place}" if (place := _where(pod)) else ""
    least = "" if words else f" It was killed as it began, and takes {_bytes(LEAST_MEMORY)} before it reads any data."
    return f"The trainer was killed{where}, because it took too much memory: {bound}{seen}.{least}"


def _taken_away(pod: Object) -> StatusCause | None:
    if interruption := condition_of(pod, "DisruptionTarget"):
        message = interruption.get("message") or pod["status"].get("message") or "The cluster took the pod away."
        return StatusCause(as_reason(interruption.get("reason") or Reason.INTERRUPTED), clean(message))
    told = pod["status"].get("message") or ""
    if pod["status"].get("reason") == "Evicted" and "exceed" in told:
        # The pod exceeded its own limit. Only an eviction for the node's needs is a disruption.
        return StatusCause(Reason.SCRATCH_FULL, clean(f"{told.rstrip()} {LESS_LOCAL}"))
    if pod["metadata"].get("deletionTimestamp"):
        return StatusCause(Reason.INTERRUPTED, "Its pod was deleted.")
    return None


def _crash(pod: Object) -> StatusCause:
    ended = _ended(pod)
    if not ended:
        status = pod["status"]
        return StatusCause(
            as_reason(status.get("reason") or Reason.POD_FAILED), clean(status.get("message") or "The pod failed.")
        )
    code = ended.get("exitCode")
    killed_by = _signal(code)
    how = f"was killed by {killed_by} (exit code {code})" if killed_by else f"ended with exit code {code}"
    where = f" {place}" if (place := _where(pod)) else ""
    return StatusCause(Reason.CRASHED, f"The trainer {how}{where}. {_last_output(pod)}")


def _last_output(pod: Object) -> str:
    ended = _ended(pod)
    said = clean(ended.get("message") or "")
    if _last_words(pod):  # A message written in advance replaces the log's end in the kubelet's termination message.
        return f"What it wrote last: kubectl logs {pod['metadata']['name']}"
    if not said:
        return "It left no message."
    return f"The end of its log:\n{said}" if ended.get("reason") == "Error" else f"{ended.get('reason')}: {said}"


def _where(pod: Object) -> str:
    """Return text for the position in the training at which a trainer ended; empty if unknown."""
    place = _position(pod)
    if place is None:
        return ""
    epoch = place.epoch + 1
    return f"after step {place.step} of epoch {epoch}" if place.step else f"at the start of epoch {epoch}"


def _signal(code: int | None) -> str | None:
    """Return the name of the signal in an exit code, or None."""
    try:
        return signal.Signals((code or 0) - 128).name
    except ValueError:
        return None


def _bytes(number: int) -> str:
    return f"{number / _GIB:.2f} GiB" if number >= _GIB else f"{number / _MIB:.0f} MiB"


def _position(pod: Object) -> Position | None:
    words = _last_words(pod)
    return words.position if words else None


def _exit_code(pod: Object) -> int | None:
    code: int | None = _ended(pod).get("exitCode")
    return code


def _ended(pod: Object) -> Object:
    ended: Object = trainer(pod).get("state", {}).get("terminated", {})
    return ended


def _last_words(pod: Object) -> Termination | None:
    return decode_termination(_ended(pod).get("message") or "")
