"""The phases of a run, from what the cluster still has of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from epochal.views.history import Entry
from epochal_studio.runs.timeline import timeline

START = datetime(2026, 11, 30, 10, tzinfo=UTC)


def at(minutes: float) -> str:
    return (START + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def job(kind: str = "TrainingJob", spec: Any = None, **status: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"creationTimestamp": at(0)}, "spec": spec or {}, "status": status}


def pod(scheduled: float | None, began: float | None, ended: float | None = None) -> dict[str, Any]:
    conditions = [{"type": "PodScheduled", "status": "True", "lastTransitionTime": at(scheduled)}] if scheduled else []
    state: dict[str, Any] = {}
    if began and ended:
        state = {"terminated": {"startedAt": at(began), "finishedAt": at(ended)}}
    elif began:
        state = {"running": {"startedAt": at(began)}}
    return {"status": {"conditions": conditions, "containerStatuses": [{"name": "trainer", "state": state}]}}


def event(minutes: float, reason: str) -> Entry:
    return Entry(START + timedelta(minutes=minutes), "Normal", reason, "")


def phases(found: dict[str, Any], entries: Any = (), pods: Any = ()) -> list[tuple[str, float, float | None]]:
    def minutes(time: datetime | None) -> float | None:
        return None if time is None else (time - START).total_seconds() / 60

    return [
        (each.name, minutes(each.begin) or 0.0, minutes(each.end))
        for each in timeline(found, entries, pods, START + timedelta(hours=1))
    ]


def test_a_job_in_the_queue() -> None:
    assert phases(job(state="Queued")) == [("Queue", 0, None)]
    assert phases(job(state="Starting")) == [("Start", 0, None)]


def test_a_job_that_loads_its_data() -> None:
    found = job(state="Starting", startTime=at(3), progress={"stage": "Loading", "lastReportTime": at(4)})
    assert phases(found, pods=[pod(2, 3)]) == [("Queue", 0, 2), ("Start", 2, 3), ("Data", 3, None)]


def test_the_begin_of_the_training_is_estimated_from_its_epochs() -> None:
    progress = {"stage": "Done", "epoch": 4, "epochs": 4, "secondsPerEpoch": "60", "lastReportTime": at(9)}
    found = job(state="Complete", startTime=at(3), completionTime=at(10), progress=progress)
    assert phases(found, pods=[pod(2, 3, 10)]) == [
        ("Queue", 0, 2),
        ("Start", 2, 3),
        ("Data", 3, 6),
        ("Training", 6, 10),
    ]
    last = timeline(found, [], [pod(2, 3, 10)], START)[-1]
    assert last.is_estimated


def test_storing_begins_with_the_last_report() -> None:
    progress = {"stage": "Storing", "epoch": 2, "secondsPerEpoch": "60", "lastReportTime": at(6)}
    found = job(state="Storing", startTime=at(3), progress=progress)
    assert phases(found, pods=[pod(2, 3)])[-2:] == [("Training", 4, 6), ("Storing", 6, None)]


def test_without_pods_the_status_has_the_first_start() -> None:
    found = job(state="Failed", startTime=at(2), completionTime=at(4))
    assert phases(found) == [("Start", 0, 2), ("Data", 2, 4)]
    queued = job(spec={"scheduling": {"queueName": "gpus"}}, state="Failed", startTime=at(2), completionTime=at(4))
    assert phases(queued)[0] == ("Queue", 0, 2)


def test_a_suspension() -> None:
    found = job(state="Running", startTime=at(1))
    entries = [event(5, "Resumed"), event(3, "Suspended")]
    found_phases = phases(found, entries, [pod(0.5, 1, 3), pod(6, 7)])
    assert [name for name, _, _ in found_phases] == ["Queue", "Start", "Data", "Suspended", "Queue", "Start", "Data"]


def test_a_job_that_was_created_suspended_after_its_events_are_gone() -> None:
    condition = {"type": "Suspended", "status": "False", "reason": "Active", "lastTransitionTime": at(30)}
    found = job(state="Queued", conditions=[condition])
    assert phases(found) == [("Suspended", 0, 30), ("Queue", 30, None)]


def test_other_kinds() -> None:
    found = job("Experiment", state="Complete", startTime=at(1), completionTime=at(5))
    assert phases(found) == [("Queue", 0, 1), ("Training", 1, 5)]
    assert phases(job("ModelServer", state="Ready", readyTime=at(2))) == [("Start", 0, 2)]


def test_hostile_objects_and_pods_have_a_timeline() -> None:
    progress = {"stage": "Training", "epoch": 2**52, "secondsPerEpoch": "1e300", "lastReportTime": at(6)}
    found = job(state="Running", startTime=at(3), progress=progress)
    assert phases(found)[-1][0] == "Training"
    bad: list[Any] = [{}, {"status": []}, {"status": {"conditions": "x", "containerStatuses": [1]}}]
    assert phases({}, [], bad) == [("Queue", 60, None)]
    early = job(
        state="Running",
        startTime="0001-01-01T00:00:00Z",
        progress=progress | {"lastReportTime": "0002-01-01T00:00:00Z"},
    )
    assert phases(early)
    many = [pod(number, number + 0.1, number + 0.2) for number in range(1, 500)]
    assert len(phases(found, [], many)) == 100
