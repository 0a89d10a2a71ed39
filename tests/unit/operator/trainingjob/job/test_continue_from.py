"""What a TrainingJob that goes on from another one waits for."""

from typing import Any

import pytest
from epochal_api.trainingjob.status import ContinuedFrom
from epochal_operator.trainingjob.job.continue_from import (
    Predecessor,
    predecessor,
    predecessor_name,
    resolve,
    results,
)
from epochal_operator.trainingjob.reasons import StatusCause

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
        ({"training": "x"}, None),
        ({"training": {"continueFrom": ["first"]}}, None),
        ({"training": {"continueFrom": {"name": ["first"]}}}, None),
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
        (
            document({"state": "Failed", "results": {"uri": URI}, "progress": {"stage": "Loading"}}),
            Predecessor("first", "Failed", URI, untrained=True),
        ),
        (
            document({"state": "Failed", "results": {"uri": URI}, "progress": {"stage": "Loading", "epoch": 1}}),
            Predecessor("first", "Failed", URI),
        ),
        (
            document({"state": "Failed", "results": {"uri": URI}, "progress": {"stage": "Training"}}),
            Predecessor("first", "Failed", URI),
        ),
        (document({"state": "Failed", "attempt": "of another version"}), Predecessor("first", "Failed")),
    ],
)
def test_what_matters_of_it(found: Any, expected: Predecessor) -> None:
    assert predecessor("first", lambda name: found if name == "first" else None) == expected


def following(name: str, status: Any = None) -> dict[str, Any]:
    return document(status, training=SPEC["training"] | {"continueFrom": {"name": name}})


@pytest.mark.parametrize(
    ("others", "circle"),
    [
        ({"first": following("second"), "second": following("first")}, ("first", "second", "first")),
        ({"first": following("b"), "b": following("c"), "c": following("b")}, ("b", "c", "b")),
        ({"first": following("second"), "second": following("third")}, ()),
        ({"first": following("second"), "second": document()}, ()),
        # One of them has begun, or has ended: its own predecessor had that name before.
        ({"first": following("second"), "second": following("first", {"state": "Running"})}, ()),
        ({"first": following("second", {"state": "Complete"}), "second": following("first")}, ()),
        (
            {"first": following("second", {"state": "Queued"}), "second": following("first")},
            ("first", "second", "first"),
        ),
    ],
)
def test_who_waits_for_each_other(others: dict[str, Any], circle: tuple[str, ...]) -> None:
    assert predecessor("first", others.get).circle == circle


def test_a_long_row_of_those_that_wait_is_no_circle() -> None:
    row = {f"job-{number}": following(f"job-{number + 1}") for number in range(10_000)}
    assert predecessor("job-0", row.get).circle == ()


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
        (Predecessor("first", "Failed", URI, untrained=True), "ContinueFromFailed", "has failed before its training"),
        (Predecessor("first", "Queued", circle=("a", "b", "a")), "ContinueFromCircular", "start: a -> b -> a (spec"),
    ],
)
def test_why_it_cannot_go_on_yet(before: Predecessor, reason: str, says: str) -> None:
    found = results(before)
    assert isinstance(found, StatusCause)
    assert found.reason == reason
    assert says in found.message


FOUND = ContinuedFrom(name="first", uri=URI)


@pytest.mark.parametrize("state", ["Failed", "Complete"])
def test_it_goes_on_from_whatever_has_results(state: Any) -> None:
    assert results(Predecessor("first", state, URI)) == FOUND


@pytest.mark.parametrize(
    ("known", "name", "first", "expected"),
    [
        (None, "first", {"state": "Complete", "results": {"uri": URI}}, FOUND),
        (FOUND, "first", None, FOUND),
        (FOUND, "first", {"state": "Running"}, FOUND),
        (FOUND, "other", None, "ContinueFromNotFound"),
        (None, "first", None, "ContinueFromNotFound"),
        (None, "first", {"state": "Running", "results": {"uri": URI}}, "ContinueFromUnfinished"),
    ],
)
def test_what_was_found_once_stays_so_while_the_name_does(
    known: ContinuedFrom | None, name: str, first: Any, expected: ContinuedFrom | str
) -> None:
    others = {} if first is None else {"first": document(first)}
    itself = following(name, {"continuedFrom": known.dump()} if known else None)
    found = resolve(name, itself, others.get)
    assert (found.reason if isinstance(found, StatusCause) else found) == expected
