"""The observed state of a TrainingJob: its children, their blockers, and the results that it continues from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from epochal_api.condition import timestamp
from epochal_api.trainingjob.status import MAX_UNSTARTED, ContinuedFrom, Status, UnstartedPods

from epochal_operator.pods.diagnosis import is_live, sort_by_age
from epochal_operator.runtime.conditions import condition_of
from epochal_operator.runtime.owners import controller_uid
from epochal_operator.trainingjob.job.batch_job import UID_LABEL
from epochal_operator.trainingjob.pod.state import program_start_time
from epochal_operator.trainingjob.reasons import StatusCause

Object = Mapping[str, Any]

POD_CREATION_SECONDS = 3.0
"""Seconds that the Job controller has to create a pod. The status explains only a pod that is missing for longer."""
REJECTION_TTL_SECONDS = 600.0
"""Maximum age of a rejection. Kubernetes repeats its Events about a rejected pod at least every five minutes.

https://pkg.go.dev/k8s.io/client-go/tools/record#NewEventCorrelator
"""


@dataclass(frozen=True)
class Observed:
    """The observed children of a TrainingJob at one time, and what the plan has derived from them.

    The plan sets `spec_ignored`, `ignored_fields` and `replaces_job`, and may set `blocked`. The other fields are
    observations.

    Args:
        now: The time, with a time zone.
        job: The batch/v1 Job, if it exists.
        pods: The pods of this Job, oldest first. Only these pods describe the training.
        orphans: Pods with the TrainingJob's labels that may still run, but belong to another Job, usually a deleted
            one.
        blocked: The cause that blocks the creation or correction of the Job, if any.
        backoff_end: The time before which the operator must not correct the Job again, because another writer has
            undone the last correction or the API server has rejected it; else None.
        pod_rejection: The API server's message if the next pod of the Job cannot be created, for example
            because of a quota or an admission policy.
        spec_ignored: Whether the spec changed after a container of the Job had run, so that the Job continues
            unchanged; None if unknown.
        ignored_fields: The names of the spec's fields whose change is ignored; empty if none is, or if unknown.
        replaces_job: Whether the Job is about to be replaced by a Job of the current spec.
        continued_from: The results of the predecessor in spec.training.continueFrom, once that TrainingJob has ended.
    """

    now: datetime
    job: Object | None = None
    pods: tuple[Object, ...] = ()
    orphans: tuple[Object, ...] = ()
    blocked: StatusCause | None = None
    backoff_end: datetime | None = None
    pod_rejection: str | None = None
    spec_ignored: bool | None = None
    ignored_fields: tuple[str, ...] = ()
    replaces_job: bool = False
    continued_from: ContinuedFrom | None = None

    @property
    def in_correction_backoff(self) -> bool:
        """Whether `backoff_end` has not passed, so that the operator must not correct the Job."""
        return self.backoff_end is not None and self.now < self.backoff_end


def is_terminating(job: Object) -> bool:
    """Return whether a Job is being deleted."""
    return job["metadata"].get("deletionTimestamp") is not None


def seconds_since_last_pod(observed: Observed) -> float | None:
    """Return the seconds since a Job started or its last pod was created, if it has no pod or all pods have failed.

    The result is None for any other Job, and for a Job that is suspended or has ended. After a failed pod, the time
    includes the backoff of Kubernetes before the next pod.
    """
    job, pods = observed.job, observed.pods
    if job is None or job["spec"].get("suspend") or any(pod["status"].get("phase") != "Failed" for pod in pods):
        return None
    job_start = job.get("status", {}).get("startTime")
    if not job_start or _has_ended(job):
        return None
    return (observed.now - max([datetime.fromisoformat(job_start), *map(_creation_time, pods)])).total_seconds()


class PodRejection(NamedTuple):
    """A rejected creation of a Job's pod.

    Args:
        note: The API server's message.
        time: Time of the last Event about it, with a time zone.
    """

    note: str
    time: datetime


def rejection_message(last: PodRejection | None, observed: Observed) -> str | None:
    """Return the message why a Job's missing pod cannot be created; None if it is unknown or out of date."""
    seconds = seconds_since_last_pod(observed)
    if last is None or seconds is None or seconds < POD_CREATION_SECONDS:
        return None
    since = max([observed.now - timedelta(seconds=REJECTION_TTL_SECONDS), *map(_creation_time, observed.pods)])
    return last.note if last.time > since else None


def lacks_ended_pods(observed: Observed) -> bool:
    """Return whether a Job has ended, but the cache lacks one of its pods or the end of a pod."""
    job, pods = observed.job, observed.pods
    if job is None or not _has_ended(job):
        return False
    job_status = job.get("status") or {}
    counted = job_status.get("succeeded", 0) + job_status.get("failed", 0)
    return len(pods) < max(1, counted) or any(map(is_live, pods))


def could_create_pods(observed: Observed) -> bool:
    """Return whether a Job has started or has pods, even if no pod could run."""
    job_status = (observed.job or {}).get("status", {})
    return bool(observed.pods) or any(job_status.get(name) for name in ("startTime", "active", "succeeded", "failed"))


def first_run_time(before: Status, observed: Observed) -> str | None:
    """Return the time (RFC 3339) when a container of a Job first ran, or None if no container has run.

    The status of a Job counts deleted pods, but does not show whether these ran. The status of the TrainingJob lists
    the pods that ended without a run. The function assumes that all other ended pods ran from the Job's start time. If
    a pod that ran were missed, another spec could continue from its stored results. The opposite error only refuses a
    change of the spec.
    """
    if times := [since for since in map(program_start_time, observed.pods) if since is not None]:
        return min(times)
    job_status = (observed.job or {}).get("status", {})
    uncounted = job_status.get("uncountedTerminatedPods") or {}  # These pods may be deleted before the Job counts them.
    ended = sum(
        (job_status.get(outcome) or 0) + len(uncounted.get(outcome) or ()) for outcome in ("succeeded", "failed")
    )
    known_unstarted = unstarted_pods(before, observed)
    if ended <= (len(known_unstarted.pods) if known_unstarted else 0):
        return None
    return job_status.get("startTime") or timestamp(observed.now)


def unstarted_pods(before: Status, observed: Observed) -> UnstartedPods | None:
    """Return the UIDs of all pods of a Job that ended without a container that ran, or None if there are none."""
    if observed.job is None:
        return None
    uid, known = observed.job["metadata"]["uid"], before.unstarted
    pods = dict.fromkeys(known.pods if known and known.job_uid == uid else ())
    # A Job does not count pods that the cluster disrupted.
    ended_pods = (pod for pod in observed.pods if not is_live(pod) and not condition_of(pod, "DisruptionTarget"))
    pods |= {pod["metadata"]["uid"]: None for pod in ended_pods if program_start_time(pod) is None}
    return UnstartedPods(job_uid=uid, pods=list(pods)[:MAX_UNSTARTED]) if pods else None


def own_pods(job: Object | None, pods: Iterable[Object]) -> tuple[Object, ...]:
    """Return the pods that a Job controls by their ownerReferences, oldest first. Any user can write labels."""
    uid = job and job["metadata"]["uid"]
    return sort_by_age(pod for pod in pods if uid and controller_uid(pod) == uid)


def orphan_pods(job: Object | None, pods: Iterable[Object], uid: str) -> tuple[Object, ...]:
    """Return the live pods with a TrainingJob's UID in their label that its Job does not control."""
    owned = own_pods(job, pods)
    return sort_by_age(
        pod for pod in pods if is_live(pod) and pod["metadata"]["labels"].get(UID_LABEL) == uid and pod not in owned
    )


def _creation_time(pod: Object) -> datetime:
    return datetime.fromisoformat(pod["metadata"]["creationTimestamp"])


def _has_ended(job: Object) -> bool:
    return bool(condition_of(job, "Complete") or condition_of(job, "Failed"))
