"""Which transitions of a TrainingJob are Events, and what they look like.

An Event's name is a digest of what it tells, so that telling it twice makes no second Event: whoever was interrupted
before the status was written may tell it again.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from epochal_api.condition import Condition
from epochal_api.status import STORAGE, ReportedStatus, Status
from epochal_api.text import printable
from epochal_api.trainingjob import API_VERSION, KIND, Metadata

from epochal_operator.runtime.conditions import get_condition, is_true
from epochal_operator.trainingjob.children import Observed
from epochal_operator.trainingjob.failures import failure, last_failure
from epochal_operator.trainingjob.progress_status import duration
from epochal_operator.trainingjob.reasons import EventType, Foreign, Reason, as_reason, effect

Object = dict[str, Any]

REPORTER = "epochal"
MAX_NOTE = 1024
"""Bytes of an Event's note that the API server takes."""

_IGNORED = (
    "Its Job had started before this spec, or this version of Epochal, was seen: it goes on as it was built then. If "
    "the change matters, create a new TrainingJob."
)


@dataclass(frozen=True)
class Event:
    """Something that a person would care about.

    Args:
        type: Normal or Warning.
        reason: One word for machines.
        note: What happened, for people.
        key: What tells it from others of the same TrainingJob and reason.
    """

    type: EventType
    reason: Reason | Foreign
    note: str
    key: str


def events(
    metadata: Metadata, before: Status, after: Status, observed: Observed, figures: ReportedStatus
) -> list[Event]:
    """Returns what happened to a TrainingJob between two statuses.

    Args:
        metadata: Its metadata.
        before: Its status so far.
        after: Its status from now on.
        observed: The children that it was derived from.
        figures: The part of the status that comes from reports.
    """
    return list(_events(metadata, before, after, observed, figures))


def plain_http(before: Status, after: Status, endpoint: str | None) -> list[Event]:
    """Returns that the storage is not protected on the way to it, once the Job of a TrainingJob is there.

    Args:
        before: Its status so far.
        after: Its status from now on.
        endpoint: Address of its S3 service, if one is known.
    """
    if before.job_name or not after.job_name or not endpoint or not endpoint.startswith("http://"):
        return []
    note = (
        f"spec.storage.endpoint: who is on the way to {endpoint} can read and change data and checkpoints, and read "
        f"models and a session token, since it is no https. Keys are not sent."
    )
    return [_event(Reason.PLAIN_HTTP, note, endpoint)]


def event_object(event: Event, metadata: Metadata, *, instance: str, now: datetime) -> Object:
    """Returns the events.k8s.io/v1 Event of something that happened to a TrainingJob.

    Args:
        event: What happened.
        metadata: Metadata of the TrainingJob.
        instance: The process that tells it: its pod's name.
        now: The time, with a time zone.
    """
    told = f"{metadata.uid}/{event.reason}/{event.key}"
    digest = hashlib.sha256(told.encode()).hexdigest()[:16]
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata.name}.{digest}", "namespace": metadata.namespace},
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "type": event.type,
        "reason": event.reason,
        "note": printable(event.note, instead=" ").encode()[:MAX_NOTE].decode(errors="ignore"),
        "action": "Reconcile",
        "regarding": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "namespace": metadata.namespace,
            "name": metadata.name,
            "uid": metadata.uid,
        },
        "reportingController": REPORTER,
        "reportingInstance": instance,
    }


def _events(
    metadata: Metadata, before: Status, after: Status, observed: Observed, figures: ReportedStatus
) -> Iterator[Event]:
    yield from _outages(before, after, figures)
    yield from _warnings(before, after, figures)
    generation = str(metadata.generation)
    if observed.built_earlier:
        yield _event(Reason.SPEC_IGNORED, _IGNORED, generation)
    ready, was = get_condition(after.conditions, "Ready"), get_condition(before.conditions, "Ready")
    if ready is None or (was and (was.status, was.reason, was.message) == (ready.status, ready.reason, ready.message)):
        return
    if is_true(after.conditions, "Suspended") and not is_true(before.conditions, "Suspended"):
        yield _event(Reason.SUSPENDED, "Its pods are stopped until spec.suspend is false.", generation)
    if is_true(before.conditions, "Suspended") and not is_true(after.conditions, "Suspended"):
        yield _event(Reason.RESUMED, "It is no longer suspended.", generation)
    if after.state not in {"Suspended", "Complete", "Failed"}:
        yield from _restarts(before, after, observed)

    if after.state == "Complete":
        yield _event(Reason.COMPLETED, _result(after, figures), "")
    elif after.state == "Failed":
        # Whatever word a trainer has left: it may be one that stands for something else here.
        yield Event("Warning", as_reason(ready.reason), ready.message, generation if observed.child is None else "")
    elif was is None or was.reason != ready.reason or ready.reason == Reason.RUNNING:
        # Else only the words have changed: a longer back-off, for one. Words of a pod that runs name another pod.
        yield from _arrivals(ready, generation, observed)


def _outages(before: Status, after: Status, figures: ReportedStatus) -> Iterator[Event]:
    """Yields that the storage is waited for, once for each outage, and that it no longer is."""
    now, was = get_condition(after.conditions, STORAGE), get_condition(before.conditions, STORAGE)
    if now is None or (was and was.status == now.status and was.message == now.message):
        return
    waiting = figures.progress.waiting if figures.progress else None
    if now.status == "False" and waiting:
        note = f"The trainer waits for its storage, and goes on by itself. {now.reason}: {now.message}"
        yield _event(Reason.STORAGE_UNAVAILABLE, note, waiting.since)
    elif now.status == "True" and was and was.status != "True" and after.state not in {"Complete", "Failed"}:
        yield _event(
            Reason.STORAGE_AVAILABLE, "The trainer goes on: its storage answers again.", was.last_transition_time
        )


def _warnings(before: Status, after: Status, figures: ReportedStatus) -> Iterator[Event]:
    """Yields what the trainer warns of, each once: what was told is in the status."""
    new = frozenset(after.warned or ()) - frozenset(before.warned or ())
    for one in figures.warnings or ():
        if one.reason in new:
            # Whatever word a trainer has left, and beside whatever else is told for the same reason.
            yield Event("Warning", as_reason(one.reason), one.message, "warning")


def _arrivals(ready: Condition, generation: str, observed: Observed) -> Iterator[Event]:
    """Yields what an unfinished TrainingJob has come to."""
    about = observed.pods[-1]["metadata"]["uid"] if observed.pods else generation
    if observed.blocked:
        about = f"{generation}/{ready.message}"
    reason = as_reason(ready.reason)
    if reason == Reason.RUNNING:
        yield _event(Reason.STARTED, ready.message, about)
    elif effect(reason).event and effect(reason).on_arrival:
        yield _event(reason, ready.message, about)


def _restarts(before: Status, after: Status, observed: Observed) -> Iterator[Event]:
    """Yields the last failure of a job that goes on, once it is seen or once another attempt has followed.

    A pod that the cluster took away may be gone before its end was seen: what was said of it last is all there is.
    """
    ready, was = get_condition(after.conditions, "Ready"), get_condition(before.conditions, "Ready")
    if ready is None or was is None or ready.status != "True" or ready.reason == Reason.FAILING:
        return
    left = next((pod["metadata"] for pod in observed.pods if f"pod {pod['metadata']['name']} " in was.message), None)
    failed = [pod["metadata"] for pod in observed.pods if failure(pod)]
    if effect(was.reason).trainer_runs and left is None:
        note = f"Its pod is gone, another one follows. It was said last: {was.message}"
        yield _event(Reason.RESTARTING, note, f"attempt {before.attempt}")
        return
    restarted = ready.reason == Reason.RESTARTING or left in failed or (before.attempt or 0) < (after.attempt or 0)
    if failed and restarted and (cause := last_failure(observed.pods)):
        note = f"The pod {failed[-1]['name']} ended, another one follows. {cause.reason}: {cause.message}"
        yield _event(Reason.RESTARTING, note, failed[-1]["uid"])


def _event(reason: Reason | Foreign, note: str, key: str) -> Event:
    return Event(effect(reason).event or "Warning", reason, note, key)


def _result(after: Status, figures: ReportedStatus) -> str:
    words = ["Trained"]
    if figures.progress:
        words.append(f"{figures.progress.epoch} epochs")
    if after.start_time and after.completion_time:
        took = datetime.fromisoformat(after.completion_time) - datetime.fromisoformat(after.start_time)
        words.append(f"in {duration(took.total_seconds())}")
    text = " ".join(words)
    if figures.display and figures.display.metric:
        text += f", {figures.display.metric}"
    if figures.results and figures.results.model:
        text += f". The model: {figures.results.model}"
    return text
