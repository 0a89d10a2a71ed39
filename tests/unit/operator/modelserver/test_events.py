"""Which transitions of a ModelServer are Events."""

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
    ("before", "after", "told"),
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
def test_what_is_told(before: Any, after: Any, told: Any) -> None:
    assert [(one.type, one.reason, one.note) for one in transition_events(before, after, "rollout")] == told


def test_that_all_goes_well_is_told_once_of_each_rollout() -> None:
    (first,), (again,) = (
        transition_events(ROLLING, DONE, "a"),
        transition_events(ROLLING, status(("True", "RolledOut", "x"), generation=2), "a"),
    )
    (other,) = transition_events(ROLLING, DONE, "b")
    assert first.key == again.key != other.key


def test_keys_in_plain_text_are_warned_of_at_each_change_of_the_spec() -> None:
    exposed = server(auth=KEYS)
    (told,) = spec_warnings(exposed, NOTHING, is_best_missing=False)
    assert (told.type, told.reason) == ("Warning", "PlainKeys")
    assert list(spec_warnings(exposed, ModelServerStatus(observed_generation=1), is_best_missing=False)) == []
    assert list(spec_warnings(server(auth=KEYS, tls=KEYS), NOTHING, is_best_missing=False)) == []
    assert list(spec_warnings(server(), NOTHING, is_best_missing=False)) == []


def test_a_best_model_that_is_not_there_is_told_of() -> None:
    (told,) = spec_warnings(server(), NOTHING, is_best_missing=True)
    assert (told.type, told.reason) == ("Warning", "BestMissing")


def test_what_cannot_become_onnx_is_told_of_with_the_layer() -> None:
    told = not_convertible(StatusCause(Reason.NOT_CONVERTIBLE, "layer spiral"), "f" * 64)
    assert (told.type, told.reason, told.key) == ("Warning", "NotConvertible", "f" * 64)
    assert told.note.endswith("layer spiral")
