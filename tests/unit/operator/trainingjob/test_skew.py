"""Objects, reports and statuses of trainers and operators of other versions."""

import json
from typing import Any

import pytest
from epochal_api.read_status import read_status
from epochal_api.trainingjob.report import decode_termination
from epochal_api.trainingjob.status import ReportedStatus, Status
from epochal_operator.runtime.actions import CreateChild
from epochal_operator.trainingjob.job.observed import Observed
from epochal_operator.trainingjob.progress.endpoint import is_newer, read_report
from epochal_operator.trainingjob.progress.reported_status import reported_status
from epochal_operator.trainingjob.reconcile import parse_and_plan

from tests.unit.operator.objects import INSTALLATION, NOW, at, child, document, required, running, waits
from tests.unit.operator.planned import applied_status

OLD: dict[str, Any] = {
    "attempt": 2,
    "sequence": 17,
    "stage": "Training",
    "epoch": 3,
    "epochs": 10,
    "step": 210,
    "stepsPerEpoch": 782,
    "secondsPerEpoch": 15.2,
    "secondsLeft": 104.5,
    "metrics": {"loss": 0.0368, "val_loss": 0.0436},
    "best": {"epoch": 2, "metric": "val_loss", "value": 0.0436},
    "test": None,
    "network": {"parameters": 58954, "layers": 14},
    "artifacts": {"uri": "s3://results/vision/digits/u/", "model": None, "log": None},
}
"""A report as a trainer of version 0.1 sends it, before exact resume."""
NEW: dict[str, Any] = OLD | {
    "shards": [1, 2],
    "network": {"parameters": 58954, "layers": 14, "trainable": 58000},
    "warnings": [{"reason": "MissingClasses", "message": "no nines", "part": "test"}],
    "best": {"epoch": 2, "metric": "val_loss", "value": 0.0436, "step": 7},
    "models": [{"name": "model.keras", "epoch": 3, "sha256": "0" * 64, "quantized": True}],
}
"""A report as a trainer of a later version may send it."""


@pytest.mark.parametrize("body", [OLD, NEW])
def test_report_of_another_version_is_accepted(body: dict[str, Any]) -> None:
    report = read_report(json.dumps(body).encode())
    assert report.order == (2, 17)
    status = reported_status(report, NOW)
    assert status.progress is not None
    assert (status.progress.epoch, status.progress.step, status.progress.waiting) == (3, 210, None)
    assert is_newer(report, at(0), Status())


@pytest.mark.parametrize(
    "words",
    [
        {"reason": "Completed", "message": "done", "report": OLD},
        {"reason": "BadData", "message": "no such column", "report": None},
        {"reason": "Preempted", "message": "later", "report": NEW, "position": {"epoch": 3, "step": 1, "batch": 2}},
    ],
)
def test_termination_message_of_another_version(words: dict[str, Any]) -> None:
    found = required(decode_termination(json.dumps(words)))
    assert (found.reason, found.message) == (words["reason"], words["message"])


def condition(kind: str, status: str, reason: str) -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "lastTransitionTime": at(0), "severity": "Info"}


def test_status_of_a_later_version_is_continued() -> None:
    status = {
        "state": "Running",
        "startTime": at(0),
        "attempt": 1,
        "shards": 4,
        "progress": {"attempt": 1, "sequence": 5, "stage": "Training", "epoch": 1, "epochs": 10, "tokens": 7},
        "conditions": [condition("Ready", "True", "Running"), condition("Sharded", "True", "Balanced")],
    }
    todo = parse_and_plan(document(status), Observed(NOW, child(startTime=at(0))), INSTALLATION)
    assert not [action for action in todo.actions if isinstance(action, CreateChild)]
    written = applied_status(todo.actions)
    assert (written.start_time, written.attempt) == (at(0), 1)


def test_finished_status_of_a_later_version_is_kept() -> None:
    status = {
        "observedGeneration": 1,
        "state": "Complete",
        "shards": 4,
        "conditions": [
            condition("Complete", "True", "Completed"),
            condition("Finished", "True", "Complete"),
            condition("Sharded", "True", "Balanced"),
        ],
    }
    for one in status["conditions"]:  # type: ignore[attr-defined]
        one["observedGeneration"] = 1
    assert parse_and_plan(document(status), Observed(NOW), INSTALLATION).actions == ()


def test_trainer_that_reports_no_step_of_its_start_loads() -> None:
    loads = read_report(json.dumps(OLD | {"stage": "Loading"}).encode())
    one = document(reported_status(loads, NOW).dump())
    todo = parse_and_plan(one, Observed(NOW, child(startTime=at(-60)), (running(),)), INSTALLATION)
    status = applied_status(todo.actions)
    assert status.state == "Starting"


def test_ready_of_an_earlier_version_is_derived_again() -> None:
    earlier = [condition("Ready", "True", "ImagePullBackOff"), condition("Failed", "False", "Unfinished")]
    one = document({"state": "Starting", "startTime": at(0), "conditions": earlier})
    todo = parse_and_plan(one, Observed(NOW, child(startTime=at(0)), (waits("ErrImagePull", "no"),)), INSTALLATION)
    status = applied_status(todo.actions)
    found = {condition.type: (condition.status, condition.reason) for condition in status.conditions or []}
    assert found["Ready"] == ("False", "ImagePullBackOff")
    assert found["Finished"] == ("False", "Unfinished")


def test_unknown_state_is_derived_again() -> None:
    todo = parse_and_plan(document(status={"state": "Compiling"}), Observed(now=NOW, job=child()), INSTALLATION)
    status = applied_status(todo.actions)
    assert status.state == "Queued"


@pytest.mark.parametrize(
    "status",
    [
        {"progress": {"attempt": 1, "sequence": 5, "stage": "Sharding", "epoch": 1, "epochs": 10}},
        {"progress": {"attempt": "first", "waiting": {"reason": "Quota"}}, "metrics": {"loss": 0.5}},
        {"conditions": [{"type": "Sharded"}], "network": {"layers": 3}, "best": [], "startTime": at(0)},
    ],
)
def test_malformed_status_is_continued(status: dict[str, Any]) -> None:
    todo = parse_and_plan(document(status), Observed(NOW, child(startTime=at(0))), INSTALLATION)
    written = applied_status(todo.actions)
    assert (written.state, written.start_time) == ("Queued", at(0))
    assert parse_and_plan(document(status, network={}), Observed(NOW, child(startTime=at(0))), INSTALLATION).actions
    assert is_newer(read_report(json.dumps(OLD).encode()), at(0), read_status(Status, status))


def test_invalid_report_in_a_termination_message_keeps_the_reason() -> None:
    words = {"reason": "BadData", "message": "no such column", "report": OLD | {"stage": "Sharding"}, "position": "far"}
    found = required(decode_termination(json.dumps(words)))
    assert (found.reason, found.report, found.position) == ("BadData", None, None)


def test_metric_of_another_version_is_displayed_unchanged() -> None:
    before = read_status(ReportedStatus, reported_status(read_report(json.dumps(OLD).encode()), NOW).dump())
    before = before.model_copy(update={"metrics": {"val_loss": "0.5±0.1"}})
    loads = OLD | {"attempt": 3, "sequence": 1, "stage": "Loading", "epoch": 0, "step": 0, "metrics": None}
    shown = required(reported_status(read_report(json.dumps(loads).encode()), NOW, before).display)
    assert shown.metric == "val_loss 0.5±0.1"
