"""A spec that the trainer would refuse gets no Job, and with another image a warning."""

from typing import Any

import pytest
from epochal_api.catalogue.findings import MAX_LINES
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


def test_a_refused_job_is_judged_again() -> None:
    """After an edit, and after an upgrade of Epochal, whose catalogue may know the class."""
    refused = applied_status(parse_and_plan(document(**BROKEN), seen(), INSTALLATION).actions)
    assert parse_and_plan(document(refused.dump(), **BROKEN), seen(), INSTALLATION).actions == ()
    for generation in (1, 2):
        again = parse_and_plan(document(refused.dump(), generation=generation), seen(), INSTALLATION)
        assert [type(action) for action in again.actions] == [CreateChild]


def test_many_problems_are_limited() -> None:
    layers = [{"layer": "Dense", "units": 1, f"{'x' * 200}{index}": index} for index in range(900)]
    failed = condition(
        applied_status(parse_and_plan(document(network=network(*layers)), seen(), INSTALLATION).actions), "Failed"
    )
    assert len(failed.message) < 20_000
    assert len(failed.message.splitlines()) <= MAX_LINES + 1


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
