"""The trials to start next, and the end of a search."""

from collections.abc import Sequence
from typing import Any

import pytest
from epochal_operator.experiment.schedule.next_trials import NextTrials, end_reason, next_trials
from epochal_operator.experiment.trial import Trial

from tests.unit.operator.experiment.searches import spec, trial

THREE = [trial(1, 0.5), trial(2, 0.6), trial(3, 0.4)]
PROMOTE = (THREE[1],)


@pytest.mark.parametrize(
    ("trials", "running", "changes", "expected"),
    [
        ([], 0, {}, NextTrials(create=2)),
        ([trial(0)], 1, {}, NextTrials(create=1)),
        ([trial(0), trial(1)], 2, {}, NextTrials()),
        ([], 5, {}, NextTrials()),
        (THREE, 0, {}, NextTrials(PROMOTE, 1)),
        (THREE, 1, {}, NextTrials(PROMOTE, 0)),
        (THREE, 0, {"parallelism": 9}, NextTrials(PROMOTE, 3)),
        (THREE, 0, {"maxTrials": 3}, NextTrials(PROMOTE, 0)),
        (THREE[:2], 0, {"maxTrials": 2}, NextTrials(PROMOTE, 0)),
        (THREE[:2], 0, {"maxTrials": 1}, NextTrials(PROMOTE, 0)),
        (THREE, 0, {"suspend": True}, NextTrials()),
        (THREE, 0, {"finish": True}, NextTrials()),
        (THREE, 0, {"objective": {"metric": "a", "goal": "Maximize", "target": "0.6"}}, NextTrials()),
        (THREE, 0, {"objective": {"metric": "a", "goal": "Minimize", "target": "0.3"}}, NextTrials((THREE[2],), 1)),
        ([], 0, {"search": {"method": "None"}}, NextTrials(create=1)),
        ([trial(0)], 1, {"search": {"method": "None"}}, NextTrials()),
        ([trial(n, state="Failed") for n in range(2)], 0, {"maxFailedTrials": 1}, NextTrials()),
        ([trial(0), trial(1, state="Diverged")], 1, {"maxFailedTrials": 0}, NextTrials()),  # the running trial decides
        ([trial(0, 0.1), trial(1, state="Diverged")], 0, {"maxFailedTrials": 0}, NextTrials((trial(0, 0.1),), 1)),
    ],
)
def test_next_trials(trials: Sequence[Trial], running: int, changes: dict[str, Any], expected: NextTrials) -> None:
    assert next_trials(spec(**changes), trials, running) == expected


def test_an_exhausted_space_creates_no_trials() -> None:
    assert next_trials(spec(), THREE[:2], 0, exhausted=True) == NextTrials(PROMOTE, 0)


def test_blocked_trials_leave_their_slot() -> None:
    assert next_trials(spec(parallelism=1), THREE, 0) == NextTrials(PROMOTE, 0)
    assert next_trials(spec(parallelism=1), THREE, 0, blocked={(2, 1)}) == NextTrials((), 1)
    assert next_trials(spec(parallelism=1), [*THREE, trial(0, 0.1)], 0, blocked={(0, 1)}) == NextTrials(PROMOTE, 0)


DONE = [trial(0, 0.1, 0.2, 0.3), trial(1, 0.5, 0.6, 0.7), trial(2, 0.4)]
ALL = {"maxTrials": 3}


@pytest.mark.parametrize(
    ("trials", "changes", "expected"),
    [
        ([], {}, None),
        (DONE, {}, None),
        (DONE, ALL, "Completed"),
        ([*DONE[:2], trial(2)], ALL, None),
        ([*DONE[:2], trial(2, 0.6)], ALL, None),  # trial 2 is promoted
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
        ([trial(0), trial(1, state="Diverged"), trial(2, state="Diverged")], {"maxFailedTrials": 1}, None),
        ([trial(0, 0.1), trial(1, state="Diverged"), trial(2, state="Diverged")], {"maxFailedTrials": 1}, None),
        ([trial(0), trial(1, state="Diverged")], {"maxFailedTrials": 1}, None),
        ([trial(number, state="Failed") for number in range(3)], ALL, "NoTrialSucceeded"),
        ([trial(0, state="Failed"), trial(1, state="Diverged")], {"maxTrials": 2}, "NoTrialSucceeded"),
        ([trial(0, state="Failed"), trial(1, 0.1, 0.2, 0.3)], {"maxTrials": 2}, "Completed"),
        ([trial(0, state="Failed"), trial(1)], {"maxTrials": 2}, None),
        ([trial(0, state="Failed")], {"finish": True}, "NoTrialSucceeded"),
        ([trial(0, state="Failed")], {"search": {"method": "None"}}, "NoTrialSucceeded"),
    ],
)  # fmt: skip
def test_end_reason(trials: Sequence[Trial], changes: dict[str, Any], expected: str | None) -> None:
    assert end_reason(spec(**changes), trials) == expected


@pytest.mark.parametrize(
    "changes", [{"finish": True}, {"objective": {"metric": "a", "goal": "Maximize", "target": "0.7"}}]
)
def test_a_stopped_search_ignores_unstarted_trials(changes: dict[str, Any]) -> None:
    trials = [*DONE, trial(3, uids=("u",)), trial(4, 0.1, state="Running")]
    assert end_reason(spec(**changes), trials, unstarted_trials={3}) is None
    assert end_reason(spec(**changes), trials, unstarted_trials={3, 4}) in {"FinishedEarly", "TargetReached"}
    assert end_reason(spec(maxTrials=5), trials, unstarted_trials={3, 4}) is None


@pytest.mark.parametrize(
    ("trials", "expected"),
    [
        (DONE, "SearchExhausted"),
        ([*DONE, trial(3)], None),
        ([trial(0, state="Failed")], "NoTrialSucceeded"),
    ],
)
def test_an_exhausted_space_ends_the_search(trials: Sequence[Trial], expected: str | None) -> None:
    assert end_reason(spec(), trials, exhausted=True) == expected


def test_a_whole_search() -> None:
    trials: list[Trial] = []
    worth = (0.5, 0.9, 0.1, 0.8, 0.3, 0.6, 0.2, 0.7, 0.4, 0.0)
    search = spec(maxTrials=10, parallelism=3)
    running: list[tuple[int, int]] = []
    for _ in range(100):
        todo = next_trials(search, trials, len(running))
        running += [one.rung_key for one in todo.promote]
        new = [trial(len(trials) + one) for one in range(todo.create)]
        trials += new
        running += [one.rung_key for one in new]
        for one in todo.promote:
            trials[one.number] = trial(one.number, *[worth[one.number]] * len(one.rungs), state="Running")
        if not running:
            break
        number, rung = running.pop(0)
        trials[number] = trial(number, *[worth[number]] * (rung + 1))
    assert end_reason(search, trials) == "Completed"
    assert [one.number for one in trials if one.state == "Complete"] == [0, 1]
    assert [one.number for one in trials if len(one.rungs) == 2] == [3, 7]
