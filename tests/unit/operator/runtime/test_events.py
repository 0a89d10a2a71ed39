"""What an Event looks like, and that telling one twice makes no second."""

from datetime import UTC, datetime
from typing import Any

from epochal_operator.runtime.events import MAX_NOTE, Event, event_object
from epochal_operator.runtime.reasons import Foreign

from tests.unit.operator.runtime.sweeps import SWEEPS

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)


def made(event: Event) -> dict[str, Any]:
    about = {"name": "search", "namespace": "vision", "uid": "u-1"}
    return event_object(event, SWEEPS, about, instance="epochal-0", now=NOW)


def test_an_event_as_the_api_server_takes_it() -> None:
    one = made(Event("Warning", Foreign("Crashed"), "why", "pod-uid"))
    name = one["metadata"].pop("name")
    assert name.startswith("search.")
    assert one == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"namespace": "vision"},
        "eventTime": "2026-11-25T12:00:00.000000Z",
        "type": "Warning",
        "reason": "Crashed",
        "note": "why",
        "action": "Reconcile",
        "regarding": {
            "apiVersion": "epochal.dev/v1alpha1",
            "kind": "Sweep",
            "namespace": "vision",
            "name": "search",
            "uid": "u-1",
        },
        "reportingController": "epochal",
        "reportingInstance": "epochal-0",
    }


def test_the_name_tells_what_happened_and_nothing_else() -> None:
    same = {made(Event("Normal", Foreign("Started"), note, "a"))["metadata"]["name"] for note in ("one", "two")}
    others = {
        made(Event("Normal", *rest))["metadata"]["name"]
        for rest in ((Foreign("Started"), "", "b"), (Foreign("Resumed"), "", "a"))
    }
    assert len(same) == 1
    assert len(same | others) == 3


def test_a_note_is_cut_at_a_character() -> None:
    note = made(Event("Normal", Foreign("Started"), "x" + "ä" * MAX_NOTE, "a"))["note"]
    assert len(note.encode()) == MAX_NOTE - 1


def test_a_note_commands_no_terminal() -> None:
    note = made(Event("Warning", Foreign("Refused"), "denied: txt.\u202eexe\x1b[31m", "a"))["note"]
    assert note == "denied: txt. exe [31m"
