"""Computes the timeline of a run: the phases Queue, Start, Data, Training, Storing and Suspended."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from epochal.views.history import Entry

from epochal_studio.runs.values import Readable, count, items, mapping, number, readable, time
from epochal_studio.wire.runs import Phase

MAX_PHASES = 100
CONTAINER = "trainer"
_Name = Literal["Queue", "Start", "Data", "Training", "Storing", "Suspended"]
_MAX_SECONDS = 10 * 366 * 86400
_TRAINED = frozenset({"Training", "Storing", "Done"})
"""Values of status.progress.stage after the trainer has finished its first training step."""


class _Change(NamedTuple):
    """The start of a phase in the timeline."""

    time: datetime
    name: _Name
    is_estimated: bool = False
    ends_suspension: bool = False


class _PodTimes(NamedTuple):
    """Times of a pod: when it was scheduled, and when the container `trainer` started and ended."""

    scheduled: datetime | None
    began: datetime | None
    ended: datetime | None


def timeline(
    found: Mapping[str, Any], entries: Iterable[Entry], pods: Iterable[Mapping[str, Any]], now: datetime
) -> list[Phase]:
    """Return the phases of a run, oldest first.

    The times come from the run's status, its Events (the cluster keeps them for an hour) and its pods (until their Job
    is deleted). A phase without a known start is merged into the phase before it. The starts of Training and Storing
    are estimated from the progress in the status.

    Args:
        found: The run, with any content.
        entries: The history of the run: its Events and conditions.
        pods: The pods of the run; none if the user may not list them.
        now: The current time, which replaces a missing creation time.
    """
    run = readable(found)
    created = time(run.metadata.get("creationTimestamp")) or now
    started, ended = time(run.status.get("startTime")), time(run.status.get("completionTime"))
    runs = sorted(map(_times_of, pods), key=lambda each: each.began or now)
    changes = [_Change(created, "Queue" if any(each.scheduled for each in runs) else _first_phase(run, started))]
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


def _first_phase(run: Readable, started: datetime | None) -> _Name:
    """Return the first phase of a run if no pod of the run is known: Start or Queue.

    Args:
        run: The run.
        started: status.startTime of the run.
    """
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


def _times_of(pod: Mapping[str, Any]) -> _PodTimes:
    status = mapping(pod.get("status"))
    scheduled = next((each for each in items(status.get("conditions")) if each.get("type") == "PodScheduled"), {})
    containers = items(status.get("containerStatuses"))
    state = mapping(next((each for each in containers if each.get("name") == CONTAINER), {}).get("state"))
    running, over = mapping(state.get("running")), mapping(state.get("terminated"))
    return _PodTimes(
        time(scheduled.get("lastTransitionTime")) if scheduled.get("status") == "True" else None,
        time(running.get("startedAt")) or time(over.get("startedAt")),
        time(over.get("finishedAt")),
    )


def _of_pods(runs: Sequence[_PodTimes]) -> Iterator[_Change]:
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
    """Yield the estimated starts of the phases Training and Storing in the last pod, from the progress in the status.

    Args:
        run: The run.
        changes: The starts of phases that are known already.
        ended: status.completionTime of the run.
    """
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
    """Return the phases from their starts. If two have the same time, the later item of `changes` is used.

    Args:
        changes: The starts of phases in any order.
        ended: End of the last phase; None if it has not ended. Later starts are left out.
    """
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
