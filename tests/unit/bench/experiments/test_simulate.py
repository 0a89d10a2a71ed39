from itertools import pairwise

import pytest
from epochal_operator.experiment.ledger.events import Created, Diverged, Finished, Started
from epochal_operator.experiment.ledger.trials import apply_events
from epochal_operator.experiment.replay import replay

from tests.bench.experiments.curves import Curve
from tests.bench.experiments.search import ASHA, FULL, HYPERBAND, PARALLELISM, experiment
from tests.bench.experiments.simulate import Job, Run, simulate
from tests.kit.kubectl import Object
from tests.unit.bench.experiments.recorded import SGD, curve, curves

EPOCHS = 9
FALLING = tuple(1 / epoch for epoch in range(1, EPOCHS + 1))
CURVES = curves(
    *(
        curve(*(rate * value for value in FALLING), seconds=0.5 + rate, learningRate=str(rate / 10))
        for rate in (0.002, 0.01, 0.05, 0.2, 1.0)
    ),
    Curve(SGD, 2.0, tuple(2 * value for value in FALLING)),
)
DOCUMENT = experiment("Random", ASHA, trials=30, epochs=EPOCHS)


@pytest.fixture(scope="module")
def run() -> Run:
    """A search by Random with ASHA."""
    return simulate(DOCUMENT, CURVES)


def of_trial(run: Run, number: int) -> list[Job]:
    return [job for job in run.jobs if job.trial == number]


def test_without_a_schedule_each_trial_is_trained_in_full() -> None:
    run = simulate(experiment("Random", FULL, trials=7, epochs=EPOCHS), CURVES)
    assert [(job.first, job.last) for job in run.jobs] == [(0, EPOCHS)] * 7
    assert (run.epochs, run.repeated) == (7 * EPOCHS, 0)


def test_the_clock_runs_with_the_epochs_and_no_slot_waits() -> None:
    run = simulate(experiment("Random", FULL, trials=12, epochs=EPOCHS), CURVES)
    assert [job.end for job in run.jobs] == sorted(job.end for job in run.jobs)
    assert {job.begin for job in run.jobs} <= {0.0, *(job.end for job in run.jobs)}
    for job in run.jobs:
        assert sum(other.begin <= job.begin < other.end for other in run.jobs) <= PARALLELISM
    assert sum(job.begin == 0 for job in run.jobs) == PARALLELISM
    (first,) = of_trial(run, 0)
    assert first.end == pytest.approx(EPOCHS * CURVES.of(_parameters(run, 0)).seconds)


def test_a_rung_continues_from_the_rung_below(run: Run) -> None:
    for number in range(30):
        assert [job.first for job in of_trial(run, number)] == [0, 1, 3][: len(of_trial(run, number))]
    assert run.repeated == 0
    assert run.epochs == sum(trial.epoch for trial in apply_events(run.ledger)) < run.epochs_from_zero
    assert [(job.first, job.last) for job in of_trial(run, 0)] == [(0, 1), (1, 3), (3, 9)]


def test_without_checkpoints_each_rung_trains_all_epochs() -> None:
    run = simulate(DOCUMENT, CURVES, from_checkpoints=False)
    assert [(job.first, job.last) for job in of_trial(run, 0)] == [(0, 1), (0, 3), (0, 9)]
    assert run.epochs == run.epochs_from_zero == sum(job.last for job in run.jobs)
    assert run.repeated == run.epochs - sum(trial.epoch for trial in apply_events(run.ledger)) > 0


def test_about_a_third_of_a_rung_is_promoted(run: Run) -> None:
    others = [job for job in run.jobs if job.trial]
    first, second, third = (sum(job.rung == rung for job in others) for rung in range(3))
    assert first == 29
    assert first // 3 <= second < first / 2
    assert second // 3 <= third < second
    assert run.best == min(job.value for job in others if job.value is not None)


def test_brackets_begin_ever_later() -> None:
    run = simulate(experiment("Random", HYPERBAND, trials=20, epochs=EPOCHS), CURVES)
    assert {job.last for job in run.jobs if job.rung == 0} == {1, 3, 9}
    assert run.repeated == 0


def test_a_diverging_trial_ends_with_that_epoch() -> None:
    run = simulate(experiment("Random", FULL, trials=20, epochs=EPOCHS), curves(curve(*FALLING), Curve(SGD, 1, (1, 2))))
    diverged = [job for job in run.jobs if job.value is None]
    assert diverged
    assert {(job.first, job.last, job.end - job.begin) for job in diverged} == {(0, 3, 3.0)}
    assert sum(isinstance(event, Diverged) for event in run.ledger) == len(diverged)


def test_the_ledger_is_the_operators(run: Run) -> None:
    first = run.ledger[: 2 * PARALLELISM + 1]
    assert all(isinstance(event, Created) and event.known_events == 0 for event in first[:PARALLELISM])
    assert all(isinstance(event, Started) for event in first[PARALLELISM:-1])
    assert isinstance(first[-1], Finished)
    known = [event.known_events for event in run.ledger if isinstance(event, Created)]
    assert known == sorted(known)
    for event, after in pairwise(run.ledger):
        if isinstance(after, Created) and after.known_events:
            assert after.known_events <= run.ledger.index(after)
            assert not isinstance(event, Started) or event.rung  # one that was promoted at the same time


@pytest.mark.parametrize("method", ["Random", "TPE"])
def test_a_simulation_is_reproducible(method: str) -> None:
    document = experiment(method, ASHA, trials=16, seed=3, epochs=EPOCHS)
    run = simulate(document, CURVES)
    assert simulate(document, CURVES) == run
    assert replay(run.document, run.ledger_object["data"]).differences == ()


def test_another_seed_suggests_something_else(run: Run) -> None:
    assert _parameters(run, 1) != _parameters(simulate(_seeded(DOCUMENT, 1), CURVES), 1)


JOB = Job(1, 0, begin=10, end=14, first=5, last=9, value=0.5)


@pytest.mark.parametrize(("at", "epochs"), [(0, 0), (10, 0), (10.9, 0), (11, 1), (13.5, 3), (14, 4), (99, 4)])
def test_epochs_count_when_they_end(at: float, epochs: int) -> None:
    assert JOB.trained(at) == epochs


@pytest.mark.parametrize(
    ("value", "epochs"),
    [(1.0, 2 + 1), (0.6, 2 + 1), (0.5, 2 + 4 + 1), (0.4, 2 + 6 + 2), (0.1, float("inf"))],
)
def test_epochs_until_a_value_is_reached(value: float, epochs: float) -> None:
    ended = (
        Job(0, 0, begin=0, end=2, first=0, last=2, value=0.6),
        Job(1, 0, begin=1, end=5, first=0, last=4, value=0.5),
        Job(2, 0, begin=2, end=7, first=0, last=2, value=None),
        Job(1, 1, begin=5, end=7, first=4, last=6, value=0.3),
    )
    assert Run({}, (), ended).epochs_until(value) == epochs


def _parameters(run: Run, number: int) -> dict[str, str]:
    return dict(apply_events(run.ledger)[number].parameters)


def _seeded(document: Object, seed: int) -> Object:
    spec = document["spec"]
    return document | {"spec": spec | {"search": spec["search"] | {"seed": seed}}}
