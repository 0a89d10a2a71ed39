"""Rungs, brackets, and who is promoted."""

from collections import Counter
from typing import Any, get_args

import pytest
from epochal_api.experiment.spec import Schedule
from epochal_operator.experiment.schedule.asha import rungs
from epochal_operator.experiment.schedule.pruning import (
    RULES,
    brackets,
    ladder,
    promotions,
    remaining_promotions,
)
from epochal_operator.experiment.trial import Trial
from hypothesis import given
from hypothesis import strategies as some

from tests.unit.operator.experiment.searches import spec, trial


def schedule(method: Any = "ASHA", first: int = 1, factor: int = 3) -> Schedule:
    return Schedule(method=method, min_epochs=first, factor=factor)


@pytest.mark.parametrize(
    ("of", "epochs", "wanted"),
    [
        (schedule("None"), 9, (9,)),
        (schedule(), 9, (1, 3, 9)),
        (schedule(), 27, (1, 3, 9, 27)),
        (schedule(), 10, (1, 3, 10)),
        (schedule(), 8, (1, 3, 8)),
        (schedule(), 5, (1, 5)),
        (schedule(), 1, (1,)),
        (schedule(first=2), 18, (2, 6, 18)),
        (schedule(first=20), 9, (9,)),
        (schedule(factor=2), 8, (1, 2, 4, 8)),
        (schedule(factor=4), 8, (1, 4, 8)),  # 4 is the square root of the factor below the top, so it stays
        (schedule(factor=4), 7, (1, 7)),
        (schedule("Hyperband"), 9, (1, 3, 9)),
    ],
)
def test_the_rungs(of: Schedule, epochs: int, wanted: tuple[int, ...]) -> None:
    assert brackets(of, epochs)[0] == wanted


@given(some.integers(1, 1000), some.integers(2, 10), some.integers(1, 10_000))
def test_rungs_grow_up_to_all_epochs(first: int, factor: int, epochs: int) -> None:
    found = rungs(schedule(first=first, factor=factor), epochs)
    assert found[-1] == epochs
    assert list(found) == sorted(set(found))


def bracket_of(number: int, of: Schedule) -> int:
    return brackets(of, 9).index(ladder(number, of, 9))


def test_hyperband_has_brackets_that_begin_ever_later() -> None:
    assert brackets(schedule("Hyperband"), 9) == ((1, 3, 9), (3, 9), (9,))
    assert brackets(schedule(), 9) == ((1, 3, 9),)
    assert {bracket_of(number, schedule()) for number in range(20)} == {0}
    found = [bracket_of(number, schedule("Hyperband")) for number in range(17)]
    assert Counter(found) == {0: 9, 1: 5, 2: 3}
    assert found[:4] == [0, 1, 0, 2]
    assert [ladder(number, schedule("Hyperband"), 9) for number in range(4)] == [(1, 3, 9), (3, 9), (1, 3, 9), (9,)]


def numbers(trials: list[Trial], *, closed: bool = False, **changes: Any) -> list[tuple[int, int]]:
    return [one.place for one in promotions(trials, spec(**changes), closed=closed)]


@pytest.mark.parametrize(
    ("trials", "wanted"),
    [
        ([trial(1, 0.5), trial(2, 0.6)], []),
        ([trial(1, 0.5), trial(2, 0.6), trial(3, 0.4)], [(2, 1)]),
        ([trial(1, 0.5), trial(2, 0.6), trial(3, 0.4), trial(4), trial(5), trial(6)], [(2, 1)]),
        ([trial(1, 0.6), trial(2, 0.6), trial(3, 0.6)], [(1, 1)]),
        # Who has been promoted counts on, and is not promoted again.
        ([trial(1, 0.5), trial(2, 0.6, state="Running"), trial(3, 0.4)], []),
        ([trial(1, 0.5), trial(2, 0.6, 0.7), trial(3, 0.4)], []),
        ([trial(number, number / 10) for number in range(1, 7)], [(6, 1), (5, 1)]),
        # The highest rung comes first.
        ([*(trial(n, n / 10) for n in (1, 2, 3, 4, 5, 9)), *(trial(n, 0.8, n / 10) for n in (6, 7, 8))],
         [(8, 2), (9, 1)]),
        # One that has failed gives its place to the next, one that was ended by a callback does not.
        ([trial(1, 0.5), trial(2, 0.6, state="Failed"), trial(3, 0.4)], [(1, 1)]),
        ([trial(1, 0.5), trial(2, 0.6, state="Complete"), trial(3, 0.4)], []),
        # Nor one that was given up after it went on; one that was given up while it paused does.
        ([trial(1, 0.5), trial(2, 0.6, 0.7, dropped=True), trial(3, 0.4)], []),
        ([trial(1, 0.5), trial(2, 0.6, state="Complete", dropped=True), trial(3, 0.4)], []),
        ([trial(1, 0.5), trial(2, 0.6, dropped=True), trial(3, 0.4)], [(1, 1)]),
        ([trial(1, 0.5), trial(2, None), trial(3, 0.4)], []),
        # The template goes on, and counts nowhere.
        ([trial(0, 0.1)], [(0, 1)]),
        ([trial(0, 0.1, 0.2)], [(0, 2)]),
        ([trial(0, 0.1, 0.2, 0.3)], []),
        ([trial(0, 0.9), trial(1, 0.5), trial(2, 0.6)], [(0, 1)]),
    ],
)  # fmt: skip
def test_who_goes_on(trials: list[Trial], wanted: list[tuple[int, int]]) -> None:
    assert numbers(trials) == wanted


def test_the_lowest_may_be_the_best() -> None:
    trials = [trial(1, 0.5), trial(2, 0.6), trial(3, 0.4)]
    assert numbers(trials, objective={"metric": "val_loss", "goal": "Minimize"}) == [(3, 1)]


@pytest.mark.parametrize(
    ("trials", "wanted"),
    [
        ([trial(1, 0.5), trial(2, 0.6)], [(2, 1)]),
        ([trial(1, 0.5), trial(2, 0.6, 0.7)], [(2, 2)]),
        ([trial(1, 0.5), trial(2, 0.6, 0.7, 0.8)], []),
        ([trial(1, 0.5), trial(2, 0.6), trial(3)], []),  # one runs that may be better
        ([trial(1, 0.5), trial(2, 0.6, state="Failed")], [(1, 1)]),
        ([trial(1, 0.5), trial(2, 0.6, state="Running")], []),
        ([trial(1, 0.5), trial(2, 0.6, 0.7), trial(3, 0.3, state="Running")], []),
        ([trial(n, n / 10) for n in (1, 2, 3, 4)] + [trial(5, 0.2, 0.9)], [(4, 1)]),  # who comes there may be better
        ([], []),
    ],
)
def test_once_no_more_come_at_least_one_is_trained_to_the_end(trials: list[Trial], wanted: list[Any]) -> None:
    assert numbers(trials, closed=True) == wanted


def test_brackets_of_hyperband_do_not_compete() -> None:
    hyperband = {"method": "Hyperband", "minEpochs": 1, "factor": 3}
    of = [bracket_of(number, schedule("Hyperband")) for number in range(17)]
    first, later = ([number for number in range(1, 17) if of[number] == bracket][:3] for bracket in (0, 1))
    trials = [trial(number, 0.5) for number in first] + [trial(number, 0.9, epochs=(3, 9)) for number in later]
    assert numbers(trials, schedule=hyperband) == [(first[0], 1), (later[0], 1)]


@pytest.mark.parametrize(
    ("trials", "changes", "wanted"),
    [
        ([], {}, 2),
        ([trial(0)], {}, 2),
        ([trial(0, 0.1, state="Running")], {}, 1),
        ([trial(0, 0.1, 0.2, 0.3)], {}, 0),
        ([trial(0, 0.1, state="Failed")], {}, 1),
        ([trial(number, 0.1) for number in range(10)], {}, 2 + 3 + 1),
        ([trial(0, 0.1), trial(1, 0.1, 0.2), *(trial(number, 0.1) for number in range(2, 10))], {}, 2 + 2 + 1),
        ([trial(number, 0.1) for number in range(3)], {}, 2 + 1 + 1),
        ([trial(number) for number in range(9)], {"schedule": {"method": "None"}}, 0),
        ([trial(number) for number in range(18)], {"schedule": {"method": "Hyperband"}}, 2 + (3 + 1) + 1),
    ],
)
def test_how_many_rungs_are_climbed_yet(trials: list[Trial], changes: dict[str, Any], wanted: int) -> None:
    assert remaining_promotions(trials, spec(**changes)) == wanted


_trials = some.lists(some.lists(some.sampled_from([0.1, 0.2, 0.3, 0.4, 0.5]), max_size=3), min_size=1, max_size=30).map(
    lambda all_: [trial(number, *values) for number, values in enumerate(all_, 1)]
)


@given(trials=_trials, closed=some.booleans())
def test_only_who_waits_goes_on_once_and_to_the_next_rung(trials: list[Trial], *, closed: bool) -> None:
    found = promotions(trials, spec(), closed=closed)
    assert len({one.number for one in found}) == len(found)
    assert all(one in trials and one.state == "Paused" and len(one.rungs) < 3 for one in found)


@given(_trials)
def test_nobody_goes_on_before_who_was_better(trials: list[Trial]) -> None:
    found = promotions(trials, spec(), closed=False)
    for rung in (0, 1):
        through = [one for one in trials if len(one.rungs) > rung]
        on = [one for one in through if len(one.rungs) > rung + 1 or one in found]
        new = [one for one in on if len(one.rungs) == rung + 1]
        stay = [one for one in through if one not in on]
        assert all((one.rungs[rung].value or 0) >= (other.rungs[rung].value or 0) for one in new for other in stay)


@given(_trials)
def test_no_more_than_their_share_go_on(trials: list[Trial]) -> None:
    for rung in (0, 1):
        through = [one for one in trials if len(one.rungs) > rung]
        new = [one for one in promotions(trials, spec(), closed=False) if len(one.rungs) == rung + 1]
        assert len(new) <= len(through) // 3


def test_each_method_of_the_api_has_a_pruning_rule() -> None:
    assert set(RULES) == set(get_args(Schedule.model_fields["method"].annotation))


def test_the_templates_own_trial_does_not_go_on_beyond_the_last_rung() -> None:
    assert promotions([trial(0, 0.1, 0.2, 0.3, state="Paused")], spec(), closed=True) == []
