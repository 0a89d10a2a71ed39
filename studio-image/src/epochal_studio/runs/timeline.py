"""The parts of a run in time: queue, start, data, training, storing, suspended."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from epochal.views.history import Entry

from epochal_studio.runs.values import Readable, count, items, mapping, number, readable, time
from epochal_studio.wire import Phase

MAX_PHASES = 100
CONTAINER = "trainer"
_Name = Literal["Queue", "Start", "Data", "Training", "Storing", "Suspended"]
_MAX_SECONDS = 10 * 366 * 86400
_TRAINED = frozenset({"Training", "Storing", "Done"})
"""Stages of a trainer that has finished the first step."""


class _Change(NamedTuple):
    """The start of a phase."""

    time: datetime
    name: _Name
    is_estimated: bool = False
    ends_suspension: bool = False


class _Run(NamedTuple):
    """The times of a pod: its scheduling, and the start and end of the trainer's container."""

    scheduled: datetime | None
    began: datetime | None
    ended: datetime | None


def timeline(
    found: Mapping[str, Any], entries: Iterable[Entry], pods: Iterable[Mapping[str, Any]], now: datetime
) -> list[Phase]:
    """Return the phases of a run, oldest first.

    The cluster keeps Events for an hour, and pods until their Job is deleted. A phase without a known start is a part
    of the phase before it. Only the start of the training is estimated, from the duration of an epoch.

    Args:
        found: The run, with any content.
        entries: Its Events.
        pods: Its pods; none if the user may not list them.
        now: The time, in place of a missing time of its creation.
    """
    run = readable(found)
    created = time(run.metadata.get("creationTimestamp")) or now
    started, ended = time(run.status.get("startTime")), time(run.status.get("completionTime"))
    runs = sorted(map(_run_of, pods), key=lambda each: each.began or now)
    changes = [_Change(created, "Queue" if any(each.scheduled for each in runs) else _first(run, started))]
    if run.kind == "TrainingJob":
        changes += _of_pods(runs)
        if started is not None and not any(each.began for each in runs):
            changes.append(_Change(started, "Data"))
        changes += _of_progress(run, changes, ended)
    elif run.kind == "Experiment" and started is not None:
        changes.append(_Change(started, "Training"))
    if run.kind == "ModelServer":
        ended = time(run.status.get("readyTime"))
    return _phases([*changes, *_suspensions(run, entries, created)], ended)[:MAX_PHASES]


def _first(run: Readable, started: datetime | None) -> _Name:
    """Return the phase after the creation of a run without known pods."""
    if run.kind == "ModelServer" or (started is None and run.status.get("state") == "Starting"):
        return "Start"
    has_queue = bool(mapping(run.spec.get("scheduling")).get("queueName"))
    return "Start" if started is not None and run.kind == "TrainingJob" and not has_queue else "Queue"


def _suspensions(run: Readable, entries: Iterable[Entry], created: datetime) -> Iterator[_Change]:
    for entry in entries:
        if entry.type in {"Normal", "Warning"} and entry.reason == "Suspended":
            yield _Change(entry.time, "Suspended")
        elif entry.type in {"Normal", "Warning"} and entry.reason == "Resumed":
            yield _Change(entry.time, "Queue", ends_suspension=True)
    conditions = items(run.status.get("conditions"))
    suspended = next((each for each in conditions if each.get("type") == "Suspended"), {})
    since = time(suspended.get("lastTransitionTime"))
    if since is None:
        return
    if suspended.get("status") == "True":
        yield _Change(since, "Suspended")
    elif since - created > timedelta(seconds=1) and not run.status.get("completionTime"):
        # It was suspended until then. The Event of its start may be gone, except for a run that never started.
        first = time(run.status.get("startTime"))
        if first is None or first >= since:
            yield _Change(created, "Suspended")
        yield _Change(since, "Queue", ends_suspension=True)


def _run_of(pod: Mapping[str, Any]) -> _Run:
    status = mapping(pod.get("status"))
    scheduled = next((each for each in items(status.get("conditions")) if each.get("type") == "PodScheduled"), {})
    containers = items(status.get("containerStatuses"))
    state = mapping(next((each for each in containers if each.get("name") == CONTAINER), {}).get("state"))
    running, over = mapping(state.get("running")), mapping(state.get("terminated"))
    return _Run(
        time(scheduled.get("lastTransitionTime")) if scheduled.get("status") == "True" else None,
        time(running.get("startedAt")) or time(over.get("startedAt")),
        time(over.get("finishedAt")),
    )


def _of_pods(runs: Sequence[_Run]) -> Iterator[_Change]:
    for each in runs:
        if each.scheduled is not None:
            yield _Change(each.scheduled, "Start")
        if each.began is not None:
            yield _Change(each.began, "Data")
    for each, following in pairwise(runs):
        begin = following.scheduled or following.began
        if each.ended is not None and begin is not None and begin > each.ended:
            yield _Change(each.ended, "Queue")


def _of_progress(run: Readable, changes: Sequence[_Change], ended: datetime | None) -> Iterator[_Change]:
    """Yield the starts of the phases Training and Storing, after the last start of a trainer."""
    progress = mapping(run.status.get("progress"))
    data = max((each.time for each in changes if each.name == "Data"), default=None)
    if data is None or progress.get("stage") not in _TRAINED:
        return
    reported = time(progress.get("lastReportTime"))
    last = ended or reported
    if last is None or last <= data:
        yield _Change(data, "Training", is_estimated=True)
        return
    trained = timedelta(seconds=_trained_seconds(run, progress))
    # Before another attempt the epochs belong to several trainers, so nothing tells data from training.
    is_single = (count(run.status.get("attempt")) or 1) <= 1 and not run.status.get("continuedFrom") and trained
    yield _Change(last - min(trained, last - data) if is_single else data, "Training", is_estimated=True)
    if run.status.get("state") == "Storing" and reported is not None and reported > data:
        yield _Change(reported, "Storing", is_estimated=True)


def _trained_seconds(run: Readable, progress: Mapping[str, Any]) -> float:
    epochs = float(count(progress.get("epoch")) or 0)
    step, steps = count(progress.get("step")), count(progress.get("stepsPerEpoch"))
    if step and steps and run.status.get("state") == "Running":
        epochs += min(1.0, step / steps)
    return min(_MAX_SECONDS, max(0.0, epochs * (number(progress.get("secondsPerEpoch")) or 0.0)))


def _phases(changes: Iterable[_Change], ended: datetime | None) -> list[Phase]:
    """Return the phases between changes. A later change of the same time replaces an earlier one."""
    ordered: dict[datetime, _Change] = {}
    for change in changes:
        ordered[change.time] = change
    found: list[_Change] = []
    for change in sorted(ordered.values(), key=lambda each: each.time):
        last = found[-1].name if found else None
        # The last pods of a suspended run end within its suspension.
        is_end_of_pod = last == "Suspended" and change.name == "Queue" and not change.ends_suspension
        if change.name != last and not is_end_of_pod and (ended is None or change.time < ended):
            found.append(change)
    ends = [*(each.time for each in found[1:]), ended]
    return [
        Phase(name=each.name, begin=each.time, end=end, is_estimated=each.is_estimated)
        for each, end in zip(found, ends, strict=True)
    ]
