"""The request to the searcher, built from the spec and the ledger."""

from typing import Any

import pytest
from epochal_operator.experiment.ledger.events import (
    Created,
    Diverged,
    Event,
    Failed,
    Finished,
    Started,
    WarmStartTrial,
)
from epochal_operator.experiment.ledger.trials import apply_events
from epochal_operator.experiment.search.build_request import build_request
from epochal_operator.experiment.search.request import KnownTrial, Request

from tests.unit.operator.experiment.spaces import document, experiment

OWN = {"rate": "0.001", "units": "32", "optimizer": "Adam"}
OTHER = {"rate": "0.01", "units": "16", "optimizer": "Adam"}
ASHA = {"method": "ASHA", "minEpochs": 1, "factor": 3}


def asked(*events: Event, **spec: Any) -> Request:
    made = document(**spec)
    return build_request(experiment(**spec).spec, made["spec"]["template"]["spec"], events, [7])


def finished(trial: int, rung: int, epoch: int, value: str | None, *, is_last: bool = False) -> Finished:
    return Finished(trial, rung, epoch, value, f"uid-{trial}-{rung}", 20, is_last)


def created(trial: int, values: dict[str, str] = OTHER) -> Created:
    return Created(trial, values, 0)


def test_fields_of_the_request() -> None:
    found = asked(search={"method": "Random", "seed": 5}, objective={"metric": "loss", "goal": "Minimize"})
    assert [one.name for one in found.parameters] == ["momentum", "rate", "units", "optimizer"]
    assert (found.search.method, found.search.seed, found.maximize, found.numbers) == ("Random", 5, False, (7,))
    assert not found.importance
    assert asked().maximize


def test_given_trials_equal_computed_trials() -> None:
    events: list[Event] = [created(0), created(1), finished(1, 0, 1, "0.5")]
    given = experiment().spec, document()["spec"]["template"]["spec"], events
    assert build_request(*given, trials=apply_events(events)) == build_request(*given)


@pytest.mark.parametrize(
    ("initial", "first"),
    [
        ([], [OWN]),
        ([{"rate": "1e-2"}], [OWN, {**OWN, "rate": "0.01"}]),
        ([{"rate": "0.0010"}, {"units": 16}, {"units": "16"}], [OWN, {**OWN, "units": "16"}]),  # without duplicates
        ([{"optimizer": "SGD", "momentum": "0.9"}], [OWN, {**OWN, "optimizer": "SGD", "momentum": "0.9"}]),
        ([{"optimizer": "SGD"}], [OWN, {**OWN, "optimizer": "SGD"}]),
        ([{"momentum": "0.9"}], [OWN]),  # inactive
    ],
)
def test_first_trials_are_the_template_and_initial_trials(
    initial: list[dict[str, Any]], first: list[dict[str, str]]
) -> None:
    assert list(asked(initialTrials=initial).first_trials) == first


@pytest.mark.parametrize(
    ("events", "state", "values"),
    [
        ([], "Running", ()),
        ([Started(1, 0, "a")], "Running", ()),
        ([finished(1, 0, 1, "0.5")], "Stopped", ((1, 0.5),)),
        ([finished(1, 0, 1, "0.5"), Started(1, 1, "b")], "Running", ((1, 0.5),)),
        ([finished(1, 0, 1, "0.5"), finished(1, 1, 3, "0.7")], "Stopped", ((1, 0.5), (3, 0.7))),
        ([finished(1, 0, 9, "0.7", is_last=True)], "Complete", ((9, 0.7),)),
        ([finished(1, 0, 9, None, is_last=True)], "Complete", ()),
        ([Diverged(1, 0, "a")], "Diverged", ()),
        ([Failed(1, 0, "a", "OutOfMemory")], "Failed", ()),
        ([finished(1, 0, 1, "0.5"), Failed(1, 1, "b", "OutOfMemory")], "Stopped", ((1, 0.5),)),
        ([finished(1, 0, 1, "0.5"), Failed(1, 1, "b", "CheckpointLost")], "Complete", ((1, 0.5),)),
    ],
)
def test_states_of_known_trials(events: list[Event], state: str, values: tuple[tuple[int, float], ...]) -> None:
    found = asked(created(1), *events, schedule=ASHA)
    assert found.known_trials == (KnownTrial.model_validate({"parameters": OTHER, "state": state, "values": values}),)


@pytest.mark.parametrize(("epoch", "state"), [(3, "Stopped"), (9, "Complete"), (20, "Complete")])
def test_warm_trials_come_first(epoch: int, state: str) -> None:
    found = asked(created(0, OWN), WarmStartTrial("coarse", 5, OTHER, "0.75", epoch))
    warm = {"parameters": OTHER, "state": state, "values": ((epoch, 0.75),), "is_warm": True}
    assert found.known_trials[0] == KnownTrial.model_validate(warm)
    assert [one.is_warm for one in found.known_trials] == [True, False]


def test_warm_trials_without_a_number_are_ignored() -> None:
    assert (
        asked(WarmStartTrial("coarse", 5, OTHER, "nan", 9), WarmStartTrial("coarse", 6, OTHER, "", 9)).known_trials
        == ()
    )


@pytest.mark.parametrize(
    ("others", "state", "epochs"),
    [
        ([], "Complete", (1, 3, 9)),
        (["0.1"], "Complete", (1, 3, 9)),
        (["0.9"], "Stopped", (1,)),
        (["0.9", "0.8", "0.1", "0.1", "0.1"], "Stopped", (1,)),  # two of six would be promoted
        (["0.9", "0.2", "0.1", "0.2", "0.1"], "Complete", (1, 3, 9)),
        ([None, None], "Complete", (1, 3, 9)),
    ],
)
def test_trial_0_has_only_the_values_of_a_promoted_trial(
    others: list[str | None], state: str, epochs: tuple[int, ...]
) -> None:
    own = [finished(0, 0, 1, "0.5"), finished(0, 1, 3, "0.6"), finished(0, 2, 9, "0.7", is_last=True)]
    events: list[Event] = [created(0, OWN), *own]
    for number, value in enumerate(others, 1):
        events += [created(number), finished(number, 0, 1, value)]
    found = asked(*events, schedule=ASHA).known_trials[0]
    assert (found.state, tuple(epoch for epoch, _ in found.values)) == (state, epochs)
