"""The predecessor in spec.training.continueFrom: its name, its results, and the reasons to wait for it."""

from typing import Any

import pytest
from epochal_api.trainingjob.status import ContinuedFrom
from epochal_operator.trainingjob.job.continue_from import MAX_CYCLE, predecessor_name, predecessor_results
from epochal_operator.trainingjob.reasons import StatusCause

from tests.unit.operator.objects import SPEC, document

URI = "s3://results/vision/first/1234/"
RESULTS = {"results": {"uri": URI}}
FOUND = ContinuedFrom(name="first", uri=URI)


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
def test_predecessor_name(spec: dict[str, Any], name: str | None) -> None:
    assert predecessor_name(document(**spec)) == name


def following(name: str, status: Any = None) -> dict[str, Any]:
    return document(status, training=SPEC["training"] | {"continueFrom": {"name": name}})


def results(others: dict[str, Any], known: ContinuedFrom | None = None, name: str = "first") -> Any:
    status = {"continuedFrom": known.dump()} if known else None
    return predecessor_results(name, following(name, status), others.get)


@pytest.mark.parametrize(
    ("first", "reason", "words"),
    [
        (None, "ContinueFromNotFound", "first does not exist"),
        (document(), "ContinueFromUnfinished", "first, which is Queued"),
        (document({"state": "Running"} | RESULTS), "ContinueFromUnfinished", "first, which is Running"),
        (document({"state": "Suspended"} | RESULTS), "ContinueFromUnfinished", "which is Suspended"),
        (document({"state": "Failed"}, spec=None), "ContinueFromFailed", "which is Failed and has stored no results"),
        (document({"state": "Failed", "attempt": "of another version"}), "ContinueFromFailed", "no results"),
        (
            document({"state": "Failed", "progress": {"stage": "Loading"}} | RESULTS),
            "ContinueFromFailed",
            "which has failed before its training began",
        ),
    ],
)
def test_reason_to_wait_for_the_predecessor(first: Any, reason: str, words: str) -> None:
    cause = results({} if first is None else {"first": first})
    assert isinstance(cause, StatusCause)
    assert cause.reason == reason
    assert words in cause.message


@pytest.mark.parametrize(
    "status",
    [
        {"state": "Complete"},
        {"state": "Failed"},
        {"state": "Failed", "progress": {"stage": "Loading", "epoch": 1}},
        {"state": "Failed", "progress": {"stage": "Training"}},
    ],
)
def test_finished_predecessor_with_results(status: Any) -> None:
    assert results({"first": document(status | RESULTS)}) == FOUND


@pytest.mark.parametrize(
    ("others", "cycle"),
    [
        ({"first": following("second"), "second": following("first")}, "first -> second -> first"),
        ({"first": following("b"), "b": following("c"), "c": following("b")}, "b -> c -> b"),
        ({"first": following("second"), "second": following("third")}, None),
        ({"first": following("second"), "second": document()}, None),
        # A TrainingJob has started or ended: its own predecessor had that name before.
        ({"first": following("second"), "second": following("first", {"state": "Running"})}, None),
        ({"first": following("second", {"state": "Complete"}), "second": following("first")}, None),
        ({"first": following("second", {"state": "Queued"}), "second": following("first")}, "first -> second -> first"),
        ({name: following(str(int(name) + 1)) for name in map(str, range(2000))} | {"first": following("0")}, None),
    ],
)
def test_cycle_of_predecessors(others: dict[str, Any], cycle: str | None) -> None:
    cause = results(others)
    assert (cause.reason == "ContinueFromCircular") is (cycle is not None)
    assert cycle is None or f": {cycle}." in cause.message


def test_a_long_chain_costs_a_bounded_number_of_steps() -> None:
    others = {str(number): following(str(number + 1)) for number in range(2000)}
    asked: list[str] = []

    def get(name: str) -> Any:
        asked.append(name)
        return others.get(name)

    cause = predecessor_results("0", following("0"), get)
    assert isinstance(cause, StatusCause)
    assert cause.reason == "ContinueFromUnfinished"
    assert len(asked) <= MAX_CYCLE + 1


@pytest.mark.parametrize(
    ("name", "first", "expected"),
    [("first", None, FOUND), ("first", {"state": "Running"}, FOUND), ("other", None, "ContinueFromNotFound")],
)
def test_known_results_stay_while_the_name_is_unchanged(name: str, first: Any, expected: ContinuedFrom | str) -> None:
    found = results({} if first is None else {"first": document(first)}, FOUND, name)
    assert (found.reason if isinstance(found, StatusCause) else found) == expected
