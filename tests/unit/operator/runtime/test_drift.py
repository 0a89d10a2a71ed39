"""Somebody else changes what is owned, too: how soon that is put right, and who it was."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from epochal_operator.runtime.api.resource import JOBS, PODS, Key, key_of
from epochal_operator.runtime.drift import Correction, DriftBackoff, writers
from epochal_operator.runtime.reasons import StatusCause
from epochal_operator.trainingjob.reasons import CHILD_REASONS

from tests.unit.operator.objects import NOW

WEBHOOK = ("An admission webhook",)


def made(times: int = 1, **rest: Any) -> Correction:
    return Correction("job-uid", 1, times, NOW, ("spec.suspend",), **rest)


def test_the_longer_it_lasts_the_longer_it_waits() -> None:
    waits = [(made(times).due - NOW).total_seconds() for times in range(1, 40)]
    assert waits[:4] == [1, 2, 4, 8]
    assert waits == sorted(waits)
    assert max(waits) == 300


@pytest.mark.parametrize("times", [1025, 100_000])
def test_the_delay_of_a_drift_that_lasts_for_days_is_the_longest_one(times: int) -> None:
    assert made(times).due - NOW == timedelta(seconds=300)


@pytest.mark.parametrize(
    ("uid", "generation", "seconds", "concerned"),
    [
        ("job-uid", 1, 0, True),
        ("job-uid", 1, 899, True),
        ("job-uid", 1, 900, False),
        ("another", 1, 0, False),
        ("job-uid", 2, 0, False),
    ],
)
def test_what_it_concerns(uid: str, generation: int, seconds: float, concerned: bool) -> None:  # noqa: FBT001
    assert made().concerns(uid, generation, NOW + timedelta(seconds=seconds)) is concerned


def test_the_latest_one_of_each_child_is_known_until_its_training_job_is_gone() -> None:
    drift, now = DriftBackoff(), NOW + timedelta(seconds=9)
    owner = {"metadata": {"namespace": "vision", "name": "digits", "generation": 1}}
    job = {"metadata": {"namespace": "vision", "name": "digits", "uid": "job-uid"}}
    key = key_of(job)
    drift.record(owner, JOBS, job, NOW, fields=("spec.suspend",), before=None)
    assert drift.of(owner, JOBS, key, "job-uid", now) == made(1, subject="its Job")
    drift.record(owner, JOBS, job, NOW, fields=("spec.suspend",), before=made(1))
    assert drift.of(owner, JOBS, key, "job-uid", now) == made(2, subject="its Job")
    assert drift.of(owner, JOBS, key, "another", now) is None
    assert drift.of(owner, PODS, key, "job-uid", now) is None
    assert drift.of(owner, JOBS, Key("vision", "another"), "job-uid", now) is None
    drift.forget(Key("vision", "another"))
    assert drift.of(owner, JOBS, key, "job-uid", now) is not None
    drift.forget(key)
    assert drift.of(owner, JOBS, key, "job-uid", now) is None


def told(one: Correction, now: datetime = NOW) -> StatusCause | None:
    return one.blocks(now, CHILD_REASONS, "TrainingJob")


def test_it_is_told_once_it_lasts() -> None:
    assert told(made(1)) is None
    assert told(made(2)) is None
    cause = told(made(3, writers=("kubectl-edit", "kueue"), subject="its Job"))
    assert cause is not None
    assert cause.reason == "FieldConflict"
    assert cause.message.startswith("kubectl-edit, kueue and Epochal overwrite each other's spec.suspend of its Job.")
    assert "change the TrainingJob instead" in cause.message
    assert told(made(3), made(3).due) is None


def test_a_refusal_is_told_at_once() -> None:
    cause = told(made(1, refusal="jobs is forbidden"))
    assert cause is not None
    assert cause.reason == "JobRejected"
    assert cause.message == "The API server refuses to change its Job (spec.suspend): jobs is forbidden"


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
def test_who_wrote_a_field(entries: Any, found: tuple[str, ...]) -> None:
    job = {"metadata": {"managedFields": entries}, "spec": {"suspend": True}}
    assert writers(job, ["suspend"], "epochal") == found


def test_nobody_is_known_to_have_removed_a_field() -> None:
    job = {"metadata": {"managedFields": [entry("epochal", "suspend")]}, "spec": {"suspend": True}}
    (who,) = writers(job, ["activeDeadlineSeconds"], "epochal")
    assert who == "Somebody whom the API server does not name"


def test_what_nobody_has_undone_holds_nothing_up() -> None:
    suspended, going = ({"spec": {"suspend": value}} for value in (True, False))
    assert made(spec={"suspend": True}).stands(suspended)
    assert not made(spec={"suspend": True}).stands(going)
    assert not made(spec={"suspend": True}, refusal="no").stands(suspended)
