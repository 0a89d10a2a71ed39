"""What becomes of trials, by what was observed of them."""

import math
import time

import pytest
from epochal_api.experiment.spec import Schedule
from epochal_operator.experiment.ledger.events import Created, Dropped, Event, Unread
from epochal_operator.experiment.ledger.trials import MAX_RUNGS, MAX_UIDS, fold
from epochal_operator.experiment.schedule.asha import rungs
from epochal_operator.experiment.trial import Rung, Trial, best, finite

from tests.unit.operator.experiment.searches import created, diverged, failed, finished, started, trial

RUNG = Rung(1, 0.5, "uid-0-0", 60)


@pytest.mark.parametrize(
    ("events", "wanted"),
    [
        ([], Trial(0, {}, 0)),
        ([started(0)], Trial(0, {}, 0, uids=("uid-0-0",))),
        ([started(0), finished(0, "0.5")], Trial(0, {}, 0, (RUNG,), "Paused")),
        ([started(0), finished(0, "0.5", ended=True)], Trial(0, {}, 0, (RUNG,), "Complete")),
        ([finished(0, "0.5"), started(0, 1)], Trial(0, {}, 0, (RUNG,), "Running", uids=("uid-0-1",))),
        ([finished(0, "0.5"), Dropped(0)], Trial(0, {}, 0, (RUNG,), "Paused", dropped=True)),
        ([started(0), diverged(0)], Trial(0, {}, 0, (), "Diverged", uids=("uid-0-0",), reason="NonFiniteLoss")),
        ([started(0), failed(0)], Trial(0, {}, 0, (), "Failed", uids=("uid-0-0",), reason="OutOfMemory")),
        ([finished(0, "0.5"), started(0, 1), failed(0, 1)],
         Trial(0, {}, 0, (RUNG,), "Failed", uids=("uid-0-1",), reason="OutOfMemory")),
        ([started(0), started(0)], Trial(0, {}, 0, uids=("uid-0-0",))),
        ([started(0), started(0, uid="again")], Trial(0, {}, 0, uids=("uid-0-0", "again"), lost=(0,))),
        ([finished(0, "nan")], Trial(0, {}, 0, (Rung(1, None, "uid-0-0", 60),), "Paused")),
        # What does not fit, or is told twice.
        ([created(0, {"rate": "1"}, 9)], Trial(0, {}, 0)),
        ([finished(0, "0.5", 1)], Trial(0, {}, 0)),
        ([finished(0, "0.5"), finished(0, "0.9")], Trial(0, {}, 0, (RUNG,), "Paused")),
        ([finished(0, "0.5", ended=True), started(0, 1)], Trial(0, {}, 0, (RUNG,), "Complete")),
        ([failed(0), finished(0, "0.5")], Trial(0, {}, 0, (), "Failed", reason="OutOfMemory")),
        ([started(7), Unread("{}")], Trial(0, {}, 0)),
    ],
)  # fmt: skip
def test_what_becomes_of_a_trial(events: list[Event], wanted: Trial) -> None:
    assert fold([created(0), *events]) == (wanted,)


def test_trials_come_by_their_numbers() -> None:
    events = [Created(2, {"rate": "2"}, 1), Created(0, {}, 0), Created(1, {}, 0)]
    assert [one.number for one in fold(events)] == [0, 1, 2]
    assert fold(events)[2] == Trial(2, {"rate": "2"}, 1)


@pytest.mark.parametrize(
    ("one", "worth"),
    [
        (trial(1), None),
        (trial(1, 0.5, 0.7), 0.7),
        (trial(1, 0.5, None), None),
        (trial(1, 0.5, state="Failed"), 0.5),
        (trial(1, 0.5, state="Diverged"), 0.5),
        (trial(1, state="Diverged"), None),
    ],
)
def test_what_a_trial_is_worth(one: Trial, worth: float | None) -> None:
    assert one.value == worth


def test_the_best_come_first_and_of_equals_the_earlier_one() -> None:
    trials = [
        trial(3, 0.5),
        trial(1, 0.7),
        trial(2, 0.5),
        trial(0),
        trial(4, state="Diverged"),
        trial(5, 0.6, state="Diverged"),
    ]
    assert [one.number for one in best(trials, maximize=True)] == [1, 5, 2, 3]
    assert [one.number for one in best(trials, maximize=False)] == [2, 3, 5, 1]


@pytest.mark.parametrize(
    ("one", "epoch", "ended"),
    [
        (trial(1), 0, False),
        (trial(1, 0.5, 0.6), 3, False),
        (trial(1, 0.5, 0.6, 0.7), 9, True),
        (trial(1, 0.5, dropped=True), 1, True),
        (trial(1, state="Failed"), 0, True),
    ],
)
def test_how_far_a_trial_has_come(one: Trial, epoch: int, *, ended: bool) -> None:
    assert (one.epoch, one.ended) == (epoch, ended)


@pytest.mark.parametrize(
    ("text", "number"),
    [("0.5", 0.5), ("-1e-3", -0.001), ("nan", None), ("inf", None), ("", None), (None, None), ("a", None)],
)
def test_what_a_text_is_worth(text: str | None, number: float | None) -> None:
    assert finite(text) == number


def test_of_a_rung_that_is_begun_again_and_again_each_loss_counts_and_few_of_its_training_jobs_are_kept() -> None:
    begun = [started(0, uid=f"u{number}") for number in range(100)]
    (trial,) = fold([created(0), *begun])
    assert len(trial.lost) == 99
    assert trial.uids == tuple(f"u{number}" for number in range(100 - MAX_UIDS, 100))


def test_no_trial_has_more_rungs_than_any_schedule() -> None:
    (trial,) = fold([created(0), *(finished(0, "0.5", rung, epoch=1) for rung in range(2 * MAX_RUNGS))])
    assert len(trial.rungs) == MAX_RUNGS > len(rungs(Schedule(method="ASHA", factor=2), 1_000_000))


@pytest.mark.parametrize("kind", ["finished", "begun again"])
def test_twice_the_events_of_a_trial_take_twice_the_time(kind: str) -> None:
    def seconds(count: int) -> float:
        events: list[Event] = [created(0)]
        if kind == "finished":
            events += [finished(0, "0.5", rung, epoch=1) for rung in range(count)]
        else:
            events += [started(0, uid=str(number)) for number in range(count)]
        best = math.inf
        for _ in range(5):
            began = time.thread_time()
            fold(events)
            best = min(best, time.thread_time() - began)
        return best

    assert seconds(32_000) < 3 * seconds(16_000)
