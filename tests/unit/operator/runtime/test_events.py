"""The JSON of an Event, and its name, which is equal for equal Events."""

from datetime import UTC, datetime
from typing import Any

from epochal_operator.runtime.events import MAX_NOTE, Event, event_object
from epochal_operator.runtime.reasons import ExternalReason

from tests.unit.operator.runtime.sweeps import SWEEPS

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)


def made(event: Event) -> dict[str, Any]:
    about = {"name": "search", "namespace": "vision", "uid": "u-1"}
    return event_object(event, SWEEPS, about, instance="epochal-0", now=NOW)


def test_the_json_of_an_event() -> None:
    found = made(Event("Warning", ExternalReason("Crashed"), "why", "pod-uid"))
    assert found["metadata"]["name"].startswith("search.")
    assert (found["apiVersion"], found["kind"]) == ("events.k8s.io/v1", "Event")
    assert (found["type"], found["reason"], found["note"]) == ("Warning", "Crashed", "why")
    assert found["eventTime"] == "2026-11-25T12:00:00.000000Z"
    assert (
        found["regarding"].items() >= {"kind": "Sweep", "namespace": "vision", "name": "search", "uid": "u-1"}.items()
    )
    assert (found["reportingController"], found["reportingInstance"]) == ("epochal", "epochal-0")


def test_the_name_of_an_event_is_a_digest_of_its_content() -> None:
    same = {made(Event("Normal", ExternalReason("Started"), note, "a"))["metadata"]["name"] for note in ("one", "two")}
    others = {
        made(Event("Normal", *rest))["metadata"]["name"]
        for rest in ((ExternalReason("Started"), "", "b"), (ExternalReason("Resumed"), "", "a"))
    }
    assert len(same) == 1
    assert len(same | others) == 3


def test_a_note_is_cut_at_a_character() -> None:
    note = made(Event("Normal", ExternalReason("Started"), "x" + "ä" * MAX_NOTE, "a"))["note"]
    assert len(note.encode()) == MAX_NOTE - 1


def test_a_note_has_no_control_characters() -> None:
    note = made(Event("Warning", ExternalReason("Refused"), "denied: txt.\u202eexe\x1b[31m", "a"))["note"]
    assert note == "denied: txt. exe [31m"
