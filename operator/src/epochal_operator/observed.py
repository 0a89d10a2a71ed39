"""What is read of a TrainingJob's children, and what it says: why a pod waits, how it ended, how the Job ended."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from epochal_api.pod import NOT_RETRIED
from epochal_api.progress import Report, Termination, decode_termination
from epochal_api.trainingjob import GROUP, KIND

from epochal_operator.children import CONTAINER

Object = Mapping[str, Any]

MAX_MESSAGE = 4096
"""Characters of a message that come from elsewhere: a log's end, another component's error."""

_IN_ORDER = frozenset({"ContainerCreating", "PodInitializing"})
"""Why a container waits when all goes well."""
_CONTROL = re.compile(r"[^\S\n\t ]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Cause(NamedTuple):
    """Why something is as it is.

    Args:
        reason: One word for machines.
        message: A sentence for people.
    """

    reason: str
    message: str


class Ending(NamedTuple):
    """How a Job ended.

    Args:
        kind: Complete or Failed, as the Job's own condition says.
        cause: Why.
        time: When, RFC 3339.
    """

    kind: Literal["Complete", "Failed"]
    cause: Cause
    time: str


@dataclass(frozen=True)
class Obstacle:
    """Why a TrainingJob has no Job.

    Args:
        reason: NameConflict, JobRejected, or Cleanup while the Job of an earlier TrainingJob of that name is going.
        message: What is in the way.
    """

    reason: Literal["NameConflict", "JobRejected", "Cleanup"]
    message: str


@dataclass(frozen=True)
class Observed:
    """A TrainingJob's children at one moment.

    Args:
        now: The moment, with a time zone.
        child: Its batch/v1 Job, if there is one.
        pods: Its pods, the oldest first.
        obstacle: Why it has no Job, if one could not be created.
        refusal: Why its Job has no pod, if none could be created: a quota or an admission policy, as the server says.
    """

    now: datetime
    child: Object | None = None
    pods: tuple[Object, ...] = ()
    obstacle: Obstacle | None = None
    refusal: str | None = None


def lacks_pods(observed: Observed) -> float | None:
    """Returns for how many seconds a Job should have had a pod and has none, or None if all is as it should be."""
    child = observed.child
    if child is None or observed.pods or child["spec"].get("suspend") or ending(child, ()):
        return None
    begun = child.get("status", {}).get("startTime")
    return (observed.now - datetime.fromisoformat(begun)).total_seconds() if begun else None


def in_order(pods: Iterable[Object]) -> tuple[Object, ...]:
    """Returns pods sorted by age, the oldest first."""
    return tuple(
        sorted(pods, key=lambda pod: (pod["metadata"].get("creationTimestamp") or "", pod["metadata"]["name"]))
    )


def condition(thing: Object, kind: str) -> Object | None:
    """Returns a condition of a Job or pod, if it is True."""
    found = thing.get("status", {}).get("conditions") or []
    return next((one for one in found if one["type"] == kind and one["status"] == "True"), None)


def alive(pod: Object) -> bool:
    """Returns whether a pod may still run."""
    return pod.get("status", {}).get("phase") not in {"Succeeded", "Failed"}


def running(pod: Object) -> str | None:
    """Returns since when the trainer runs in this pod (RFC 3339), or None."""
    state = _trainer(pod).get("state", {})
    return state["running"].get("startedAt", "") if "running" in state else None


def started(pod: Object) -> bool:
    """Returns whether a trainer runs or ran in this pod."""
    state = _trainer(pod).get("state", {})
    return "running" in state or "terminated" in state


def waiting(pod: Object) -> Cause | None:
    """Returns why a pod does not start, or None if it is only on its way."""
    for one in pod.get("status", {}).get("conditions") or []:
        if one["type"] == "PodScheduled" and one["status"] == "False":
            reason = one.get("reason") or "Unschedulable"
            return Cause(reason, _text(f"The pod cannot be scheduled: {one.get('message', '')}"))
    state = _trainer(pod).get("state", {}).get("waiting", {})
    if not state or state.get("reason") in _IN_ORDER | {None}:
        return None
    return Cause(state["reason"], _text(f"The trainer cannot start: {state.get('message') or state['reason']}"))


def failure(pod: Object) -> Cause | None:
    """Returns why a pod failed, or None if it has not failed."""
    status = pod.get("status", {})
    if status.get("phase") != "Failed":
        return None
    ended = _ended(pod)
    if (words := _last_words(ended)) and words.reason != "Completed":
        return Cause(words.reason, _text(words.message))
    if ended.get("reason") == "OOMKilled":
        limit = _container(pod).get("resources", {}).get("limits", {}).get("memory")
        bound = f"its limit is {limit} (spec.resources.limits.memory)" if limit else "its node has none left"
        return Cause("OutOfMemory", f"The trainer was killed because it took too much memory: {bound}.")
    return _taken_away(pod) or _crash(pod, ended)


def _taken_away(pod: Object) -> Cause | None:
    if interruption := condition(pod, "DisruptionTarget"):
        message = interruption.get("message") or pod["status"].get("message") or "The cluster took the pod away."
        return Cause(interruption.get("reason") or "Interrupted", _text(message))
    if pod["metadata"].get("deletionTimestamp"):
        return Cause("Interrupted", "Its pod was deleted.")
    return None


def _crash(pod: Object, ended: Object) -> Cause:
    if not ended:
        status = pod["status"]
        return Cause(status.get("reason") or "PodFailed", _text(status.get("message") or "The pod failed."))
    said = _text(ended.get("message") or "")
    tail = f"The end of its log:\n{said}" if said and not _last_words(ended) else "It left no message."
    return Cause("Crashed", f"The trainer ended with exit code {ended.get('exitCode')}. {tail}")


def no_more_follows(child: Object, pods: tuple[Object, ...]) -> bool:
    """Returns whether the Job will end with the failure of its last pod: the Job itself says so a little later."""
    if condition(child, "FailureTarget") or condition(child, "SuccessCriteriaMet"):
        return True
    counted = [pod for pod in pods if failure(pod) and not condition(pod, "DisruptionTarget")]
    if not counted or counted[-1] is not pods[-1]:
        return False
    return _ended(pods[-1]).get("exitCode") in NOT_RETRIED or len(counted) > child["spec"].get("backoffLimit", 6)


def last_report(pods: Iterable[Object]) -> tuple[Report, str] | None:
    """Returns the latest report that pods left in their termination messages, and when (RFC 3339)."""
    found = [
        (words.report, ended.get("finishedAt") or "")
        for ended in map(_ended, pods)
        if (words := _last_words(ended)) and words.report
    ]
    return max(found, key=lambda report: report[0].order, default=None)


def ending(child: Object, pods: tuple[Object, ...]) -> Ending | None:
    """Returns how a Job ended, or None while it has not."""
    if complete := condition(child, "Complete"):
        time = child["status"].get("completionTime") or complete["lastTransitionTime"]
        return Ending("Complete", Cause("Completed", "The network is trained and its results are stored."), time)
    if failed := condition(child, "Failed"):
        return Ending("Failed", _job_failure(child, failed, pods), failed["lastTransitionTime"])
    return None


def _job_failure(child: Object, failed: Object, pods: tuple[Object, ...]) -> Cause:
    if failed.get("reason") == "DeadlineExceeded":
        limit = child["spec"].get("activeDeadlineSeconds")
        return Cause("DeadlineExceeded", f"It ran longer than spec.activeDeadlineSeconds, which is {limit}.")
    causes = [cause for cause in map(failure, pods) if cause]
    if not causes:
        return Cause(failed.get("reason") or "JobFailed", _text(failed.get("message") or "The Job failed."))
    times = child["status"].get("failed", 0)
    often = f"Failed {times} times, the last time: " if times > 1 else ""
    return Cause(causes[-1].reason, often + causes[-1].message)


def _trainer(pod: Object) -> Object:
    found = pod.get("status", {}).get("containerStatuses") or []
    return next((one for one in found if one["name"] == CONTAINER), {})


def _container(pod: Object) -> Object:
    return next((one for one in pod["spec"]["containers"] if one["name"] == CONTAINER), {})


def _ended(pod: Object) -> Object:
    ended: Object = _trainer(pod).get("state", {}).get("terminated", {})
    return ended


def _last_words(ended: Object) -> Termination | None:
    return decode_termination(ended.get("message") or "")


def _text(text: str) -> str:
    """Returns text of others without control characters, bounded to its end, which says most."""
    return _CONTROL.sub(" ", text).strip()[-MAX_MESSAGE:]


def owner_uid(thing: Object) -> str | None:
    """Returns the uid of the object that controls another one, if any does."""
    references = thing["metadata"].get("ownerReferences") or []
    return next((reference["uid"] for reference in references if reference.get("controller")), None)


def obstacle_of(existing: Object, uid: str) -> Obstacle | None:
    """Returns how a Job stands in the way of a TrainingJob's own, or None if it is that.

    Args:
        existing: The Job of the TrainingJob's name.
        uid: The TrainingJob's uid.
    """
    if owner_uid(existing) == uid:
        return None
    name = existing["metadata"]["name"]
    references = existing["metadata"].get("ownerReferences") or []
    earlier = any(
        reference["kind"] == KIND and reference["apiVersion"].startswith(f"{GROUP}/") and reference["name"] == name
        for reference in references
    )
    if earlier:
        return Obstacle("Cleanup", f"The Job {name} of an earlier TrainingJob of this name is being deleted.")
    message = f"A Job {name} exists that is not this TrainingJob's: delete that, or create this under another name."
    return Obstacle("NameConflict", message)
