"""The leader's part of a TrainingJob's status, derived from the TrainingJob and its children."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from epochal_api.pod import GRACE_SECONDS
from epochal_api.status import CONDITIONS, STORAGE, Condition, Progress, Reported, State, Status
from epochal_api.trainingjob import Metadata, TrainingJob

from epochal_operator.trainingjob.children import Observed
from epochal_operator.trainingjob.failures import ending, failing, failure, last_failure, no_more_follows
from epochal_operator.trainingjob.job import starter
from epochal_operator.trainingjob.pods import Cause, alive, clean, condition, ends_by, lost, running, started, waiting
from epochal_operator.trainingjob.progress_status import timestamp

INVALID: Final = "InvalidSpec"
"""Reason of a TrainingJob that was refused: the only failure that a change of the spec can heal."""

STALLING = frozenset(
    {
        *("NameConflict", "JobRejected", "NoStorageEndpoint", "FieldConflict", INVALID),
        *("ContinueFromFailed", "ContinueFromCircular"),
    }
)
"""Obstacles that somebody must remove; the others go by themselves, or by what may be on its way already."""

MAX_MESSAGE = 8192
"""Bytes of a condition's message."""

Truth = tuple[Literal["True", "False", "Unknown"], Cause]
"""What a condition says, and why."""


class Subject(NamedTuple):
    """What the status depends on of the TrainingJob itself.

    Args:
        generation: Generation of its spec.
        before: Its status so far.
        suspend: Whether it is to wait.
        gpus: GPUs that it asks for.
        queued: Whether it waits without a Job, as it would have a place in a queue with one.
    """

    generation: int
    before: Status
    suspend: bool
    gpus: int | None
    queued: bool = False


class Verdict(NamedTuple):
    """What the children say of a TrainingJob.

    Args:
        state: The whole in one word.
        cause: Why, for the condition Ready.
        ready: Whether it is accepted and its Job exists.
        stalled: Whether it will not go on unless somebody acts.
        time: When it ended, RFC 3339, if it has.
    """

    state: State
    cause: Cause
    ready: bool = True
    stalled: bool = False
    time: str | None = None


def finished(status: Status) -> bool:
    """Returns whether a TrainingJob has ended for good.

    One whose spec was refused has not: that may change, or another version of Epochal may know what this one does not.

    Args:
        status: Its status.
    """
    end = _end(status)
    return end is not None and (end.reason != INVALID or status.start_time is not None)


def status(job: TrainingJob, observed: Observed) -> Status:
    """Returns the leader's part of the status.

    Args:
        job: The TrainingJob with its status so far.
        observed: Its children.

    Returns:
        All fields but those that come from reports. It depends on the status so far in three ways: what has finished
        stays as it is, the first start and the attempts are remembered, and a condition keeps the time of its change.
    """
    before = job.status or Status()
    spec = job.spec
    subject = Subject(
        job.metadata.generation, before, spec.suspend, spec.resources.gpus, spec.scheduling.queue_name is not None
    )
    return _derived(subject, observed)


def begun(metadata: Metadata, before: Status, observed: Observed, *, suspend: bool) -> Status:
    """Returns the leader's part of the status of a TrainingJob that breaks the API's rules, but began by earlier ones.

    Args:
        metadata: Its metadata.
        before: Its status so far.
        observed: Its children. A Job goes on as it is; if there is none, an obstacle says why.
        suspend: Whether it is to wait: the Job, or else the TrainingJob.
    """
    return _derived(Subject(metadata.generation, before, suspend, before.gpus), observed)


def _derived(subject: Subject, observed: Observed) -> Status:
    generation, before = subject.generation, subject.before
    if finished(before):
        return _settled(before, generation)
    verdict = _verdict(subject, observed)
    child = observed.child
    start = before.start_time or (child or {}).get("status", {}).get("startTime")
    attempt = max(
        before.attempt or 0,
        before.progress.attempt if before.progress else 0,
        sum(map(started, observed.pods)),
        1 if start else 0,
    )
    return Status(
        observed_generation=generation,
        state=verdict.state,
        conditions=_conditions(
            before, generation, observed.now, _truths(verdict) | _storage(before, observed, verdict)
        ),
        start_time=start,
        completion_time=verdict.time,
        attempt=attempt or None,
        gpus=subject.gpus,
        job_name=child["metadata"]["name"] if child else None,
    )


def refused(metadata: Metadata, before: Status, message: str, now: datetime) -> Status:
    """Returns the leader's part of the status of a TrainingJob that breaks the API's rules.

    Args:
        metadata: Its metadata.
        before: Its status so far.
        message: What must hold, naming the field.
        now: The time, with a time zone.
    """
    if finished(before):
        return _settled(before, metadata.generation)
    end = _end(before)
    since = before.completion_time if end and end.observed_generation == metadata.generation else None
    verdict = Verdict("Failed", Cause(INVALID, message), ready=False, stalled=True, time=since or timestamp(now))
    return Status(
        observed_generation=metadata.generation,
        state=verdict.state,
        conditions=_conditions(before, metadata.generation, now, _truths(verdict)),
        start_time=before.start_time,
        completion_time=verdict.time,
        attempt=before.attempt,
        gpus=before.gpus,
    )


def leaders_part(whole: Status) -> Status:
    """Returns a status without what comes from reports, and of the conditions the leader's own."""
    fields = {name: getattr(whole, name) for name in Status.model_fields if name not in Reported.model_fields}
    own = [one for kind in CONDITIONS if (one := get_condition(whole, kind))]
    return Status(**fields | {"conditions": own or None})


def reports_part(whole: Status) -> Reported:
    """Returns of a status what comes from reports."""
    return Reported(**{name: getattr(whole, name) for name in Reported.model_fields})


def get_condition(of: Status, kind: str) -> Condition | None:
    """Returns a condition of a TrainingJob, whatever it says."""
    return next((one for one in of.conditions or [] if one.type == kind), None)


def holds(of: Status, kind: str) -> bool:
    """Returns whether a condition of a TrainingJob is True."""
    found = get_condition(of, kind)
    return found is not None and found.status == "True"


def _end(of: Status) -> Condition | None:
    """Returns the condition that says how a TrainingJob ended, or that its spec was refused, if one does."""
    return next((one for kind in ("Complete", "Failed") if holds(of, kind) and (one := get_condition(of, kind))), None)


def _settled(before: Status, generation: int) -> Status:
    """Returns what is over as it is, seen at this generation: the fields that may still change do not change it."""
    part = leaders_part(before)
    conditions = [one.model_copy(update={"observed_generation": generation}) for one in part.conditions or []]
    return part.model_copy(update={"observed_generation": generation, "conditions": conditions})


def _verdict(subject: Subject, observed: Observed) -> Verdict:
    child, obstacle = observed.child, observed.obstacle
    waits: State = "Suspended" if subject.suspend else "Queued"
    if child is None:
        return _without_job(subject, observed, waits)
    if end := ending(child, observed.pods):
        failed = end.kind == "Failed"
        return Verdict(end.kind, end.cause, ready=not failed, stalled=failed, time=end.time)
    lives = any(map(alive, observed.pods))
    if child["metadata"].get("deletionTimestamp") and not (subject.suspend and lives):
        return Verdict(waits, Cause("Creating", _deleted(child)), ready=False)
    waiting_as_told = subject.suspend and child["spec"].get("suspend") and not lives
    verdict = Verdict("Suspended", _SUSPENDED) if waiting_as_told else _of_pods(subject, observed)
    if obstacle is None:
        return verdict
    stalled = obstacle.reason in STALLING and not lives and not waiting_as_told
    return verdict._replace(cause=Cause(obstacle.reason, obstacle.message), stalled=stalled)


def _without_job(subject: Subject, observed: Observed, waits: State) -> Verdict:
    if obstacle := observed.obstacle:
        stalled = obstacle.reason in STALLING
        return Verdict(waits, Cause(obstacle.reason, obstacle.message), ready=False, stalled=stalled)
    if observed.orphans:
        living = observed.orphans[0]["metadata"]["name"]
        once = f"once the pod {living} has ended, which may train for a Job that is gone"
        return Verdict(waits, Cause("Creating", f"Its Job is about to be created, {once}."), ready=False)
    if subject.suspend and subject.queued:
        return Verdict("Suspended", _SUSPENDED)
    return Verdict(waits, Cause("Creating", "Its Job is about to be created."), ready=False)


_SUSPENDED = Cause("Suspended", "It waits until spec.suspend is false.")


def _deleted(child: Mapping[str, Any]) -> str:
    """Returns what is to be said of a Job that is being deleted: one stays for as long as it has finalizers."""
    finalizers = [one for one in child["metadata"].get("finalizers") or [] if one not in _FINALIZERS]
    once = f", once nobody holds it any more (metadata.finalizers: {', '.join(finalizers)})" if finalizers else ""
    return f"Its Job is being deleted, another one follows{once}."


_FINALIZERS = frozenset({"foregroundDeletion", "orphan"})
"""Finalizers that Kubernetes itself sets and removes.

https://kubernetes.io/docs/concepts/architecture/garbage-collection/
"""


def _of_pods(subject: Subject, observed: Observed) -> Verdict:
    child = observed.child or {}
    if (cause := _of_no_pod(child, observed)) is not None:
        return Verdict("Queued", cause)
    pod = observed.pods[-1]
    name = pod["metadata"]["name"]
    if alive(pod):
        verdict = _of_living(subject.before, pod)
        return verdict._replace(cause=_on_its_way_out(pod, observed, suspend=subject.suspend) or verdict.cause)
    if failure(pod) is None or (cause := failing(child, observed.pods) or last_failure(observed.pods)) is None:
        return Verdict("Storing", Cause("Storing", f"The pod {name} has completed."))
    if no_more_follows(child, observed.pods):
        return Verdict("Running", Cause("Failing", f"The pod {name} ended. {cause.reason}: {cause.message}"))
    return Verdict("Starting", Cause("Restarting", f"{cause.reason}: {cause.message}"))


def _of_no_pod(child: Mapping[str, Any], observed: Observed) -> Cause | None:
    """Returns why a Job has no pod, or no other one yet, or None if that of its pods says more."""
    if child.get("spec", {}).get("suspend") and not any(map(alive, observed.pods)) and (who := starter(child)):
        return Cause("WaitingForAdmission", f"It waits until {who} lets its Job run.")
    if observed.refusal:
        return Cause("PodRefused", clean(f"Its pod cannot be created: {observed.refusal}"))
    return None if observed.pods else Cause("Queued", "Its Job has no pod yet.")


def _of_living(before: Status, pod: Mapping[str, Any]) -> Verdict:
    name, node = pod["metadata"]["name"], pod["spec"].get("nodeName")
    if (since := running(pod)) is not None:
        told = _told_since(before, since)
        state: State = "Storing" if told and told.stage in {"Storing", "Done"} else "Running"
        return Verdict(state, Cause(state, f"The pod {name} runs on node {node}."))
    if (cause := waiting(pod)) is not None:
        return Verdict("Starting" if node else "Queued", cause)
    if node:
        return Verdict("Starting", Cause("Starting", f"The pod {name} starts on node {node}."))
    return Verdict("Queued", Cause("Queued", f"The pod {name} waits for the scheduler."))


def _on_its_way_out(pod: Mapping[str, Any], observed: Observed, *, suspend: bool) -> Cause | None:
    """Returns why a pod that lives may not do so much longer, if so: until it has ended, no other one starts."""
    name, node = pod["metadata"]["name"], pod["spec"].get("nodeName")
    if lost(pod, observed.now):
        return Cause(
            "NodeLost",
            f"The node {node} is not heard of, so nobody knows whether the pod {name} still runs there, and no other "
            f"one starts. The job goes on by itself once the node is back. If it will not come back, delete it: "
            f"kubectl delete node {node}",
        )
    if cause := failing(observed.child or {}, observed.pods):
        return Cause("Failing", f"The pod {name} ends, and no other one follows. {cause.reason}: {cause.message}")
    if suspend:
        return Cause(
            "Suspending",
            f"The pod {name} ends, which takes up to {GRACE_SECONDS} s: a trainer that runs stores a checkpoint first.",
        )
    if ends_by(pod) is None:
        return None
    told = (condition(pod, "DisruptionTarget") or {}).get("message")
    why = f" ({clean(told)})" if told else ""
    return Cause(
        "Stopping",
        f"The pod {name} was told to end{why}, which takes up to {GRACE_SECONDS} s: a trainer that runs stores a "
        f"checkpoint first. Another pod follows.",
    )


def _told_since(before: Status, since: str) -> Progress | None:
    """Returns what the trainer that runs since then has reported, if it has."""
    progress = before.progress
    return progress if progress and (progress.last_report_time or "") >= since else None


def _truths(verdict: Verdict) -> dict[str, Truth]:
    def truth(holds_now: bool, cause: Cause, otherwise: str) -> Truth:  # noqa: FBT001 - of this function only
        return ("True", cause) if holds_now else ("False", Cause(otherwise, ""))

    return {
        "Ready": ("True" if verdict.ready else "False", verdict.cause),
        "Stalled": truth(verdict.stalled, verdict.cause, "Progressing"),
        "Suspended": truth(verdict.state == "Suspended", Cause("Suspended", "spec.suspend is true."), "Active"),
        "Complete": truth(verdict.state == "Complete", verdict.cause, "Unfinished"),
        "Failed": truth(verdict.state == "Failed", verdict.cause, "Unfinished"),
    }


def _storage(before: Status, observed: Observed, verdict: Verdict) -> dict[str, Truth]:
    """Returns the condition StorageAvailable; none before the storage was waited for."""
    waiting_for = before.progress.waiting if before.progress else None
    if waiting_for is None and get_condition(before, STORAGE) is None:
        return {}
    if waiting_for is None or verdict.state == "Complete":
        return {STORAGE: ("True", Cause("Available", "The storage does what the trainer asks of it."))}
    since = next((since for since in map(running, observed.pods) if since is not None), None)
    if since is not None and _told_since(before, since):
        return {STORAGE: ("False", Cause(waiting_for.reason, clean(waiting_for.message)))}
    return {STORAGE: ("Unknown", Cause("NotAsked", "The trainer that waited for the storage does not run any more."))}


def _conditions(before: Status, generation: int, now: datetime, truths: Mapping[str, Truth]) -> list[Condition]:
    result = []
    for kind, (value, cause) in truths.items():
        was = get_condition(before, kind)
        since = was.last_transition_time if was and was.status == value else timestamp(now)
        result.append(
            Condition(
                type=kind,
                status=value,
                reason=cause.reason,
                message=cause.message.encode(errors="replace")[:MAX_MESSAGE].decode(errors="ignore"),
                last_transition_time=since,
                observed_generation=generation,
            )
        )
    return result
