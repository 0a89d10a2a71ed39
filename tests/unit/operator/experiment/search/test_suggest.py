"""Suggestions: they depend on nothing but the request, none comes twice, and TPE learns from what is known."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from statistics import mean
from typing import Any

import pytest
from epochal_api.experiment.spec import Search
from epochal_operator.experiment.search.request import Known, Request, Response
from epochal_operator.experiment.search.suggest import suggest
from epochal_operator.experiment.search_space.space import Space

from tests.unit.operator.experiment.spaces import ALL, FINITE, MOMENTUM, OPTIMIZER, RATE, UNITS, parameters

TEMPLATE = {"rate": "0.001", "units": "32", "optimizer": "Adam"}


def request(
    *documents: dict[str, Any],
    method: str = "TPE",
    seed: int = 7,
    startup_trials: int = 10,
    trials: Sequence[int] = (1,),
    known: Sequence[Known] = (),
    first: Sequence[dict[str, str]] = ({},),
    maximize: bool = True,
    importance: bool = False,
) -> Request:
    search = Search.model_validate({"method": method, "seed": seed, "startupTrials": startup_trials})
    return Request(
        parameters=tuple(parameters(*documents)),
        search=search,
        maximize=maximize,
        first=tuple(first),
        known=tuple(known),
        trials=tuple(trials),
        importance=importance,
    )


def told(response: Response) -> list[dict[str, str]]:
    return [one.parameters for one in response.suggestions]


def searched(count: int, *, state: str = "Complete", **given: Any) -> list[Known]:
    """Returns trials that a search has made one by one: the closer rate is to 0.01, the better."""
    known: list[Known] = []
    for number in range(count):
        (values,) = told(suggest(request(trials=(number,), known=known, first=[TEMPLATE], **given)))
        worth = 1 - abs(float(values["rate"]) - 0.01)
        known.append(Known.model_validate({"parameters": values, "state": state, "values": ((9, worth),)}))
    return known


KNOWN = searched(16, startup_trials=5)


def test_the_first_trials_are_those_that_were_asked_for() -> None:
    first = [TEMPLATE, {"rate": "7.0"}]
    response = suggest(request(first=first, trials=(0, 1, 2)))
    assert told(response)[:2] == first
    assert [one.trial for one in response.suggestions] == [0, 1, 2]
    assert Space.of(parameters()).contains(told(response)[2])


@pytest.mark.parametrize("method", ["Random", "TPE", "Grid"])
def test_another_process_suggests_the_same(method: str) -> None:
    documents = FINITE if method == "Grid" else ALL
    asked = request(*documents, method=method, known=KNOWN, trials=range(16, 20), importance=True)
    command = [sys.executable, "-m", "epochal_operator.experiment.search"]
    environment = os.environ | {"PYTHONHASHSEED": "12345"}
    answer = subprocess.run(
        command, input=asked.model_dump_json(), capture_output=True, text=True, check=True, env=environment
    )
    assert answer.stderr == ""
    assert Response.model_validate_json(answer.stdout) == suggest(asked)


@pytest.mark.parametrize("method", ["Random", "TPE"])
@pytest.mark.parametrize("count", [0, 16])
def test_many_at_once_are_those_asked_for_one_by_one(method: str, count: int) -> None:
    known = KNOWN[:count] or [one.model_copy(update={"warm": True}) for one in KNOWN]
    first, trials = [TEMPLATE, {**TEMPLATE, "rate": "0.01"}], range(count, count + 6)
    at_once = suggest(request(method=method, known=known, first=first, trials=trials))
    one_by_one: list[dict[str, str]] = []
    for trial in trials:
        running = [Known(parameters=values, state="Running") for values in one_by_one]
        one_by_one += told(suggest(request(method=method, known=[*known, *running], first=first, trials=(trial,))))
    assert told(at_once) == one_by_one


def test_the_order_of_parameters_is_no_matter_but_the_seed_is() -> None:
    asked = request(known=KNOWN, trials=(16,))
    assert told(suggest(request(known=KNOWN, trials=(16,), seed=8))) != told(suggest(asked))
    assert told(suggest(request(known=KNOWN, trials=(17,)))) != told(suggest(asked))


@pytest.mark.parametrize("method", ["Random", "TPE", "Grid"])
def test_a_finite_space_is_searched_to_its_end_and_nothing_is_tried_twice(method: str) -> None:
    space = Space.of(parameters(*FINITE))
    tried: list[dict[str, str]] = []
    response = Response()
    while not response.exhausted:
        known = [Known(parameters=values, state="Stopped", values=((1, 0.5),)) for values in tried]
        trials = range(len(tried), len(tried) + 3)
        response = suggest(
            request(*FINITE, method=method, known=known, trials=trials, first=[{"optimizer": "Adam", "units": "32"}])
        )
        tried += told(response)
    assert len(tried) == len({space.key(values) for values in tried}) == space.size
    assert all(space.contains(values) for values in tried)


@pytest.mark.parametrize("method", ["Random", "TPE"])
def test_where_one_branch_is_tried_to_its_end_an_endless_one_is_searched_on(method: str) -> None:
    names = [f"optimizer-{number}" for number in range(200)]
    finite = {"name": "optimizer", "paths": ["training.optimizer.name"], "values": [*names, "SGD"]}
    nested = {
        "name": "nesterov",
        "paths": ["training.optimizer.nesterov"],
        "values": ["true", "false"],
        "when": {"parameter": "optimizer", "values": ["SGD"]},
    }
    endless = {
        "name": "momentum",
        "paths": ["training.optimizer.momentum"],
        "float": {"min": "0.5", "max": "0.9"},
        "when": {"parameter": "nesterov", "values": ["true"]},
    }
    tried = [{"optimizer": name} for name in names] + [{"optimizer": "SGD", "nesterov": "false"}]
    known = [Known(parameters=values, state="Stopped", values=((1, 0.5),)) for values in tried]
    asked = request(finite, nested, endless, method=method, known=known, trials=range(201, 207), first=tried[:1])
    response = suggest(asked)
    assert not response.exhausted
    assert len({one["momentum"] for one in told(response)}) == 6


@pytest.mark.parametrize("method", ["Random", "TPE"])
@pytest.mark.parametrize(("most", "step"), [("1", "1e-9"), ("1", "5e-16")])
def test_many_small_steps_are_searched_as_any_range(method: str, most: str, step: str) -> None:
    rate = {**RATE, "float": {"min": "0", "max": most, "step": step}}
    known: list[Known] = []
    for number in range(1, 9):
        asked = request(rate, method=method, startup_trials=3, trials=(number,), known=known, importance=True)
        (values,) = told(response := suggest(asked))
        known.append(Known(parameters=values, state="Complete", values=((9, float(values["rate"])),)))
    assert len({one.parameters["rate"] for one in known}) == 8
    assert response.importance == {"rate": 1.0}


def test_a_grid_goes_in_order() -> None:
    found = told(suggest(request(UNITS, OPTIMIZER, method="Grid", trials=range(1, 9))))
    expected = [{"units": str(units), "optimizer": one} for units in (16, 32, 48, 64) for one in ("Adam", "SGD")]
    assert found == expected


def test_a_trial_outside_of_the_space_takes_no_place_in_it() -> None:
    outside = {"units": "1000", "optimizer": "Adam"}
    response = suggest(request(UNITS, OPTIMIZER, method="Grid", first=[outside], trials=range(10)))
    assert told(response)[0] == outside
    assert len(told(response)) == 1 + 8
    assert response.exhausted


def test_no_search_tries_the_first_ones_alone() -> None:
    response = suggest(request(method="None", first=[TEMPLATE], trials=(0, 1)))
    assert told(response) == [TEMPLATE]
    assert response.exhausted


def test_what_failed_is_not_tried_again_and_what_another_experiment_tried_may_be() -> None:
    rest = [{"units": str(units), "optimizer": one} for units in (16, 32, 48, 64) for one in ("Adam", "SGD")]
    failed = [Known(parameters=values, state="Failed") for values in rest[1:]]
    warm = Known(parameters=rest[0], state="Complete", values=((9, 0.5),), warm=True)
    response = suggest(request(UNITS, OPTIMIZER, known=[warm, *failed], trials=(9, 10)))
    assert told(response) == rest[:1]
    assert response.exhausted


def test_parameters_hang_on_others() -> None:
    found = told(suggest(request(method="Random", trials=range(1, 30))))
    assert {values["optimizer"]: "momentum" in values for values in found} == {"Adam": False, "SGD": True}
    assert all(("momentum" in values) == (values["optimizer"] == "SGD") for values in found)


def rates(known: Sequence[Known], count: int = 20, **given: Any) -> list[float]:
    """Returns the rates that are suggested, none of them knowing of another one."""
    return [
        float(told(suggest(request(RATE, known=known, trials=(trial,), **given)))[0]["rate"])
        for trial in range(50, 50 + count)
    ]


def at(rate: float, state: str = "Complete", *values: tuple[int, float]) -> Known:
    return Known.model_validate({"parameters": {"rate": repr(rate)}, "state": state, "values": values})


def near(found: Sequence[float], rate: float) -> float:
    return mean(rate / 3 < one < rate * 3 for one in found)


SPREAD = [10 ** (-4 + index / 10) for index in range(31)]
KNOWN_RATES = [at(rate, "Complete", (9, -abs(rate - 0.01))) for rate in SPREAD]


@pytest.mark.parametrize("maximize", [True, False])
def test_learns_what_is_good(*, maximize: bool) -> None:
    sign = 1 if maximize else -1
    known = [at(rate, "Complete", (9, -sign * abs(rate - 0.01))) for rate in SPREAD]
    assert near(rates(known, maximize=maximize), 0.01) > 0.6
    assert near(rates([]), 0.01) < 0.5


def test_learns_from_what_was_stopped() -> None:
    known = [at(rate, "Stopped", (1, -abs(rate - 0.01))) for rate in SPREAD]
    assert near(rates(known), 0.01) > 0.6


def test_what_goes_on_counts_by_what_it_was_worth() -> None:
    known = [at(rate, "Running", (1, -abs(rate - 0.01))) for rate in SPREAD]
    assert near(rates(known), 0.01) > 0.6


def test_stays_away_from_where_trials_diverge() -> None:
    known = [at(rate, "Diverged") if rate > 0.01 else at(rate, "Stopped", (1, 0.5)) for rate in SPREAD]
    assert mean(rate > 0.01 for rate in rates(known)) < 0.15
    assert mean(rate > 0.01 for rate in rates([])) > 0.2


def test_trials_that_run_spread() -> None:
    known = [at(rate, "Complete", (9, -abs(rate - 0.01))) for rate in SPREAD]
    running = [at(rate, "Running") for rate in (0.008, 0.009, 0.01, 0.011, 0.012) for _ in range(4)]
    found, alone = rates([*known, *running]), rates(known)
    assert mean(0.008 < rate < 0.012 for rate in alone) > 0.8
    assert mean(0.008 < rate < 0.012 for rate in found) < 0.4


def test_what_lies_outside_teaches_nothing() -> None:
    outside = [at(rate, "Complete", (9, 1.0)) for rate in (0.2, 0.3, 7.0)]
    assert rates([*KNOWN_RATES, *outside], 5) == rates(KNOWN_RATES, 5)


def test_tells_what_matters() -> None:
    known = searched(40, method="Random")
    found = suggest(request(known=known, trials=(), importance=True)).importance
    assert set(found) == {"rate", "units", "optimizer", "momentum"}
    assert sum(found.values()) == pytest.approx(1)
    assert max(found, key=found.__getitem__) == "rate"


def test_compares_what_has_come_equally_far() -> None:
    """Who comes further is better by that alone, which says nothing of a parameter."""
    known = [
        Known(parameters={**TEMPLATE, "rate": repr(rate)}, state="Stopped", values=((1, 0.5 - abs(rate - 0.01)),))
        for rate in SPREAD
    ]
    further = [
        Known(parameters={**TEMPLATE, "units": "64"}, state="Stopped", values=((1, 0.491), (3, 0.9))),
        Known(parameters={**TEMPLATE, "units": "48"}, state="Complete", values=((1, 0.491), (3, 0.9), (9, 0.99))),
    ]
    found = suggest(request(known=[*known, *further], trials=(), importance=True)).importance
    assert max(found, key=found.__getitem__) == "rate"


@pytest.mark.parametrize("count", [0, 3])
def test_tells_nothing_of_too_few(count: int) -> None:
    assert suggest(request(known=KNOWN[:count], trials=(), importance=True)).importance == {}


def test_requests_and_responses_travel_as_json() -> None:
    asked = request(MOMENTUM, OPTIMIZER, known=KNOWN, first=[TEMPLATE], importance=True)
    assert Request.model_validate_json(asked.model_dump_json()) == asked
    answer = suggest(asked)
    assert Response.model_validate(json.loads(answer.model_dump_json())) == answer
