"""What a TrainingJob that goes on from another one waits for."""

from typing import Any

import pytest
from epochal_operator.predecessor import Predecessor, obstacle, predecessor, predecessor_name

from tests.unit.operator.objects import SPEC, document

URI = "s3://results/vision/first/1234/"


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ({}, None),
        ({"training": SPEC["training"] | {"continueFrom": {"name": "first"}}}, "first"),
        ({"training": SPEC["training"] | {"continueFrom": {"uri": URI}}}, None),
        ({"training": SPEC["training"] | {"continueFrom": None}}, None),
        ({"training": None}, None),
    ],
)
def test_which_one_it_names(spec: dict[str, Any], name: str | None) -> None:
    assert predecessor_name(document(**spec)) == name


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, Predecessor("first")),
        (document(), Predecessor("first", "Queued")),
        (document({"state": "Running", "results": {"uri": URI}}), Predecessor("first", "Running", URI)),
        (document({"state": "Complete", "results": {"uri": URI}}), Predecessor("first", "Complete", URI)),
        (document({"state": "Failed"}, spec=None), Predecessor("first", "Failed")),
    ],
)
def test_what_matters_of_it(found: Any, expected: Predecessor) -> None:
    assert predecessor("first", found) == expected


@pytest.mark.parametrize(
    ("before", "reason", "says"),
    [
        (
            Predecessor("first"),
            "ContinueFromNotFound",
            "the TrainingJob first (spec.training.continueFrom.name), which",
        ),
        (Predecessor("first", "Queued"), "ContinueFromUnfinished", "the TrainingJob first, which is Queued."),
        (Predecessor("first", "Running", URI), "ContinueFromUnfinished", "the TrainingJob first, which is Running."),
        (Predecessor("first", "Suspended", URI), "ContinueFromUnfinished", "which is Suspended."),
        (Predecessor("first", "Failed"), "ContinueFromFailed", "first, which is Failed and has stored no results"),
        (Predecessor("first", "Failed", URI), None, ""),
        (Predecessor("first", "Complete", URI), None, ""),
    ],
)
def test_why_it_cannot_go_on_yet(before: Predecessor, reason: str | None, says: str) -> None:
    found = obstacle(before)
    assert (found.reason if found else None) == reason
    assert says in (found.message if found else "")
