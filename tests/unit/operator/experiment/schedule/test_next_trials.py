"""What comes next in a search, and when it is over."""

from collections.abc import Sequence
from typing import Any

import pytest
from epochal_operator.experiment.schedule.next_trials import Next, decide, end
from epochal_operator.experiment.trial import Trial

from tests.unit.operator.experiment.searches import spec, trial

THREE = [trial(1, 0.5), trial(2, 0.6), trial(3, 0.4)]
PROMOTE = (THREE[1],)


@pytest.mark.parametrize(
    ("trials", "running", "changes", "wanted"),
    [
        ([], 0, {}, Next(create=2)),
        ([trial(0)], 1, {}, Next(create=1)),
        ([trial(0), trial(1)], 2, {}, Next()),
        ([], 5, {}, Next()),
        (THREE, 0, {}, Next(PROMOTE, 1)),
        (THREE, 1, {}, Next(PROMOTE, 0)),
        (THREE, 0, {"parallelism": 9}, Next(PROMOTE, 3)),
        (THREE, 0, {"maxTrials": 3}, Next(PROMOTE, 0)),
        (THREE[:2], 0, {"maxTrials": 2}, Next(PROMOTE, 0)),
        (THREE[:2], 0, {"maxTrials": 1}, Next(PROMOTE, 0)),
        (THREE, 0, {"suspend": True}, Next()),
        (THREE, 0, {"finish": True}, Next()),
        (THREE, 0, {"objective": {"metric": "a", "goal": "Maximize", "target": "0.6"}}, Next()),
        (THREE, 0, {"objective": {"metric": "a", "goal": "Minimize", "target": "0.3"}}, Next((THREE[2],), 1)),
        ([], 0, {"search": {"method": "None"}}, Next(create=1)),
        ([trial(0)], 1, {"search": {"method": "None"}}, Next()),
        ([trial(n, state="Failed") for n in range(2)], 0, {"maxFailedTrials": 1}, Next()),
        ([trial(0), trial(1, state="Diverged")], 1, {"maxFailedTrials": 0}, Next()),  # who runs is waited for
        ([trial(0, 0.1), trial(1, state="Diverged")], 0, {"maxFailedTrials": 0}, Next((trial(0, 0.1),), 1)),
    ],
)
def test_what_comes_next(trials: Sequence[Trial], running: int, changes: dict[str, Any], wanted: Next) -> None:
    assert decide(spec(**changes), trials, running) == wanted


def test_nothing_new_comes_of_a_space_that_is_exhausted() -> None:
    assert decide(spec(), THREE[:2], 0, exhausted=True) == Next(PROMOTE, 0)


def test_others_take_the_slot_of_who_cannot_go_on() -> None:
    assert decide(spec(parallelism=1), THREE, 0) == Next(PROMOTE, 0)
    assert decide(spec(parallelism=1), THREE, 0, blocked={(2, 1)}) == Next((), 1)
    assert decide(spec(parallelism=1), [*THREE, trial(0, 0.1)], 0, blocked={(0, 1)}) == Next(PROMOTE, 0)


DONE = [trial(0, 0.1, 0.2, 0.3), trial(1, 0.5, 0.6, 0.7), trial(2, 0.4)]
ALL = {"maxTrials": 3}


@pytest.mark.parametrize(
    ("trials", "changes", "wanted"),
    [
        ([], {}, None),
        (DONE, {}, None),
        (DONE, ALL, "Completed"),
        ([*DONE[:2], trial(2)], ALL, None),
        ([*DONE[:2], trial(2, 0.6)], ALL, None),  # who waits goes on
        (DONE, {"maxTrials": 2}, "Completed"),
        (DONE, {"finish": True}, "FinishedEarly"),
        ([*DONE, trial(3, uids=("u",))], {"finish": True}, None),
        (DONE, {"objective": {"metric": "a", "goal": "Maximize", "target": "0.7"}}, "TargetReached"),
        (DONE, {"objective": {"metric": "a", "goal": "Minimize", "target": "0.3"}}, "TargetReached"),
        (DONE, {"objective": {"metric": "a", "goal": "Maximize", "target": "0.8"}}, None),
        ([*DONE, trial(3, uids=("u",))], {"objective": {"metric": "a", "goal": "Maximize", "target": "0.7"}}, None),
        ([trial(0, 0.1, 0.2, 0.3)], {"search": {"method": "None"}}, "Completed"),
        ([trial(0), trial(1, state="Failed"), trial(2, state="Failed")], {"maxFailedTrials": 1}, "TooManyFailedTrials"),
        ([trial(0), trial(1, state="Failed")], {"maxFailedTrials": 1}, None),
        ([trial(number, state="Diverged") for number in range(2)], {"maxFailedTrials": 1}, "AllTrialsDiverged"),
        ([trial(0), trial(1, state="Diverged"), trial(2, state="Diverged")], {"maxFailedTrials": 1}, None),  # one runs
        ([trial(0, 0.1), trial(1, state="Diverged"), trial(2, state="Diverged")], {"maxFailedTrials": 1}, None),
        ([trial(0), trial(1, state="Diverged")], {"maxFailedTrials": 1}, None),
    ],
)  # fmt: skip
def test_when_it_is_over(trials: Sequence[Trial], changes: dict[str, Any], wanted: str | None) -> None:
    assert end(spec(**changes), trials) == wanted


@pytest.mark.parametrize(
    "changes", [{"finish": True}, {"objective": {"metric": "a", "goal": "Maximize", "target": "0.7"}}]
)
def test_a_search_that_stops_does_not_wait_for_trials_that_have_not_started(changes: dict[str, Any]) -> None:
    trials = [*DONE, trial(3, uids=("u",)), trial(4, 0.1, state="Running")]
    assert end(spec(**changes), trials, unstarted={3}) is None
    assert end(spec(**changes), trials, unstarted={3, 4}) in {"FinishedEarly", "TargetReached"}
    assert end(spec(maxTrials=5), trials, unstarted={3, 4}) is None


@pytest.mark.parametrize(("trials", "wanted"), [(DONE, "SearchExhausted"), ([*DONE, trial(3)], None)])
def test_a_space_that_is_exhausted_ends(trials: Sequence[Trial], wanted: str | None) -> None:
    assert end(spec(), trials, exhausted=True) == wanted


def test_a_whole_search_ends_with_some_trained_to_the_end() -> None:
    """Each value tells how good a trial is; slots are freed one after the other."""
    trials: list[Trial] = []
    worth = (0.5, 0.9, 0.1, 0.8, 0.3, 0.6, 0.2, 0.7, 0.4, 0.0)
    search = spec(maxTrials=10, parallelism=3)
    running: list[tuple[int, int]] = []
    for _ in range(100):
        todo = decide(search, trials, len(running))
        running += [one.place for one in todo.promote]
        new = [trial(len(trials) + one) for one in range(todo.create)]
        trials += new
        running += [one.place for one in new]
        for one in todo.promote:
            trials[one.number] = trial(one.number, *[worth[one.number]] * len(one.rungs), state="Running")
        if not running:
            break
        number, rung = running.pop(0)
        trials[number] = trial(number, *[worth[number]] * (rung + 1))
    assert end(search, trials) == "Completed"
    assert [one.number for one in trials if one.state == "Complete"] == [0, 1]
    assert [one.number for one in trials if len(one.rungs) == 2] == [3, 7]
