"""Suggestions depend only on the request and never repeat; TPE learns from known trials."""

import os
import subprocess
import sys
from collections.abc import Sequence
from statistics import mean
from typing import Any

import pytest
from epochal_api.experiment.spec import Search
from epochal_operator.experiment.search.request import KnownTrial, Request, Response
from epochal_operator.experiment.search.suggest import suggest
from epochal_operator.experiment.search_space.space import Space

from tests.unit.operator.experiment.spaces import ALL, FINITE, OPTIMIZER, RATE, UNITS, parameters

TEMPLATE = {"rate": "0.001", "units": "32", "optimizer": "Adam"}


def request(
    *documents: dict[str, Any],
    method: str = "TPE",
    seed: int = 7,
    startup_trials: int = 10,
    numbers: Sequence[int] = (1,),
    known_trials: Sequence[KnownTrial] = (),
    first_trials: Sequence[dict[str, str]] = ({},),
    maximize: bool = True,
    importance: bool = False,
) -> Request:
    search = Search.model_validate({"method": method, "seed": seed, "startupTrials": startup_trials})
    return Request(
        parameters=tuple(parameters(*documents)),
        search=search,
        maximize=maximize,
        first_trials=tuple(first_trials),
        known_trials=tuple(known_trials),
        numbers=tuple(numbers),
        importance=importance,
    )


def suggested(response: Response) -> list[dict[str, str]]:
    return [one.parameters for one in response.suggestions]


def searched(count: int, *, state: str = "Complete", **given: Any) -> list[KnownTrial]:
    """Returns trials that a search has made one by one: the closer rate is to 0.01, the better."""
    known: list[KnownTrial] = []
    for number in range(count):
        (values,) = suggested(suggest(request(numbers=(number,), known_trials=known, first_trials=[TEMPLATE], **given)))
        worth = 1 - abs(float(values["rate"]) - 0.01)
        known.append(KnownTrial.model_validate({"parameters": values, "state": state, "values": ((9, worth),)}))
    return known


KNOWN = searched(16, startup_trials=5)


def test_the_first_trials_are_those_of_the_request() -> None:
    first = [TEMPLATE, {"rate": "7.0"}]
    response = suggest(request(first_trials=first, numbers=(0, 1, 2)))
    assert suggested(response)[:2] == first
    assert [one.trial for one in response.suggestions] == [0, 1, 2]
    assert Space.of(parameters()).contains(suggested(response)[2])


def test_another_process_returns_the_same_suggestions() -> None:
    spaces = {"Random": ALL, "TPE": ALL, "Grid": FINITE}
    requests = [
        request(*documents, method=method, known_trials=KNOWN, numbers=range(16, 20), importance=True)
        for method, documents in spaces.items()
    ]
    lines = "".join(f"{asked.model_dump_json()}\n" for asked in requests)
    command = [sys.executable, "-m", "epochal_operator.experiment.search"]
    environment = os.environ | {"PYTHONHASHSEED": "12345"}
    answer = subprocess.run(command, input=lines, capture_output=True, text=True, check=True, env=environment)
    assert answer.stderr == ""
    responses = [Response.model_validate_json(line) for line in answer.stdout.splitlines()]
    assert responses == [suggest(asked) for asked in requests]


@pytest.mark.parametrize("method", ["Random", "TPE"])
@pytest.mark.parametrize("count", [0, 16])
def test_a_batch_equals_single_requests(method: str, count: int) -> None:
    known = KNOWN[:count] or [one.model_copy(update={"is_warm": True}) for one in KNOWN]
    first, trials = [TEMPLATE, {**TEMPLATE, "rate": "0.01"}], range(count, count + 6)
    at_once = suggest(request(method=method, known_trials=known, first_trials=first, numbers=trials))
    one_by_one: list[dict[str, str]] = []
    for trial in trials:
        running = [KnownTrial(parameters=values, state="Running") for values in one_by_one]
        one_by_one += suggested(
            suggest(request(method=method, known_trials=[*known, *running], first_trials=first, numbers=(trial,)))
        )
    assert suggested(at_once) == one_by_one


def test_suggestions_depend_on_seed_and_number() -> None:
    asked = request(known_trials=KNOWN, numbers=(16,))
    assert suggested(suggest(request(known_trials=KNOWN, numbers=(16,), seed=8))) != suggested(suggest(asked))
    assert suggested(suggest(request(known_trials=KNOWN, numbers=(17,)))) != suggested(suggest(asked))


@pytest.mark.parametrize("method", ["Random", "TPE", "Grid"])
def test_a_finite_space_is_exhausted_without_repetition(method: str) -> None:
    space = Space.of(parameters(*FINITE))
    tried: list[dict[str, str]] = []
    response = Response()
    while not response.exhausted:
        known = [KnownTrial(parameters=values, state="Stopped", values=((1, 0.5),)) for values in tried]
        trials = range(len(tried), len(tried) + 3)
        response = suggest(
            request(
                *FINITE,
                method=method,
                known_trials=known,
                numbers=trials,
                first_trials=[{"optimizer": "Adam", "units": "32"}],
            )
        )
        tried += suggested(response)
    assert len(tried) == len({space.key(values) for values in tried}) == space.size
    assert all(space.contains(values) for values in tried)


@pytest.mark.parametrize("method", ["Random", "TPE"])
def test_a_continuous_branch_is_searched_after_the_finite_branches(method: str) -> None:
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
    known = [KnownTrial(parameters=values, state="Stopped", values=((1, 0.5),)) for values in tried]
    asked = request(
        finite, nested, endless, method=method, known_trials=known, numbers=range(201, 207), first_trials=tried[:1]
    )
    response = suggest(asked)
    assert not response.exhausted
    assert len({one["momentum"] for one in suggested(response)}) == 6


@pytest.mark.parametrize("method", ["Random", "TPE"])
@pytest.mark.parametrize(("most", "step"), [("1", "1e-9"), ("1", "5e-16")])
def test_ranges_with_many_small_steps(method: str, most: str, step: str) -> None:
    rate = {**RATE, "float": {"min": "0", "max": most, "step": step}}
    known: list[KnownTrial] = []
    for number in range(1, 9):
        asked = request(rate, method=method, startup_trials=3, numbers=(number,), known_trials=known, importance=True)
        (values,) = suggested(response := suggest(asked))
        known.append(KnownTrial(parameters=values, state="Complete", values=((9, float(values["rate"])),)))
    assert len({one.parameters["rate"] for one in known}) == 8
    assert response.importance == {"rate": 1.0}


def test_a_grid_is_searched_in_order() -> None:
    found = suggested(suggest(request(UNITS, OPTIMIZER, method="Grid", numbers=range(1, 9))))
    expected = [{"units": str(units), "optimizer": one} for units in (16, 32, 48, 64) for one in ("Adam", "SGD")]
    assert found == expected


def test_a_trial_outside_the_space_replaces_no_combination() -> None:
    outside = {"units": "1000", "optimizer": "Adam"}
    response = suggest(request(UNITS, OPTIMIZER, method="Grid", first_trials=[outside], numbers=range(10)))
    assert suggested(response)[0] == outside
    assert len(suggested(response)) == 1 + 8
    assert response.exhausted


def test_method_none_tries_only_the_first_trials() -> None:
    response = suggest(request(method="None", first_trials=[TEMPLATE], numbers=(0, 1)))
    assert suggested(response) == [TEMPLATE]
    assert response.exhausted


def test_failed_trials_are_not_repeated_but_warm_trials_may_be() -> None:
    rest = [{"units": str(units), "optimizer": one} for units in (16, 32, 48, 64) for one in ("Adam", "SGD")]
    failed = [KnownTrial(parameters=values, state="Failed") for values in rest[1:]]
    warm = KnownTrial(parameters=rest[0], state="Complete", values=((9, 0.5),), is_warm=True)
    response = suggest(request(UNITS, OPTIMIZER, known_trials=[warm, *failed], numbers=(9, 10)))
    assert suggested(response) == rest[:1]
    assert response.exhausted


def test_dependent_parameters_are_suggested_if_active() -> None:
    found = suggested(suggest(request(method="Random", numbers=range(1, 30))))
    assert {values["optimizer"]: "momentum" in values for values in found} == {"Adam": False, "SGD": True}
    assert all(("momentum" in values) == (values["optimizer"] == "SGD") for values in found)


def rates(known: Sequence[KnownTrial], count: int = 20, **given: Any) -> list[float]:
    """Returns the rates that are suggested, none of them knowing of another one."""
    return [
        float(suggested(suggest(request(RATE, known_trials=known, numbers=(trial,), **given)))[0]["rate"])
        for trial in range(50, 50 + count)
    ]


def at(rate: float, state: str = "Complete", *values: tuple[int, float]) -> KnownTrial:
    return KnownTrial.model_validate({"parameters": {"rate": repr(rate)}, "state": state, "values": values})


def near(found: Sequence[float], rate: float) -> float:
    return mean(rate / 3 < one < rate * 3 for one in found)


SPREAD = [10 ** (-4 + index / 10) for index in range(31)]
KNOWN_RATES = [at(rate, "Complete", (9, -abs(rate - 0.01))) for rate in SPREAD]


@pytest.mark.parametrize(("state", "sign"), [("Complete", 1), ("Complete", -1), ("Stopped", 1), ("Running", 1)])
def test_tpe_prefers_good_values(state: str, sign: int) -> None:
    known = [at(rate, state, (9, -sign * abs(rate - 0.01))) for rate in SPREAD]
    assert near(rates(known, maximize=sign == 1), 0.01) > 0.6


def test_tpe_has_no_preference_without_known_trials() -> None:
    assert near(rates([]), 0.01) < 0.5


def test_tpe_avoids_diverged_values() -> None:
    known = [at(rate, "Diverged") if rate > 0.01 else at(rate, "Stopped", (1, 0.5)) for rate in SPREAD]
    assert mean(rate > 0.01 for rate in rates(known)) < 0.15
    assert mean(rate > 0.01 for rate in rates([])) > 0.2


def test_tpe_avoids_values_of_running_trials() -> None:
    known = [at(rate, "Complete", (9, -abs(rate - 0.01))) for rate in SPREAD]
    running = [at(rate, "Running") for rate in (0.008, 0.009, 0.01, 0.011, 0.012) for _ in range(4)]
    found, alone = rates([*known, *running]), rates(known)
    assert mean(0.008 < rate < 0.012 for rate in alone) > 0.8
    assert mean(0.008 < rate < 0.012 for rate in found) < 0.4


def test_tpe_ignores_trials_outside_the_space() -> None:
    outside = [at(rate, "Complete", (9, 1.0)) for rate in (0.2, 0.3, 7.0)]
    assert rates([*KNOWN_RATES, *outside], 5) == rates(KNOWN_RATES, 5)


def test_importances() -> None:
    known = searched(40, method="Random")
    found = suggest(request(known_trials=known, numbers=(), importance=True)).importance
    assert set(found) == {"rate", "units", "optimizer", "momentum"}
    assert sum(found.values()) == pytest.approx(1)
    assert max(found, key=found.__getitem__) == "rate"


def test_importances_compare_trials_at_the_same_epoch() -> None:
    known = [
        KnownTrial(parameters={**TEMPLATE, "rate": repr(rate)}, state="Stopped", values=((1, 0.5 - abs(rate - 0.01)),))
        for rate in SPREAD
    ]
    further = [
        KnownTrial(parameters={**TEMPLATE, "units": "64"}, state="Stopped", values=((1, 0.491), (3, 0.9))),
        KnownTrial(parameters={**TEMPLATE, "units": "48"}, state="Complete", values=((1, 0.491), (3, 0.9), (9, 0.99))),
    ]
    found = suggest(request(known_trials=[*known, *further], numbers=(), importance=True)).importance
    assert max(found, key=found.__getitem__) == "rate"


@pytest.mark.parametrize("count", [0, 3])
def test_importances_need_enough_trials(count: int) -> None:
    assert suggest(request(known_trials=KNOWN[:count], numbers=(), importance=True)).importance == {}
