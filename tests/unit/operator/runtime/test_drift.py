"""Corrections of fields that another writer changes: their backoff, and the names of the other writers."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from epochal_operator.runtime.api.resource import JOBS, PODS, Key, key_of
from epochal_operator.runtime.drift import Correction, DriftBackoff, conflicting_managers
from epochal_operator.runtime.reasons import StatusCause
from epochal_operator.trainingjob.reasons import CHILD_REASONS

from tests.unit.operator.objects import NOW

WEBHOOK = ("An admission webhook",)


def correction(times: int = 1, **rest: Any) -> Correction:
    return Correction("job-uid", 1, times, NOW, ("spec.suspend",), **rest)


def test_the_backoff_doubles_up_to_its_maximum() -> None:
    waits = [(correction(times).due - NOW).total_seconds() for times in (1, 2, 3, 4, 39, 1025, 100_000)]
    assert waits == [1, 2, 4, 8, 300, 300, 300], "after days of drift, too"


@pytest.mark.parametrize(
    ("uid", "generation", "seconds", "applies"),
    [
        ("job-uid", 1, 0, True),
        ("job-uid", 1, 899, True),
        ("job-uid", 1, 900, False),
        ("another", 1, 0, False),
        ("job-uid", 2, 0, False),
    ],
)
def test_a_correction_applies_to_one_uid_and_generation_for_some_time(
    uid: str, generation: int, seconds: float, *, applies: bool
) -> None:
    assert correction().applies_to(uid, generation, NOW + timedelta(seconds=seconds)) is applies


def test_the_latest_correction_is_kept_until_the_owner_is_forgotten() -> None:
    drift, now = DriftBackoff(), NOW + timedelta(seconds=9)
    owner = {"metadata": {"namespace": "vision", "name": "digits", "generation": 1}}
    job = {"metadata": {"namespace": "vision", "name": "digits", "uid": "job-uid"}}
    key = key_of(job)
    drift.record(owner, JOBS, job, NOW, fields=("spec.suspend",), before=None)
    assert drift.latest(owner, JOBS, key, "job-uid", now) == correction(1, subject="the Job")
    drift.record(owner, JOBS, job, NOW, fields=("spec.suspend",), before=correction(1))
    assert drift.latest(owner, JOBS, key, "job-uid", now) == correction(2, subject="the Job")
    assert drift.latest(owner, JOBS, key, "another", now) is None
    assert drift.latest(owner, PODS, key, "job-uid", now) is None
    assert drift.latest(owner, JOBS, Key("vision", "another"), "job-uid", now) is None
    drift.forget(Key("vision", "another"))
    assert drift.latest(owner, JOBS, key, "job-uid", now) is not None
    drift.forget(key)
    assert drift.latest(owner, JOBS, key, "job-uid", now) is None


def test_the_corrected_objects_of_an_owner_are_found() -> None:
    drift, owner = DriftBackoff(), {"metadata": {"namespace": "vision", "name": "digits", "generation": 1}}
    for name, before in (("once", None), ("twice", correction(1))):
        child = {"metadata": {"namespace": "vision", "name": name, "uid": "uid"}}
        drift.record(owner, JOBS, child, NOW, fields=("spec.suspend",), before=before)
    assert drift.corrected(owner, JOBS) == [Key("vision", "once"), Key("vision", "twice")]
    assert drift.corrected(owner, JOBS, above=1) == [Key("vision", "twice")]
    assert drift.corrected(owner, PODS) == []
    assert drift.corrected({"metadata": {"namespace": "vision", "name": "other"}}, JOBS) == []


def cause(of: Correction, now: datetime = NOW) -> StatusCause | None:
    return of.backoff_cause(now, CHILD_REASONS, "TrainingJob")


def test_a_field_conflict_is_reported_after_some_corrections() -> None:
    assert cause(correction(1)) is None
    assert cause(correction(2)) is None
    found = cause(correction(3, writers=("kubectl-edit", "kueue"), subject="the Job"))
    assert found is not None
    assert found.reason == "FieldConflict"
    assert found.message.startswith("kubectl-edit, kueue and Epochal overwrite each other's spec.suspend of the Job.")
    assert "change the TrainingJob instead" in found.message
    assert cause(correction(3), correction(3).due) is None


def test_a_refusal_is_reported_at_once() -> None:
    found = cause(correction(1, rejection="jobs is forbidden"))
    assert found is not None
    assert found.reason == "JobRejected"
    assert found.message == "The API server refuses to change the Job (spec.suspend): jobs is forbidden"


def entry(manager: str, *fields: str) -> Any:
    return {"manager": manager, "operation": "Update", "fieldsV1": {"f:spec": {f"f:{field}": {} for field in fields}}}


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        ([entry("kueue", "suspend"), entry("epochal", "parallelism")], ("kueue",)),
        ([entry("b", "suspend"), entry("a", "suspend", "parallelism"), entry("c", "template")], ("a", "b")),
        ([entry("epochal", "suspend")], WEBHOOK),
        ([{"manager": "status", "fieldsV1": {"f:status": {"f:suspend": {}}}}, {"manager": "odd"}], WEBHOOK),
        (None, WEBHOOK),
    ],
)
def test_the_writers_of_a_field_come_from_managed_fields(entries: Any, found: tuple[str, ...]) -> None:
    job = {"metadata": {"managedFields": entries}, "spec": {"suspend": True}}
    assert conflicting_managers(job, ["suspend"], "epochal") == found


def test_the_writer_of_a_removed_field_is_unknown() -> None:
    job = {"metadata": {"managedFields": [entry("epochal", "suspend")]}, "spec": {"suspend": True}}
    assert conflicting_managers(job, ["activeDeadlineSeconds"], "epochal") == ("Another writer",)


def test_a_correction_is_in_place_while_its_values_are_set() -> None:
    suspended, running = ({"spec": {"suspend": value}} for value in (True, False))
    assert correction(spec={"suspend": True}).is_in_place(suspended)
    assert not correction(spec={"suspend": True}).is_in_place(running)
    assert not correction(spec={"suspend": True}, rejection="no").is_in_place(suspended)
