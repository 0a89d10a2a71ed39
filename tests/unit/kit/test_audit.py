"""The faults that the audit finds."""

import copy
from typing import Any

import pytest

from tests.kit.audit import Audit, backwards

OLD, NEW = "2026-11-25T12:00:00Z", "2026-11-25T12:01:00Z"


def condition(kind: str, status: str = "False", reason: str = "Unfinished", since: str = OLD) -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": "", "lastTransitionTime": since}


def job(version: int = 1, *, suspend: bool = False, **status: Any) -> dict[str, Any]:
    metadata = {"name": "digits", "uid": "job-uid", "resourceVersion": str(version)}
    return {"metadata": metadata, "spec": {"suspend": suspend}, "status": status}


def modified(thing: dict[str, Any]) -> dict[str, Any]:
    return {"type": "MODIFIED", "object": thing}


RUNNING = job(
    attempt=2,
    startTime=OLD,
    observedGeneration=2,
    progress={"attempt": 2, "sequence": 7},
    conditions=[condition("Ready", "True", "Running"), condition("Complete")],
)
DONE = job(state="Complete", attempt=1, conditions=[condition("Complete", "True", "Completed")])


def changed(before: dict[str, Any], **status: Any) -> list[str]:
    after = copy.deepcopy(before)
    after["status"] |= status
    return list(backwards(before, after))


def test_going_on_is_no_fault() -> None:
    ready = condition("Ready", "False", "Restarting", NEW)
    assert changed(RUNNING) == []
    assert changed(RUNNING, attempt=3, progress={"attempt": 3, "sequence": 1}) == []
    assert changed(RUNNING, conditions=[ready, condition("Complete")]) == []
    assert list(backwards(job(), RUNNING)) == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"progress": {"attempt": 2, "sequence": 6}}, "progress"),
        ({"progress": {"attempt": 1, "sequence": 70}}, "progress"),
        ({"progress": None}, "progress"),
        ({"attempt": 1}, "attempt"),
        ({"observedGeneration": 1}, "observedGeneration"),
        ({"startTime": NEW}, "startTime"),
        ({"conditions": [condition("Ready", "True", "Running")]}, "Complete is gone"),
        ({"conditions": [condition("Ready", "True", "Running", NEW), condition("Complete")]}, "still True"),
        ({"conditions": [condition("Ready", since="2026-11-25T11:00:00Z"), condition("Complete")]}, "went from"),
    ],
)
def test_a_status_that_runs_backwards_is_a_fault(status: dict[str, Any], words: str) -> None:
    (fault,) = changed(RUNNING, **status)
    assert words in fault


@pytest.mark.parametrize(
    "status",
    [{"state": "Running"}, {"attempt": 2}, {"conditions": [condition("Complete", "False", since=NEW)]}],
)
def test_a_change_after_the_end_is_a_fault(status: dict[str, Any]) -> None:
    assert changed(DONE) == []
    assert changed(DONE, **status)


def test_a_spec_that_was_refused_may_be_mended() -> None:
    refused = job(state="Failed", conditions=[condition("Failed", "True", "InvalidSpec")])
    assert changed(refused, state="Running", conditions=[condition("Failed", since=NEW)]) == []


def test_two_jobs_of_a_training_job_are_a_fault() -> None:
    audit = Audit("any")
    for uid in ("a", "a", "b"):
        audit._take_job(modified({"metadata": {"uid": uid, "labels": {"epochal.dev/trainingjob-uid": "job-uid"}}}))
    assert audit.faults == ["job-uid had 2 Jobs"]


def test_two_pods_at_a_time_are_a_fault() -> None:
    def pod(name: str, phase: str) -> dict[str, Any]:
        labels = {"epochal.dev/trainingjob-uid": "job-uid"}
        return {"metadata": {"name": name, "labels": labels}, "status": {"phase": phase}}

    audit = Audit("any")
    for name, phase in (("a", "Pending"), ("a", "Running"), ("a", "Failed"), ("b", "Running")):
        audit._take_pod(modified(pod(name, phase)))
    assert audit.faults == []
    audit._take_pod(modified(pod("c", "Pending")))
    assert "two pods at a time: b, c" in audit.faults[0]


def event(uid: str, reason: str) -> dict[str, Any]:
    regarding = {"kind": "TrainingJob", "uid": "job-uid"}
    return {"metadata": {"uid": uid}, "regarding": regarding, "reason": reason, "note": "words"}


def test_a_repeated_event_is_a_fault() -> None:
    audit = Audit("any")
    for uid in ("a", "a", "b"):
        audit._take_event(modified(event(uid, "Started")))
    assert audit.faults == ["job-uid: the Event Started was told 2 times: words"]


def test_two_suspensions_have_two_events() -> None:
    audit = Audit("any")
    for version, suspend in enumerate((False, True, False, True), start=1):
        audit._take_training_job(modified(job(version, suspend=suspend)))
    for uid, reason in (("a", "Suspended"), ("b", "Suspended"), ("c", "Resumed")):
        audit._take_event(modified(event(uid, reason)))
    assert audit.faults == []
    audit._take_event(modified(event("d", "Suspended")))
    assert "Suspended was told 3 times" in audit.faults[0]
