"""The faults of an Experiment that the audit finds."""

from typing import Any

from epochal_operator.experiment.ledger.encoding import encode
from epochal_operator.experiment.ledger.events import Created, Event, Owner, Started

from tests.kit.audit import Audit
from tests.kit.search_audit import forgotten, forgotten_events

LEDGER: tuple[Event, ...] = (Owner("uid"), Created(0, {}, 0), Started(0, 0, "a"))


def experiment(goal: str = "Maximize", **status: Any) -> dict[str, Any]:
    metadata = {"name": "search", "uid": "uid"}
    return {"metadata": metadata, "spec": {"objective": {"goal": goal}}, "status": status}


def stored(ledger: tuple[Event, ...]) -> dict[str, Any]:
    return {"metadata": {"name": "search", "uid": "ledger"}, "data": encode(ledger)}


def best(value: str) -> dict[str, Any]:
    return {"trial": 0, "value": value}


def modified(thing: dict[str, Any]) -> dict[str, Any]:
    return {"type": "MODIFIED", "object": thing}


def test_a_growing_search_has_no_fault() -> None:
    before = experiment(trials={"created": 1})
    after = experiment(trials={"created": 1}, best=best("0.5"))
    assert list(forgotten({"metadata": {}, "spec": before["spec"]}, before)) == []
    assert list(forgotten(before, after)) == []
    assert list(forgotten(after, experiment(trials={"created": 2}, best=best("0.6")))) == []
    assert list(forgotten_events(stored(LEDGER[:2]), stored(LEDGER))) == []


def test_lost_observations_are_a_fault() -> None:
    before = experiment(trials={"created": 2}, best=best("0.5"))
    assert list(forgotten(before, experiment(trials={"created": 1}))) == [
        "trials.created went from 2 to 1",
        "best went from 0.5 to None",
    ]
    (worse,) = forgotten(experiment(goal="Minimize", best=best("0.5")), experiment(goal="Minimize", best=best("0.6")))
    assert worse == "best went from 0.5 to 0.6"


def test_an_event_that_is_lost_is_a_fault() -> None:
    audit = Audit("any")
    for ledger in (LEDGER, LEDGER[:2], LEDGER):
        audit._take_ledger(modified(stored(ledger)))
    assert audit.faults == ["search: its ledger had 3 events, of which 2 are where they were"]


def test_an_end_event_may_occur_at_each_end() -> None:
    audit = Audit("any")
    for state in ("Running", "Complete", "Complete", "Running", "Complete"):
        audit._take_experiment(modified(experiment(state=state)))
    for uid, reason in (("1", "Completed"), ("2", "Completed"), ("3", "NewBest"), ("4", "NewBest")):
        about = {"kind": "Experiment", "uid": "uid"}
        audit._take_event(modified({"metadata": {"uid": uid}, "regarding": about, "reason": reason, "note": "well"}))
    assert audit.faults == ["search: the Event NewBest was told 2 times: well"]
