"""The Events of a TrainingJob, derived from changes of its status."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from epochal_api.condition import Condition
from epochal_api.kind import Metadata
from epochal_api.trainingjob.status import EXPORTED, SPEC_APPLIED, STORAGE, ReportedStatus, Status, StoredModel

from epochal_operator.pods.diagnosis import alive
from epochal_operator.runtime.conditions import get_condition, is_true
from epochal_operator.runtime.events import Event, make_event
from epochal_operator.trainingjob.job.batch_job import starter
from epochal_operator.trainingjob.job.observed import Observed
from epochal_operator.trainingjob.pod.failures import failure, last_failure
from epochal_operator.trainingjob.progress.reported_status import duration, short
from epochal_operator.trainingjob.reasons import Reason, as_reason, effect
from epochal_operator.trainingjob.status.predicates import is_spec_ignored


def events(
    metadata: Metadata, before: Status, after: Status, observed: Observed, figures: ReportedStatus
) -> Iterator[Event]:
    """Yield the Events for the change between two statuses of a TrainingJob.

    Args:
        metadata: Metadata of the TrainingJob.
        before: The previous status.
        after: The new status.
        observed: The observed children, from which the new status was derived.
        figures: The status fields from progress reports.
    """
    yield from _outages(before, after, observed, figures)
    yield from _warnings(before, after, figures)
    yield from _exported(before, after)
    generation = str(metadata.generation)
    applied = get_condition(after.conditions, SPEC_APPLIED)
    if applied and is_spec_ignored(after) and not is_spec_ignored(before):
        yield make_event(Reason.SPEC_IGNORED, applied.message, generation)
    ready, was = get_condition(after.conditions, "Ready"), get_condition(before.conditions, "Ready")
    if ready is None or (was and (was.status, was.reason, was.message) == (ready.status, ready.reason, ready.message)):
        return
    if is_true(after.conditions, "Suspended") and not is_true(before.conditions, "Suspended"):
        yield make_event(Reason.SUSPENDED, "Its pods are stopped until spec.suspend is false.", generation)
    if is_true(before.conditions, "Suspended") and not is_true(after.conditions, "Suspended"):
        yield make_event(Reason.RESUMED, "It is no longer suspended.", generation)
    if after.state not in {"Suspended", "Complete", "Failed"}:
        yield from _restarts(before, after, observed)

    if after.state == "Complete":
        yield make_event(as_reason(ready.reason), _result(after, figures), "")
    elif after.state == "Failed":
        # The trainer's reason is kept as it is: it may be a word with another meaning here.
        yield Event("Warning", as_reason(ready.reason), ready.message, generation if observed.child is None else "")
    elif was is None or was.reason != ready.reason or ready.reason == Reason.RUNNING:
        # Otherwise only the message changed, for example a longer backoff. For a running pod, the message names a new
        # pod.
        yield from _arrivals(ready, generation, observed)


def plain_http(before: Status, after: Status, endpoint: str | None) -> list[Event]:
    """Return the Event about storage without TLS when the Job of a TrainingJob is created, or no Event.

    Args:
        before: The previous status.
        after: The new status.
        endpoint: Address of the S3 service, if known.
    """
    if before.job_name or not after.job_name or not endpoint or not endpoint.startswith("http://"):
        return []
    note = (
        f"spec.storage.endpoint: who is on the way to {endpoint} can read and change data and checkpoints, and read "
        f"models and a session token, since it is no https. Keys are not sent."
    )
    return [make_event(Reason.PLAIN_HTTP, note, endpoint)]


def spec_changed(metadata: Metadata) -> Event:
    """Return the Event that the Job of a TrainingJob is replaced after a change of the spec.

    Args:
        metadata: Metadata of the TrainingJob.
    """
    note = "The spec was changed, and no container of its Job had run: the Job is deleted, and made anew."
    return make_event(Reason.SPEC_CHANGED, note, str(metadata.generation))


def _outages(before: Status, after: Status, observed: Observed, figures: ReportedStatus) -> Iterator[Event]:
    """Yield an Event when the trainer starts to wait for its storage, once for each outage, and one when that ends."""
    now, was = get_condition(after.conditions, STORAGE), get_condition(before.conditions, STORAGE)
    if now is None or (was and was.status == now.status and was.message == now.message):
        return
    waiting = figures.progress.waiting if figures.progress else None
    if now.status == "False" and waiting and any(map(alive, observed.pods)):  # Otherwise it needs a new pod.
        note = f"The trainer waits for its storage, and goes on by itself. {now.reason}: {now.message}"
        yield make_event(Reason.STORAGE_UNAVAILABLE, note, waiting.since)
    elif now.status == "True" and was and was.status != "True" and after.state not in {"Complete", "Failed"}:
        yield make_event(
            Reason.STORAGE_AVAILABLE, "The trainer goes on: its storage answers again.", was.last_transition_time
        )


def _warnings(before: Status, after: Status, figures: ReportedStatus) -> Iterator[Event]:
    """Yield Events for the trainer's warnings, each once: the status lists those already emitted."""
    new = frozenset(after.warned or ()) - frozenset(before.warned or ())
    for one in figures.warnings or ():
        if one.reason in new:
            # The trainer's reason is kept as it is. The key separates the Event from others of that reason.
            yield Event("Warning", as_reason(one.reason), one.message, "warning")


def _exported(before: Status, after: Status) -> Iterator[Event]:
    """Yield an Event if an export of a model failed."""
    now, was = get_condition(after.conditions, EXPORTED), get_condition(before.conditions, EXPORTED)
    if now is not None and now.status == "False" and (was is None or was.reason != now.reason):
        yield Event("Warning", as_reason(now.reason), now.message, "export")


def _arrivals(ready: Condition, generation: str, observed: Observed) -> Iterator[Event]:
    """Yield the Event for a new Ready reason of an unfinished TrainingJob."""
    about = observed.pods[-1]["metadata"]["uid"] if observed.pods else generation
    if observed.blocked:
        about = f"{generation}/{ready.message}"
    reason = as_reason(ready.reason)
    if reason == Reason.RUNNING:
        yield make_event(Reason.STARTED, ready.message, about)
    elif effect(reason).event and effect(reason).on_arrival:
        yield make_event(reason, ready.message, about)


def _restarts(before: Status, after: Status, observed: Observed) -> Iterator[Event]:
    """Yield the Event for the last failure of a job that continues, once the failure or the next attempt is seen.

    The cluster may delete a disrupted pod before its end is seen. The Event then contains its last known message.
    """
    ready, was = get_condition(after.conditions, "Ready"), get_condition(before.conditions, "Ready")
    if ready is None or was is None or observed.child is None or ready.reason in {Reason.CREATING, Reason.FAILING}:
        return
    left = next((pod["metadata"] for pod in observed.pods if f"pod {pod['metadata']['name']} " in was.message), None)
    failed = [pod["metadata"] for pod in observed.pods if failure(pod)]
    if effect(was.reason).pod_runs and left is None:
        if before.progress and _went_on_after(before.progress.last_report_time, observed.child):
            return
        note = f"Its pod is gone, another one follows. It was said last: {was.message}"
        yield make_event(Reason.RESTARTING, note, f"attempt {before.attempt}")
        return
    restarted = ready.reason == Reason.RESTARTING or left in failed or (before.attempt or 0) < (after.attempt or 0)
    if failed and restarted and (cause := last_failure(observed.pods)):
        if cause.reason in _TOLD_TO_END and _went_on_after(failed[-1]["creationTimestamp"], observed.child):
            return
        note = f"The pod {failed[-1]['name']} ended, another one follows. {cause.reason}: {cause.message}"
        yield make_event(Reason.RESTARTING, note, failed[-1]["uid"])


_TOLD_TO_END = frozenset({Reason.INTERRUPTED, Reason.TERMINATED})
"""Reasons of a failed pod that was asked to terminate, without the origin of the request."""


def _went_on_after(time: str | None, child: Mapping[str, Any]) -> bool:
    """Return whether a Job was suspended and resumed after a time (RFC 3339), so that its pod ended on request.

    A Job gets a new start time only when it is resumed. If a queue starts and stops the Job, no user has requested the
    end.
    """
    begun: str | None = child.get("status", {}).get("startTime")
    return time is not None and begun is not None and time < begun and starter(child) is None


_EARLY: Mapping[str, str] = {
    Reason.FINISHED_EARLY: "finished early as spec.finish asked",
    Reason.STOPPED_AFTER_EPOCH: "stopped there as spec.training.stopAfterEpoch says",
}
"""Reasons of Complete for trainings that ended before their last epoch, and their descriptions."""


def _result(after: Status, figures: ReportedStatus) -> str:
    words = ["Trained"]
    complete = get_condition(after.conditions, "Complete")
    early = _EARLY.get(complete.reason) if complete is not None else None
    if figures.progress:
        of = f" of {figures.progress.epochs}" if early else ""
        words.append(f"{figures.progress.epoch}{of} epochs")
    if after.start_time and after.completion_time:
        took = datetime.fromisoformat(after.completion_time) - datetime.fromisoformat(after.start_time)
        words.append(f"in {duration(took.total_seconds())}")
    text = " ".join(words) + (f", {early}" if early else "")
    if figures.results and figures.results.models:
        return f"{text}. {_models(figures.results.models, figures)}. Results: {figures.results.uri}"
    if figures.display and figures.display.metric:
        text += f", {figures.display.metric}"
    if figures.results and figures.results.model:  # from a trainer that does not report the epochs of its models
        text += f". The model: {figures.results.model}"
    return text


def _models(models: Sequence[StoredModel], figures: ReportedStatus) -> str:
    """Return text about the epoch and metric of each stored model, and about a better epoch that is not stored."""
    best, count = figures.best, figures.progress.epoch if figures.progress else 0
    worth = {count: (figures.metrics or {}).get(best.metric)} | {best.epoch: best.value} if best else {}
    words = []
    for one in models:
        value = f" ({best.metric} {short(value)})" if best and (value := worth.get(one.epoch)) else ""
        is_best = ", the best" if best and count > 1 and one.epoch == best.epoch else ""
        words.append(f"{one.name} holds epoch {one.epoch}{is_best}{value}")
    if best and all(one.epoch != best.epoch for one in models):
        words.append(f"epoch {best.epoch} was better ({best.metric} {short(best.value)}), but is not there")
    return "; ".join(words)
