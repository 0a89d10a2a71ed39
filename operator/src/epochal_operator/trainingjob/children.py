"""What is seen of a TrainingJob at one moment: its children, what is in their way, and what it goes on from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from epochal_api.condition import timestamp
from epochal_api.kind import GROUP
from epochal_api.status import MAX_UNSTARTED, ContinuedFrom, Status, Unstarted
from epochal_api.trainingjob import KIND

from epochal_operator.runtime.conditions import condition_of
from epochal_operator.runtime.owners import controller_uid
from epochal_operator.trainingjob.job import UID_LABEL
from epochal_operator.trainingjob.owned import Child
from epochal_operator.trainingjob.pods import alive, in_order, ran_since
from epochal_operator.trainingjob.reasons import Reason, StatusCause

Object = Mapping[str, Any]

PATIENCE_SECONDS = 3.0
"""How long a Job may be without a pod until it is asked why: mostly it is about to make one."""
TOLD_SECONDS = 600.0
"""Longer than Kubernetes is silent on a pod that cannot be created: it tells of one object every five minutes at last.

https://pkg.go.dev/k8s.io/client-go/tools/record#NewEventCorrelator
"""


@dataclass(frozen=True)
class Seen:
    """What is seen of a child of a TrainingJob beside its Job.

    Args:
        child: Which one it is.
        thing: The object, if there is one and it is the TrainingJob's own.
        blocked: Why there is none, or one that is not as it should be, if something is in the way.
        held_until: Until when it is left as it is, as for the Job.
    """

    child: Child
    thing: Object | None = None
    blocked: StatusCause | None = None
    held_until: datetime | None = None

    def is_held(self, now: datetime) -> bool:
        """Returns whether it is left as it is for now."""
        return self.held_until is not None and now < self.held_until


@dataclass(frozen=True)
class Observed:
    """A TrainingJob's children at one moment.

    Args:
        now: The moment, with a time zone.
        child: Its batch/v1 Job, if there is one.
        pods: The pods of that Job, the oldest first. No others tell how the training is.
        orphans: Pods that may still run and bear its labels, but are not of that Job: of one that is gone, mostly.
        blocked: Why it has no Job, or one that is not as it should be, if something is in the way.
        held_until: Until when its Job is left as it is: it was put right a moment ago, and somebody undoes it.
        refusal: Why its Job has no pod, or no other after one that failed, if none could be created: a quota or an
            admission policy, as the server says.
        overtaken: Whether the spec was changed too late: its Job had run a container by then, and goes on as it began;
            None where that cannot be told.
        replacing: Whether its Job is about to give way to another one, of the spec as it is now.
        continued_from: The results of the TrainingJob that it names to go on from, once that has ended.
        others: Its children beside the Job.
    """

    now: datetime
    child: Object | None = None
    pods: tuple[Object, ...] = ()
    orphans: tuple[Object, ...] = ()
    blocked: StatusCause | None = None
    held_until: datetime | None = None
    refusal: str | None = None
    overtaken: bool | None = None
    replacing: bool = False
    continued_from: ContinuedFrom | None = None
    others: tuple[Seen, ...] = ()

    @property
    def is_held(self) -> bool:
        """Whether its Job is left as it is for now."""
        return self.held_until is not None and self.now < self.held_until


def is_going(child: Object) -> bool:
    """Returns whether a child is being deleted."""
    return child["metadata"].get("deletionTimestamp") is not None


def lacks_pods(observed: Observed) -> float | None:
    """Returns for how many seconds a Job has had no pod, nor made one, that may run; None if it needs none.

    After a failure that takes as long as Kubernetes waits until it tries again.
    """
    child, pods = observed.child, observed.pods
    if child is None or child["spec"].get("suspend") or any(pod["status"].get("phase") != "Failed" for pod in pods):
        return None
    begun = child.get("status", {}).get("startTime")
    if not begun or _has_ended(child):
        return None
    return (observed.now - max([datetime.fromisoformat(begun), *map(_created, pods)])).total_seconds()


class Refused(NamedTuple):
    """That a Job's pod could not be created.

    Args:
        note: Why, in the server's words.
        at: When that was told last, with a time zone.
    """

    note: str
    at: datetime


def refusal(last: Refused | None, observed: Observed) -> str | None:
    """Returns why a Job's pod cannot be created, or None if that is not known, or no longer so.

    Args:
        last: What was told of it last, if anything was.
        observed: What else is seen.
    """
    seconds = lacks_pods(observed)
    if last is None or seconds is None or seconds < PATIENCE_SECONDS:
        return None
    since = max([observed.now - timedelta(seconds=TOLD_SECONDS), *map(_created, observed.pods)])
    return last.note if last.at > since else None


def is_ahead(observed: Observed) -> bool:
    """Returns whether a Job has ended and not all pods are known to have that it counts, which in truth came first."""
    child, pods = observed.child, observed.pods
    if child is None or not _has_ended(child):
        return False
    status = child.get("status") or {}
    counted = status.get("succeeded", 0) + status.get("failed", 0)
    return len(pods) < max(1, counted) or any(map(alive, pods))


def has_begun(observed: Observed) -> bool:
    """Returns whether a Job has been let make pods, whether or not any of them could run."""
    told = (observed.child or {}).get("status", {})
    return bool(observed.pods) or any(told.get(name) for name in ("startTime", "active", "succeeded", "failed"))


def first_run(before: Status, observed: Observed) -> str | None:
    """Returns when a container of a Job first ran, as far as can be seen (RFC 3339), or None if none has.

    A Job says of pods that are gone how many there were, not whether they have run. Those that were seen to end without
    are known by the status. All others count as run, as of the time when the Job started: to take one for a pod that
    never ran would let another spec go on with what that one has stored, while a change of the spec that is refused in
    error costs no more than another TrainingJob.

    Args:
        before: The TrainingJob's status so far.
        observed: What is seen.
    """
    if times := [since for since in map(ran_since, observed.pods) if since is not None]:
        return min(times)
    told = (observed.child or {}).get("status", {})
    uncounted = told.get("uncountedTerminatedPods") or {}  # They may be gone before they are counted.
    ended = sum((told.get(how) or 0) + len(uncounted.get(how) or ()) for how in ("succeeded", "failed"))
    known = unstarted(before, observed)
    if ended <= (len(known.pods) if known else 0):
        return None
    return told.get("startTime") or timestamp(observed.now)


def unstarted(before: Status, observed: Observed) -> Unstarted | None:
    """Returns which pods of a Job have ended without having run a container, as far as was ever seen.

    Args:
        before: The TrainingJob's status so far.
        observed: What is seen.
    """
    if observed.child is None:
        return None
    uid, known = observed.child["metadata"]["uid"], before.unstarted
    pods = dict.fromkeys(known.pods if known and known.job_uid == uid else ())
    # A Job does not count what the cluster took away.
    ended = (pod for pod in observed.pods if not alive(pod) and not condition_of(pod, "DisruptionTarget"))
    pods |= {pod["metadata"]["uid"]: None for pod in ended if ran_since(pod) is None}
    return Unstarted(job_uid=uid, pods=list(pods)[:MAX_UNSTARTED]) if pods else None


def own_pods(child: Object | None, pods: Iterable[Object]) -> tuple[Object, ...]:
    """Returns the pods that a Job controls, the oldest first: labels are anybody's to write.

    Args:
        child: The TrainingJob's Job, if there is one.
        pods: Pods that bear the TrainingJob's name.
    """
    uid = child and child["metadata"]["uid"]
    return in_order(pod for pod in pods if uid and controller_uid(pod) == uid)


def orphans(child: Object | None, pods: Iterable[Object], uid: str) -> tuple[Object, ...]:
    """Returns the pods that may be trainers of a TrainingJob, and run, though its Job does not control them.

    Args:
        child: The TrainingJob's Job, if there is one.
        pods: Pods that bear the TrainingJob's name.
        uid: The TrainingJob's uid.
    """
    own = own_pods(child, pods)
    return in_order(
        pod for pod in pods if alive(pod) and pod["metadata"]["labels"].get(UID_LABEL) == uid and pod not in own
    )


def _created(pod: Object) -> datetime:
    return datetime.fromisoformat(pod["metadata"]["creationTimestamp"])


def _has_ended(child: Object) -> bool:
    return bool(condition_of(child, "Complete") or condition_of(child, "Failed"))


def blocked_by(existing: Object, uid: str, kind: str = "Job") -> StatusCause | None:
    """Returns how an object stands in the way of a TrainingJob's own, or None if it is that.

    Args:
        existing: The object of the TrainingJob's name.
        uid: The TrainingJob's uid.
        kind: The object's kind.
    """
    if controller_uid(existing) == uid:
        return None
    name = existing["metadata"]["name"]
    references = existing["metadata"].get("ownerReferences") or []
    earlier = any(
        reference["kind"] == KIND and reference["apiVersion"].startswith(f"{GROUP}/") and reference["name"] == name
        for reference in references
    )
    if earlier:
        return StatusCause(
            Reason.CLEANUP, f"The {kind} {name} of an earlier TrainingJob of this name is being deleted."
        )
    message = f"A {kind} {name} exists that is not this TrainingJob's: delete that, or create this under another name."
    return StatusCause(Reason.NAME_CONFLICT, message)
