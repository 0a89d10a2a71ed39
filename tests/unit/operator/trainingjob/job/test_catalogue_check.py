"""A spec that the trainer would refuse gets no Job, and with another image a warning."""

from typing import Any

import pytest
from epochal_api.catalogue.findings import MAX_LINES, to_text
from epochal_api.catalogue.problems import problems
from epochal_api.trainingjob.status import Status
from epochal_operator.runtime.actions import CreateChild, EmitEvent
from epochal_operator.trainingjob.interface import spec_error
from epochal_operator.trainingjob.reconcile import parse_and_plan

from tests.unit.operator.objects import INSTALLATION, SPEC, child, condition, document, seen, training_job
from tests.unit.operator.planned import applied_status


def network(*layers: dict[str, Any]) -> dict[str, Any]:
    return {**SPEC["network"], "layers": list(layers)}


BROKEN: dict[str, Any] = {
    "network": network({"layer": "Flatten"}, {"layer": "Dense", "unit": 10, "activation": None}, {"layer": "relu"}),
    "training": {"loss": "msee", "metrics": [{"name": "AUC", "curve": None}]},
}


def test_all_problems_refuse_the_job() -> None:
    plan = parse_and_plan(document(**BROKEN), seen(), INSTALLATION)
    failed = condition(applied_status(plan.actions), "Failed")
    assert (failed.status, failed.reason) == ("True", "InvalidSpec")
    found = problems(document(**BROKEN))
    assert len(found) == 4
    assert failed.message == "\n".join(map(str, found)), "as the command `check` prints them"
    assert not any(isinstance(action, CreateChild) for action in plan.actions)
    assert spec_error(document(**BROKEN), INSTALLATION) == failed.message


def with_training(**fields: Any) -> dict[str, Any]:
    return {**BROKEN, "training": {**BROKEN["training"], **fields}}


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        (with_training(epochs=0), 5),
        (with_training(epochs=0) | {"epoch": 1, "backoffLimit": -1}, 7),
        (with_training(epoch=1) | {"network": network({"layer": "Dense", "unit": 1, "inputs": ["x"]})}, 5),
        (BROKEN | {"data": {"bucket": "digits"}}, 5),
        (with_training(epochs=0) | {"image": "registry.example.com/trainer:9"}, 1),
    ],
)
def test_all_kinds_of_problems_are_in_the_message(fields: dict[str, Any], count: int) -> None:
    """The message equals the errors of the command `check`, whether the schema or the catalogue finds the problems."""
    plan = parse_and_plan(document(**fields), seen(), INSTALLATION)
    failed = condition(applied_status(plan.actions), "Failed")
    errors = [problem for problem in problems(document(**fields)) if not problem.is_warning]
    assert len(errors) == count
    assert (failed.reason, failed.message) == ("InvalidSpec", to_text(errors))
    assert spec_error(document(**fields), INSTALLATION) == failed.message


def test_a_refused_job_is_judged_again() -> None:
    """After an edit, and after an upgrade of Epochal, whose catalogue may know the class."""
    refused = applied_status(parse_and_plan(document(**BROKEN), seen(), INSTALLATION).actions)
    assert parse_and_plan(document(refused.dump(), **BROKEN), seen(), INSTALLATION).actions == ()
    for generation in (1, 2):
        again = parse_and_plan(document(refused.dump(), generation=generation), seen(), INSTALLATION)
        assert [type(action) for action in again.actions] == [CreateChild]


def test_many_problems_are_limited() -> None:
    layers = [{"layer": "Dense", "units": 1, f"{'x' * 200}{index}": index} for index in range(900)]
    for fields in ({}, {"epoch": 1}):
        invalid = document(network=network(*layers), **fields)
        failed = condition(applied_status(parse_and_plan(invalid, seen(), INSTALLATION).actions), "Failed")
        assert len(failed.message) < 20_000
        assert len(failed.message.splitlines()) <= MAX_LINES + 1
        assert failed.message.endswith("more problems")


@pytest.mark.parametrize("status", [None, Status(job_name="digits")])
def test_another_image_gets_a_warning(status: Status | None) -> None:
    fields: dict[str, Any] = {**BROKEN, "image": "registry.example.com/trainer:9"}
    plan = parse_and_plan(document(**fields), seen(), INSTALLATION)
    assert [type(action) for action in plan.actions] == [CreateChild]
    job = training_job(**fields)
    plan = parse_and_plan(document(status and status.dump(), **fields), seen(child(job)), INSTALLATION)
    notes = [
        action.event.note
        for action in plan.actions
        if isinstance(action, EmitEvent) and action.event.reason == "UnknownObjects"
    ]
    if status is None:
        assert "keras.layers has no relu; did you mean ReLU?" in notes[0]
    else:
        assert notes == [], "the Event already exists"


def test_a_job_that_exists_is_not_judged() -> None:
    job = training_job(**BROKEN)
    plan = parse_and_plan(document(**BROKEN), seen(child(job)), INSTALLATION)
    assert applied_status(plan.actions).state != "Failed"
