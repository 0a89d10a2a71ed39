"""The events of TrainingJobs that are not in the ledger yet."""

import json
from datetime import timedelta
from typing import Any

import pytest
from epochal_operator.experiment.ledger.encoding import decode, encode
from epochal_operator.experiment.ledger.events import Created, Diverged, Event, Failed, Finished, Started
from epochal_operator.experiment.ledger.observe import START_WRITE_SECONDS, observe_jobs, seconds_until_due
from epochal_operator.experiment.ledger.trials import apply_events
from epochal_operator.experiment.trial import Trial
from epochal_operator.experiment.trial_state import jobs_by_rung, metric_names, parse_trial_name

from tests.unit.operator.experiment.searches import created, finished, spec, started
from tests.unit.operator.objects import NOW, at

EXPERIMENT = {"name": "search", "namespace": "vision", "uid": "e"}


def job(number: int = 1, rung: int = 0, *, name: str = "", owner: str = "e", uid: str = "", **status: Any) -> Any:
    """Returns the TrainingJob of a rung of a trial."""
    reference = {"apiVersion": "epochal.dev/v1alpha1", "kind": "Experiment", "name": "search", "controller": True}
    return {
        "metadata": {
            "name": name or f"search-{number}-r{rung}",
            "namespace": "vision",
            "uid": uid or f"uid-{number}-{rung}",
            "creationTimestamp": at(100 * rung),
            "ownerReferences": [reference | {"uid": owner}],
            "labels": {"epochal.dev/experiment": "search"},
            "annotations": {"epochal.dev/parameters": json.dumps({"rate": "0.01"}), "epochal.dev/known": "3"},
        },
        "spec": {"suspend": False},
        "status": status,
    }


def complete(
    number: int = 1, rung: int = 0, reason: str = "StoppedAfterEpoch", *, after: float = 60, **more: Any
) -> Any:
    condition = {"type": "Complete", "status": "True", "reason": reason}
    figures: dict[str, Any] = {
        "progress": {"epoch": (1, 3, 9)[rung]},
        "best": {"epoch": 1, "metric": "val_accuracy", "value": "0.5"},
        "metrics": {"val_accuracy": "0.4"},
    }
    times = {"startTime": at(100 * rung), "completionTime": at(100 * rung + after)}
    return job(number, rung, state="Complete", conditions=[condition], **figures | times | more)


def ended(number: int, reason: str, **status: Any) -> Any:
    conditions = [{"type": "Failed", "status": "True", "reason": reason}]
    return job(number, state="Failed", conditions=conditions, completionTime=at(60), **status)


def observe(events: list[Event], *jobs: Any, **changes: Any) -> tuple[Event, ...]:
    return observe_jobs(spec(**changes), apply_events(events), jobs_by_rung(jobs, EXPERIMENT))


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (job(), []),
        (job(state="Running"), []),
        (complete(), [Finished(1, 0, 1, "0.5", "uid-1-0", 60, is_last=False, value_epoch=1)]),
        (complete(reason="Completed"), [Finished(1, 0, 1, "0.5", "uid-1-0", 60, is_last=True, value_epoch=1)]),
        (complete(reason="FinishedEarly"), [Finished(1, 0, 1, "0.5", "uid-1-0", 60, is_last=True, value_epoch=1)]),
        (complete(best=None), [Finished(1, 0, 1, "0.4", "uid-1-0", 60, is_last=False, value_epoch=1)]),
        (
            complete(best={"metric": "val_loss", "value": "9"}),
            [Finished(1, 0, 1, "0.4", "uid-1-0", 60, is_last=False, value_epoch=1)],
        ),
        (complete(best={"metric": "val_accuracy"}), [Failed(1, 0, "uid-1-0", "MetricUnavailable")]),
        (complete(best=None, metrics=None), [Failed(1, 0, "uid-1-0", "MetricUnavailable")]),
        (complete(best=None, metrics={"val_accuracy": "nan"}), [Diverged(1, 0, "uid-1-0")]),
        (complete(startTime=None), [Finished(1, 0, 1, "0.5", "uid-1-0", 0, is_last=False, value_epoch=1)]),
        (complete(progress=None), [Finished(1, 0, 0, "0.5", "uid-1-0", 60, is_last=False, value_epoch=1)]),
        (ended(1, "NonFiniteLoss"), [Diverged(1, 0, "uid-1-0")]),
        (ended(1, "OutOfMemory"), [Failed(1, 0, "uid-1-0", "OutOfMemory")]),
        (ended(1, "InvalidSpec"), []),  # another version of Epochal may accept its spec
        (ended(1, "InvalidSpec", startTime=at(0)), [Failed(1, 0, "uid-1-0", "InvalidSpec")]),  # reported by the trainer
    ],
)
def test_events_of_a_rung(one: Any, expected: list[Event]) -> None:
    assert observe([created(1)], one) == (started(1), *expected)
    assert observe([created(1), started(1)], one) == tuple(expected)
    assert observe([created(1), started(1), *expected], one) == ()


@pytest.mark.parametrize(
    ("rung", "failure", "reason"),
    [
        (1, "CheckpointMissing", "CheckpointLost"),
        (1, "CheckpointTooNew", "CheckpointLost"),  # after a rollback
        (1, "InvalidTraining", "InvalidTraining"),
        (0, "CheckpointMissing", "CheckpointMissing"),
    ],
)
def test_a_trial_without_its_checkpoint_is_complete(rung: int, failure: str, reason: str) -> None:
    conditions = [{"type": "Failed", "status": "True", "reason": failure, "message": ""}]
    one = job(1, rung, state="Failed", conditions=conditions, completionTime=at(160))
    events: list[Event] = [created(1), started(1), *[finished(1, "0.5")] * rung]
    found = observe(events, one)
    assert found[-1] == Failed(1, rung, f"uid-1-{rung}", reason)
    (trial,) = apply_events([*events, *found])
    assert (trial.state, trial.reason) == ("Complete" if reason == "CheckpointLost" else "Failed", reason)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (complete(best=None, metrics={"val_loss": "1", "accuracy": "0.5"}), "accuracy, val_loss"),
        (complete(best={"metric": "val_accuracy"}, metrics={"loss": "1"}), "loss, val_accuracy"),
        (complete(best=None, metrics=None), "none"),
        (None, "none"),
    ],
)
def test_names_of_reported_metrics(one: Any, expected: str) -> None:
    assert metric_names(one) == expected


def test_strategy_last_uses_the_last_epoch() -> None:
    objective = {"metric": "val_accuracy", "goal": "Maximize", "strategy": "Last"}
    (_, found) = observe([created(1)], complete(), objective=objective)
    assert isinstance(found, Finished)
    assert found.value == "0.4"


@pytest.mark.parametrize(("strategy", "epoch"), [("Best", 2), ("Last", 3)])
def test_the_epoch_of_the_value(strategy: str, epoch: int) -> None:
    best = {"epoch": 2, "metric": "val_accuracy", "value": "0.5"}
    objective = {"metric": "val_accuracy", "goal": "Maximize", "strategy": strategy}
    found = observe([created(1), started(1), finished(1, "0.4")], complete(1, 1, best=best), objective=objective)[-1]
    assert isinstance(found, Finished)
    assert (found.epoch, found.value_epoch) == (3, epoch)


def test_events_are_sorted_by_time_and_trial() -> None:
    events: list[Event] = [created(number) for number in range(4)]
    found = observe(events, complete(2, after=60), complete(1, after=60), complete(3, after=30))
    assert [(type(one).__name__, one.trial) for one in found] == [  # type: ignore[union-attr]
        ("Started", 1), ("Started", 2), ("Started", 3), ("Finished", 3), ("Finished", 1), ("Finished", 2)
    ]  # fmt: skip


def test_a_training_job_of_the_next_rung_is_a_promotion() -> None:
    events: list[Event] = [created(1), started(1), finished(1, "0.5")]
    assert observe(events, complete(), job(1, 1)) == (started(1, 1),)
    both = observe([created(1)], complete(), complete(1, 1))
    assert [type(one) for one in both] == [Started, Finished, Started, Finished]
    assert apply_events([created(1), *both])[0].epoch == 3


@pytest.mark.parametrize("copy", [job(1, 1, state="Suspended"), complete(1, 1)])
def test_a_training_job_of_a_later_rung_than_the_current_one_is_ignored(copy: Any) -> None:
    assert observe([created(1), started(1)], job(1, 0, state="Running"), copy) == ()
    assert observe([created(1)], job(1, 0, state="Running"), copy) == (started(1),)
    assert observe([created(1), started(1)], complete(), copy)[:2] == (
        Finished(1, 0, 1, "0.5", "uid-1-0", 60, is_last=False, value_epoch=1),
        started(1, 1),
    )


def test_a_recreated_training_job_starts_again() -> None:
    assert observe([created(1), started(1)], job(1, uid="again")) == (Started(1, 0, "again"),)


def test_a_missing_rung_before_another_rung_is_finished() -> None:
    found = observe([], job(1, 1))
    assert Finished(1, 0, 1, None, "", 0, is_last=False) in found
    assert apply_events(found) == (
        Trial(1, {"rate": "0.01"}, 3, apply_events(found)[0].rungs, "Running", uids=("uid-1-1",)),
    )  # fmt: skip


@pytest.mark.parametrize("annotations", [{}, {"epochal.dev/parameters": "[]", "epochal.dev/known": "3"},
    {"epochal.dev/parameters": "[" * 200_000, "epochal.dev/known": "3"},
    {"epochal.dev/parameters": "{", "epochal.dev/known": "3"},
    {"epochal.dev/parameters": "{}", "epochal.dev/known": "-1"},
    {"epochal.dev/parameters": "{}", "epochal.dev/known": "x"}])  # fmt: skip
def test_invalid_annotations_create_no_trial(annotations: dict[str, str]) -> None:
    one = job()
    one["metadata"]["annotations"] = annotations
    assert observe([], one) == ()


@pytest.mark.parametrize(
    "other",
    [
        job(owner="another"),
        job(name="search-1"),
        job(name="search-01-r0"),
        job(name="other-1-r0"),
        job(name="search-x-1-r0"),
        job(1, 7, name="search-1-r7", uid="x"),
    ],
)
def test_foreign_training_jobs_are_ignored(other: Any) -> None:
    assert observe([created(1)], other) == ()


def test_trials_are_found_by_name_instead_of_labels() -> None:
    one = job(12, 2)
    one["metadata"]["labels"] |= {"epochal.dev/trial": "3", "epochal.dev/rung": "0"}
    assert list(jobs_by_rung([one], EXPERIMENT)) == [(12, 2)]


@pytest.mark.parametrize(
    ("state", "trained", "due"),
    [
        ("Queued", None, None),
        ("Starting", None, None),
        ("Running", 0, START_WRITE_SECONDS),
        ("Running", 2, START_WRITE_SECONDS - 2),
        ("Running", START_WRITE_SECONDS, 0),
        ("Running", 3600, 0),
        ("Running", -60, 0),
        ("Running", None, 0),
        ("Suspended", None, 0),
        ("Suspended", 1, START_WRITE_SECONDS - 1),
    ],
)
def test_the_write_of_a_start_is_delayed(state: str, trained: float | None, due: float | None) -> None:
    one = job(1, state=state)
    one["status"].pop("startTime", None)
    if trained is not None:
        one["status"]["startTime"] = (NOW - timedelta(seconds=trained)).isoformat()
    jobs = jobs_by_rung([one], EXPERIMENT)
    assert seconds_until_due(started(1), jobs, NOW) == due
    assert seconds_until_due(finished(1, "0.5"), jobs, NOW) == seconds_until_due(created(1), jobs, NOW) == 0


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("search-0-r0", (0, 0)),
        ("search-12-r3", (12, 3)),
        ("search-012-r3", None),
        ("search-1-r", None),
        ("search-1-r0x", None),
        ("search", None),
        ("searches-1-r0", None),
        ("research-1-r0", None),
    ],
)
def test_parse_trial_name(name: str, place: Any) -> None:
    assert parse_trial_name(name, "search") == place


@pytest.mark.parametrize(
    ("number", "parameters", "known"),
    [
        (1, {"rate": "0.01", "other": "1"}, "3"),
        (1, {f"p{number}": "1" for number in range(33)}, "3"),
        (1, {"rate": "high"}, "3"),
        (1, {"rate": "9" * 257}, "3"),
        (1, {"rate": "0.01\n"}, "3"),
        (1, {"rate": 0.01}, "3"),
        (1, {"rate": None}, "3"),
        (1000, {"rate": "0.01"}, "3"),
        (999_999_999, {"rate": "0.01"}, "3"),
        (1, {"rate": "0.01"}, "9999999999999999"),
    ],
)
def test_annotations_with_impossible_values_create_no_trial(number: int, parameters: Any, known: str) -> None:
    one = job(number)
    annotations = {"epochal.dev/parameters": json.dumps(parameters), "epochal.dev/known": known}
    one["metadata"]["annotations"] = annotations
    assert observe([], one) == ()


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ({"name": "rate", "float": {"min": "0.1", "max": "0.2"}}, "7.5"),
        ({"name": "rate", "float": {"min": "0.1", "max": "0.2"}}, "null"),
        ({"name": "rate", "int": {"min": 1, "max": 2}}, "64"),
        ({"name": "rate", "values": ["a", "b"]}, "what the template has"),
    ],
)
def test_only_the_first_trials_may_have_values_outside_the_domain(parameter: Any, value: str) -> None:
    parameters = [parameter | {"paths": ["training.optimizer.learning_rate"]}]
    jobs = [job(number) for number in range(3)]
    for one in jobs:
        one["metadata"]["annotations"]["epochal.dev/parameters"] = json.dumps({"rate": value})
    initial = [{"rate": parameter["values"][0] if "values" in parameter else "1"}]
    found = observe([], *jobs, parameters=parameters, initialTrials=initial)
    assert [one for one in found if isinstance(one, Created)] == [
        Created(number, {"rate": value}, 3) for number in range(2)
    ]


@pytest.mark.parametrize(
    ("parameter", "value", "is_suggested"),
    [
        ({"values": ["a", "b"]}, "b", True),
        ({"values": ["a", "b"]}, "c", False),
        ({"values": ["1", "2"]}, "1.0", False),
        ({"float": {"min": "0.1", "max": "0.2"}}, "0.1", True),
        ({"float": {"min": "0.1", "max": "0.2"}}, "0.15" + "0" * 200, False),
        ({"float": {"min": "0.1", "max": "0.2"}}, "0.3", False),
        ({"float": {"min": "0.1", "max": "0.2", "step": "0.05"}}, "0.15", True),
        ({"float": {"min": "0.1", "max": "0.2", "step": "0.05"}}, "0.16", False),
        ({"int": {"min": 1, "max": 9, "step": 4}}, "5", True),
        ({"int": {"min": 1, "max": 9, "step": 4}}, "6", False),
        ({"int": {"min": 1, "max": 9}}, "null", False),
    ],
)
def test_a_later_trial_has_a_value_that_the_searcher_may_suggest(
    parameter: Any, value: str, *, is_suggested: bool
) -> None:
    one = job(7)
    one["metadata"]["annotations"]["epochal.dev/parameters"] = json.dumps({"rate": value})
    parameters = [parameter | {"name": "rate", "paths": ["training.optimizer.learning_rate"]}]
    assert bool(observe([], one, parameters=parameters)) is is_suggested


def test_a_ledger_with_trials_gets_no_trial_from_an_annotation() -> None:
    """Its trials were written before their TrainingJobs, so a user has created the others."""
    assert observe([created(0)], job(0), job(1)) == (started(0),)
    assert {type(one) for one in observe([], job(0), job(1))} == {Created, Started}


def test_numbers_in_a_status_are_bounded() -> None:
    one = complete(progress={"epoch": 10**15}, startTime="0001-01-01T00:00:00Z")
    found = observe([created(1)], one)
    assert decode(encode(found)) == found
