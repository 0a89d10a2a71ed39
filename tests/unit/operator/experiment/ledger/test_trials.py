"""The state of trials, computed from events."""

import math
import time

import pytest
from epochal_api.experiment.spec import Schedule
from epochal_operator.experiment.ledger.events import CheckpointsUnneeded, Created, Event, UnknownEvent
from epochal_operator.experiment.ledger.trials import MAX_RUNGS, MAX_UIDS, apply_events
from epochal_operator.experiment.schedule.asha import rungs
from epochal_operator.experiment.trial import Rung, Trial, parse_finite, rank_trials

from tests.unit.operator.experiment.searches import created, diverged, failed, finished, started, trial

RUNG = Rung(1, 0.5, "uid-0-0", 60)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], Trial(0, {}, 0)),
        ([started(0)], Trial(0, {}, 0, uids=("uid-0-0",))),
        ([started(0), finished(0, "0.5")], Trial(0, {}, 0, (RUNG,), "Paused")),
        ([started(0), finished(0, "0.5", is_last=True)], Trial(0, {}, 0, (RUNG,), "Complete")),
        ([finished(0, "0.5"), started(0, 1)], Trial(0, {}, 0, (RUNG,), "Running", uids=("uid-0-1",))),
        ([finished(0, "0.5"), CheckpointsUnneeded(0)], Trial(0, {}, 0, (RUNG,), "Paused", dropped=True)),
        ([started(0), diverged(0)], Trial(0, {}, 0, (), "Diverged", uids=("uid-0-0",), reason="NonFiniteLoss")),
        ([started(0), failed(0)], Trial(0, {}, 0, (), "Failed", uids=("uid-0-0",), reason="OutOfMemory")),
        ([finished(0, "0.5"), started(0, 1), failed(0, 1)],
         Trial(0, {}, 0, (RUNG,), "Failed", uids=("uid-0-1",), reason="OutOfMemory")),
        ([started(0), started(0)], Trial(0, {}, 0, uids=("uid-0-0",))),
        ([started(0), started(0, uid="again")], Trial(0, {}, 0, uids=("uid-0-0", "again"), lost_rungs=(0,))),
        ([finished(0, "nan")], Trial(0, {}, 0, (Rung(1, None, "uid-0-0", 60),), "Paused")),
        # Ignored events.
        ([created(0, {"rate": "1"}, 9)], Trial(0, {}, 0)),
        ([finished(0, "0.5", 1)], Trial(0, {}, 0)),
        ([finished(0, "0.5"), finished(0, "0.9")], Trial(0, {}, 0, (RUNG,), "Paused")),
        ([finished(0, "0.5", is_last=True), started(0, 1)], Trial(0, {}, 0, (RUNG,), "Complete")),
        ([failed(0), finished(0, "0.5")], Trial(0, {}, 0, (), "Failed", reason="OutOfMemory")),
        ([started(7), UnknownEvent("{}")], Trial(0, {}, 0)),
    ],
)  # fmt: skip
def test_state_of_a_trial_after_events(events: list[Event], expected: Trial) -> None:
    assert apply_events([created(0), *events]) == (expected,)


def test_trials_are_sorted_by_number() -> None:
    events = [Created(2, {"rate": "2"}, 1), Created(0, {}, 0), Created(1, {}, 0)]
    assert [one.number for one in apply_events(events)] == [0, 1, 2]
    assert apply_events(events)[2] == Trial(2, {"rate": "2"}, 1)


@pytest.mark.parametrize(
    ("trial", "value", "epoch", "is_finished"),
    [
        (trial(1), None, 0, False),
        (trial(1, 0.5, 0.7), 0.7, 3, False),
        (trial(1, 0.5, None), None, 3, False),
        (trial(1, 0.5, 0.6, 0.7), 0.7, 9, True),
        (trial(1, 0.5, dropped=True), 0.5, 1, True),
        (trial(1, 0.5, state="Failed"), 0.5, 1, True),
        (trial(1, state="Failed"), None, 0, True),
        (trial(1, 0.5, state="Diverged"), 0.5, 1, True),
        (trial(1, state="Diverged"), None, 0, True),
    ],
)
def test_value_epoch_and_end_of_a_trial(trial: Trial, value: float | None, epoch: int, *, is_finished: bool) -> None:
    assert (trial.value, trial.epoch, trial.is_finished) == (value, epoch, is_finished)


def test_rank_trials() -> None:
    trials = [
        trial(3, 0.5),
        trial(1, 0.7),
        trial(2, 0.5),
        trial(0),
        trial(4, state="Diverged"),
        trial(5, 0.6, state="Diverged"),
    ]
    assert [one.number for one in rank_trials(trials, maximize=True)] == [1, 5, 2, 3]
    assert [one.number for one in rank_trials(trials, maximize=False)] == [2, 3, 5, 1]


@pytest.mark.parametrize(
    ("text", "number"),
    [("0.5", 0.5), ("-1e-3", -0.001), ("nan", None), ("inf", None), ("", None), (None, None), ("a", None)],
)
def test_parse_finite(text: str | None, number: float | None) -> None:
    assert parse_finite(text) == number


def test_restarted_rungs_are_counted_with_a_bounded_list_of_uids() -> None:
    begun = [started(0, uid=f"u{number}") for number in range(100)]
    (trial,) = apply_events([created(0), *begun])
    assert len(trial.lost_rungs) == 99
    assert trial.uids == tuple(f"u{number}" for number in range(100 - MAX_UIDS, 100))


def test_the_number_of_rungs_is_bounded() -> None:
    (trial,) = apply_events([created(0), *(finished(0, "0.5", rung, epoch=1) for rung in range(2 * MAX_RUNGS))])
    assert len(trial.rungs) == MAX_RUNGS > len(rungs(Schedule(method="ASHA", factor=2), 1_000_000))


@pytest.mark.parametrize("kind", ["finished", "begun again"])
def test_applying_events_takes_linear_time(kind: str) -> None:
    def seconds(count: int) -> float:
        events: list[Event] = [created(0)]
        if kind == "finished":
            events += [finished(0, "0.5", rung, epoch=1) for rung in range(count)]
        else:
            events += [started(0, uid=str(number)) for number in range(count)]
        began = time.thread_time()
        apply_events(events)
        return time.thread_time() - began

    small = large = math.inf
    for _ in range(20):  # Other work on the machine only makes a run longer: compare the best runs.
        small, large = min(small, seconds(16_000)), min(large, seconds(32_000))
        if large < 3 * small:
            return
    raise AssertionError(f"expected at most 3 times as long at twice the size, found {small} and {large}")
