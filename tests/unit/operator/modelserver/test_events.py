"""The Events of a ModelServer."""

from typing import Any

import pytest
from epochal_api.modelserver.status import ModelServerStatus
from epochal_operator.modelserver.events import not_convertible, spec_warnings, transition_events
from epochal_operator.modelserver.reasons import Reason, StatusCause

from tests.unit.operator.modelserver.servers import server

KEYS = {"secretRef": {"name": "keys"}}


def status(progress: tuple[str, str, str], ready: tuple[str, str] = ("True", "Serving"), generation: int = 1) -> Any:
    values, reason, message = progress
    conditions = [
        {"type": "Ready", "status": ready[0], "reason": ready[1], "lastTransitionTime": "t"},
        {"type": "Progressing", "status": values, "reason": reason, "message": message, "lastTransitionTime": "t"},
    ]
    return ModelServerStatus.model_validate({"observedGeneration": generation, "conditions": conditions})


NOTHING = ModelServerStatus()
ROLLING, DONE = status(("True", "RollingOut", "0 of 1")), status(("True", "RolledOut", "all"))
DAMAGED = status(("False", "ModelDamaged", "another"))
STOPPED = status(("True", "RolledOut", "all"), ("False", "Stopped"))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (NOTHING, ROLLING, []),
        (ROLLING, DONE, [("Normal", "RolledOut", "all")]),
        (ROLLING, DAMAGED, [("Warning", "ModelDamaged", "another")]),
        (DAMAGED, status(("False", "ModelDamaged", "still another")), []),
        (DAMAGED, DONE, [("Normal", "RolledOut", "all")]),
        (DONE, DONE, []),
        (NOTHING, status(("True", "WaitsForTrainingJob", "waits")), [("Normal", "WaitsForTrainingJob", "waits")]),
        (DONE, STOPPED, [("Normal", "Stopped", "")]),
        (STOPPED, STOPPED, []),
        (DONE, status(("False", "ErrImageNeverPull", "no")), [("Warning", "ErrImageNeverPull", "no")]),
    ],
)
def test_transition_events(before: Any, after: Any, expected: Any) -> None:
    assert [(one.type, one.reason, one.note) for one in transition_events(before, after, "rollout")] == expected


def test_rolled_out_event_once_per_rollout() -> None:
    (first,), (again,) = (
        transition_events(ROLLING, DONE, "a"),
        transition_events(ROLLING, status(("True", "RolledOut", "x"), generation=2), "a"),
    )
    (other,) = transition_events(ROLLING, DONE, "b")
    assert first.key == again.key != other.key


def test_keys_over_plain_http_warn_once_per_generation() -> None:
    exposed = server(auth=KEYS)
    (event,) = spec_warnings(exposed, NOTHING, is_best_missing=False)
    assert (event.type, event.reason) == ("Warning", "PlainKeys")
    assert list(spec_warnings(exposed, ModelServerStatus(observed_generation=1), is_best_missing=False)) == []
    assert list(spec_warnings(server(auth=KEYS, tls=KEYS), NOTHING, is_best_missing=False)) == []
    assert list(spec_warnings(server(), NOTHING, is_best_missing=False)) == []


def test_missing_best_model_warns() -> None:
    (event,) = spec_warnings(server(), NOTHING, is_best_missing=True)
    assert (event.type, event.reason) == ("Warning", "BestMissing")


def test_not_convertible_event_contains_the_cause() -> None:
    event = not_convertible(StatusCause(Reason.NOT_CONVERTIBLE, "layer spiral"), "f" * 64)
    assert (event.type, event.reason, event.key) == ("Warning", "NotConvertible", "f" * 64)
    assert event.note.endswith("layer spiral")
