"""Broken rules in the results of a search, and the differences between two."""

from dataclasses import replace
from typing import Any

import pytest
from epochal_operator.experiment.ledger.encoding import encode
from epochal_operator.experiment.ledger.events import Created, Event, Finished, Owner, Started
from epochal_operator.experiment.replay import Replay

from tests.faults import search_results
from tests.faults.search_results import Rung, SearchResults

HISTORY = tuple({"epoch": str(epoch), "val_loss": str(1 / epoch)} for epoch in (1, 2, 3, 4))


def rung(epoch: int, **changes: Any) -> Rung:
    history = HISTORY[:epoch]
    return replace(Rung("{}", "Completed", epoch, history[-1]["val_loss"], history), **changes)


def left(*events: Event, rungs: dict[tuple[int, int], Rung] | None = None, **status: Any) -> SearchResults:
    ledger = (Owner("uid"), Created(0, {"a": "1"}, 0), *events, *finished(0, 0, "a"), *finished(0, 1, "b"))
    whole = {
        "trials": {"failed": 0},
        "epochs": {},
        "best": {"trial": 0, "value": HISTORY[3]["val_loss"], "parameters": {"a": "1"}},
    }
    experiment = {"metadata": {}, "status": whole | status}
    return SearchResults(
        experiment,
        encode(ledger),
        {(0, 0): rung(1), (0, 1): rung(4)} if rungs is None else rungs,
        frozenset({"a", "b"}),
    )


def finished(trial: int, number: int, uid: str) -> list[Event]:
    return [Started(trial, number, uid), Finished(trial, number, 1, "1.0", uid, 5, is_last=False)]


@pytest.fixture(autouse=True)
def _replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_results, "replay", lambda *_: Replay(2, ()))


def test_a_search_that_is_in_order() -> None:
    assert left().faults() == []
    assert left().differences(left()) == []


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (left(Created(2, {"a": "2"}, 0)), "trials [0, 2] were created"),
        (left(Created(1, {"a": "1"}, 0)), "two trials have the same parameters"),
        (left(*finished(1, 0, "c")), "the ledger knows [(0, 0), (0, 1), (1, 0)]"),
        (left(Started(0, 0, "lost")), "the ledger knows of 3 that were begun"),
        (left(trials={"failed": 1}), "1 trials have failed"),
        (left(epochs={"repeated": 2}), "2 epochs were trained twice"),
        (left(rungs={(0, 0): rung(1), (0, 1): rung(4, history=HISTORY[1:])}), "has the epochs [2, 3, 4]"),
        (left(rungs={(0, 0): rung(1, history=HISTORY[1:2]), (0, 1): rung(4)}), "the history of the rung before"),
        (left(best={"trial": 1, "value": "0.1", "parameters": {}}), "the best is told to be trial 1"),
    ],
)
def test_broken_rules_are_faults(found: SearchResults, words: str) -> None:
    assert any(words in fault for fault in found.faults())


def test_a_deleted_training_may_start_again() -> None:
    assert left(Started(0, 0, "lost"), epochs={"repeated": 2}).faults(deleted=1) == []


def test_differences_are_listed_by_rung() -> None:
    other = left(rungs={(0, 0): rung(1, value="0.9"), (0, 1): rung(4)})
    assert left().differences(other) == ["rung 0 of trial 0: value is 1.0, undisturbed 0.9"]
    fewer = left(rungs={(0, 0): rung(1)})
    assert left().differences(fewer) == ["rung 1 of trial 0 is in one only"]
    assert left().differences(fewer, more=True) == []
    assert fewer.differences(left(), more=True) == ["rung 1 of trial 0 is in one only"]
