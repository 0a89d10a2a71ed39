"""The failures of a trainer's pods: their causes, the repeated crashes and their positions, and the end of a Job."""

import signal
from collections.abc import Iterable
from itertools import takewhile
from typing import Literal, NamedTuple

from epochal_api.pod import MIN_MEMORY_BYTES, NOT_RETRIED, ExitCode
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
from epochal_operator.runtime.reasons import sanitize_message
from epochal_operator.trainingjob.pod.memory_limit import memory_limit
from epochal_operator.trainingjob.pod.state import Object, trainer_status
from epochal_operator.trainingjob.reasons import Reason, StatusCause, as_reason

LOCAL_STORAGE_REMEDY = (
    "Use less data, or a higher limit: ephemeral-storage in spec.resources.limits, or the chart's trainerVolumes."
)
"""Advice for a pod that exceeded its local storage."""

_EARLY_END_REASONS = frozenset({FINISHED_EARLY, STOPPED_AFTER_EPOCH})
_UNINFORMATIVE_REASONS = frozenset({Reason.COMPLETED, Reason.TERMINATED, UNFINISHED, *_EARLY_END_REASONS})
"""Reasons in termination messages that do not explain a failure."""
_GIB = 1 << 30
_MIB = 1 << 20


class JobEnd(NamedTuple):
    """The end of a Job.

    Args:
        type_: Complete or Failed, as in the Job's condition.
        cause: The reason and message.
        time: Time of the end, RFC 3339.
    """

    type_: Literal["Complete", "Failed"]
    cause: StatusCause
    time: str


def pod_failure(pod: Object) -> StatusCause | None:
    """Return the cause of a pod's failure, or None if it has not failed."""
    if pod.get("status", {}).get("phase") != "Failed":
        return None
    termination = _termination(pod)
    if termination and termination.reason not in _UNINFORMATIVE_REASONS:
        cause = StatusCause(as_reason(termination.reason), sanitize_message(termination.message))
        return _with_default_limit(pod, cause) if cause.reason == Reason.OUT_OF_MEMORY else cause
    if _terminated_state(pod).get("reason") == "OOMKilled":
        return StatusCause(_memory_reason(pod), _out_of_memory_message(pod))
    if disruption := _disruption(pod):
        return disruption
    if _exit_code(pod) == ExitCode.TERMINATED:
        return StatusCause(Reason.TERMINATED, "The trainer stopped after SIGTERM.")
    return _crash(pod)


def last_failure(pods: tuple[Object, ...]) -> StatusCause | None:
    """Return the cause of the last failed pod, with a note if it crashed at the same position as the previous crash."""
    cause = next((cause for cause in map(pod_failure, reversed(pods)) if cause), None)
    if cause is None or not (repeated := _repeated_crash_message(pods)):
        return cause
    return StatusCause(
        Reason.REPEATED_CRASH if cause.reason == Reason.CRASHED else cause.reason, f"{repeated} {cause.message}"
    )


def target_failure(job: Object, pods: tuple[Object, ...]) -> StatusCause | None:
    """Return the cause of a Job that will fail once its pods have ended (condition FailureTarget), or None."""
    target = condition_of(job, "FailureTarget")
    return _job_failure(job, target, pods) if target else None


def is_last_pod(job: Object, pods: tuple[Object, ...]) -> bool:
    """Return whether no other pod will follow the last pod, before the Job's condition Complete or Failed shows it."""
    if condition_of(job, "FailureTarget") or condition_of(job, "SuccessCriteriaMet"):
        return True
    if not pods or pod_failure(pods[-1]) is None:
        return False
    if _exit_code(pods[-1]) in NOT_RETRIED:
        return True
    # The Job's count includes deleted pods, but not yet the last pod.
    crashes = max(sum(map(is_crash, pods)), job.get("status", {}).get("failed", 0))
    return is_crash(pods[-1]) and crashes > job["spec"].get("backoffLimit", 6)


def is_crash(pod: Object) -> bool:
    """Return whether a pod's failure counts against spec.backoffLimit, as in the Job controller."""
    uncounted = (*NOT_RETRIED, ExitCode.TERMINATED)
    return (
        pod_failure(pod) is not None and not condition_of(pod, "DisruptionTarget") and _exit_code(pod) not in uncounted
    )


def last_report(pods: Iterable[Object]) -> tuple[Report, str, str] | None:
    """Return the latest report in the pods' termination messages, or None.

    The second and third values are the end time of its container, and the creation time of its pod (RFC 3339).
    """
    reports = [
        (termination.report, _terminated_state(pod).get("finishedAt") or "", pod["metadata"]["creationTimestamp"])
        for pod in pods
        if (termination := _termination(pod)) and termination.report
    ]
    return max(reports, key=lambda report: report[0].order, default=None)


def job_end(job: Object, pods: tuple[Object, ...]) -> JobEnd | None:
    """Return the end of a Job, or None while it is active."""
    if complete := condition_of(job, "Complete"):
        time = job["status"].get("completionTime") or complete["lastTransitionTime"]
        return JobEnd(
            "Complete", StatusCause(Reason.COMPLETED, "The network is trained and its results are stored."), time
        )
    if failed := condition_of(job, "Failed"):
        return JobEnd("Failed", _job_failure(job, failed, pods), failed["lastTransitionTime"])
    return None


def early_end_cause(pods: Iterable[Object]) -> StatusCause | None:
    """Return the cause in the termination message of a trainer that ended early as requested, or None."""
    for termination in filter(None, map(_termination, pods)):
        if termination.reason in _EARLY_END_REASONS:
            return StatusCause(Reason(termination.reason), sanitize_message(termination.message))
    return None


def _job_failure(job: Object, failed: Object, pods: tuple[Object, ...]) -> StatusCause:
    if failed.get("reason") == Reason.DEADLINE_EXCEEDED:
        limit = job["spec"].get("activeDeadlineSeconds")
        return StatusCause(
            Reason.DEADLINE_EXCEEDED, f"The TrainingJob ran longer than spec.activeDeadlineSeconds, which is {limit}."
        )
    cause = last_failure(pods)
    if cause is None:
        return StatusCause(
            as_reason(failed.get("reason") or Reason.JOB_FAILED),
            sanitize_message(failed.get("message") or "The Job failed."),
        )
    count = job["status"].get("failed", 0)
    prefix = f"Failed {count} times, the last time: " if count > 1 and not _repeated_crash_message(pods) else ""
    return StatusCause(cause.reason, prefix + cause.message)


def _repeated_crash_message(pods: tuple[Object, ...]) -> str:
    """Return a sentence if the last failure is a crash at the same position as the previous crash; else empty."""
    failed = [pod for pod in pods if pod_failure(pod)]
    if not failed or not is_crash(failed[-1]) or (position := _position(failed[-1])) is None:
        return ""
    crashes = reversed(list(filter(is_crash, failed)))
    count = sum(1 for _ in takewhile(lambda pod: _position(pod) == position, crashes))
    return f"The trainer crashed{_position_text(failed[-1])}, each of the last {count} times." if count > 1 else ""


def _memory_reason(pod: Object) -> Reason:
    limit = memory_limit(pod)
    return Reason.MEMORY_LIMIT_TOO_LOW if limit is not None and limit.is_too_low else Reason.OUT_OF_MEMORY


def _with_default_limit(pod: Object, cause: StatusCause) -> StatusCause:
    """Return the trainer's cause OutOfMemory, with a sentence if a LimitRange has set the memory limit.

    The reason becomes MemoryLimitTooLow if the pod's memory limit is too low for any trainer.
    """
    limit = memory_limit(pod)
    default = f" The limit is {limit.origin}." if limit is not None and limit.is_default else ""
    return StatusCause(_memory_reason(pod), cause.message + default)


def _out_of_memory_message(pod: Object) -> str:
    limit = memory_limit(pod)
    limit_text = f"its limit is {limit.quantity} ({limit.origin})" if limit else "its node has no memory left"
    termination = _termination(pod)
    peak = termination.report.peak_memory if termination and termination.report else None
    peak_text = f", and its last measured use was {_size_text(peak)}" if peak else ""
    message = f"The trainer was killed{_position_text(pod)}, because it used too much memory: {limit_text}{peak_text}."
    if termination:
        return message
    least = _size_text(MIN_MEMORY_BYTES)
    return f"{message} It was killed at its start. A trainer needs {least} before it reads any data."


def _disruption(pod: Object) -> StatusCause | None:
    if interruption := condition_of(pod, "DisruptionTarget"):
        message = interruption.get("message") or pod["status"].get("message") or "The cluster disrupted the pod."
        return StatusCause(as_reason(interruption.get("reason") or Reason.INTERRUPTED), sanitize_message(message))
    message = pod["status"].get("message") or ""
    if pod["status"].get("reason") == "Evicted" and "exceed" in message:
        # The pod exceeded its own limit. Only an eviction for the node's needs is a disruption.
        return StatusCause(Reason.SCRATCH_FULL, sanitize_message(f"{message.rstrip()} {LOCAL_STORAGE_REMEDY}"))
    if pod["metadata"].get("deletionTimestamp"):
        return StatusCause(Reason.INTERRUPTED, "The pod was deleted.")
    return None


def _crash(pod: Object) -> StatusCause:
    terminated = _terminated_state(pod)
    if not terminated:
        status = pod["status"]
        return StatusCause(
            as_reason(status.get("reason") or Reason.POD_FAILED),
            sanitize_message(status.get("message") or "The pod failed."),
        )
    code = terminated.get("exitCode")
    killed_by = _signal_name(code)
    outcome = f"was killed by {killed_by} (exit code {code})" if killed_by else f"ended with exit code {code}"
    return StatusCause(Reason.CRASHED, f"The trainer {outcome}{_position_text(pod)}. {_last_output(pod)}")


def _last_output(pod: Object) -> str:
    terminated = _terminated_state(pod)
    message = sanitize_message(terminated.get("message") or "")
    if _termination(pod):  # A message written in advance replaces the log's end in the kubelet's termination message.
        return f"See its log: kubectl logs {pod['metadata']['name']}"
    if not message:
        return "It wrote no termination message."
    return (
        f"The end of its log:\n{message}"
        if terminated.get("reason") == "Error"
        else f"{terminated.get('reason')}: {message}"
    )


def _position_text(pod: Object) -> str:
    """Return text, with a space before, for the position at which a trainer ended; empty if unknown."""
    position = _position(pod)
    if position is None:
        return ""
    epoch = position.epoch + 1
    return f" after step {position.step} of epoch {epoch}" if position.step else f" at the start of epoch {epoch}"


def _signal_name(code: int | None) -> str | None:
    try:
        return signal.Signals((code or 0) - 128).name
    except ValueError:
        return None


def _size_text(number: int) -> str:
    return f"{number / _GIB:.2f} GiB" if number >= _GIB else f"{number / _MIB:.0f} MiB"


def _position(pod: Object) -> Position | None:
    termination = _termination(pod)
    return termination.position if termination else None


def _exit_code(pod: Object) -> int | None:
    code: int | None = _terminated_state(pod).get("exitCode")
    return code


def _terminated_state(pod: Object) -> Object:
    terminated: Object = trainer_status(pod).get("state", {}).get("terminated", {})
    return terminated


def _termination(pod: Object) -> Termination | None:
    return decode_termination(_terminated_state(pod).get("message") or "")
