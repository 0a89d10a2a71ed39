"""The pass over a data set: each sample once, spread evenly if the time is over."""

from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
import pytest
from epochal_trainer.evaluation import passes
from epochal_trainer.evaluation.passes import Counts
from epochal_trainer.evaluation.target import Labels
from numpy.typing import NDArray

Array = NDArray[Any]


class Pass:
    """A pass over samples whose output is their own index."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.added: list[int] = []

    def run(
        self,
        samples: int,
        batch: int,
        *,
        unlabeled: Callable[[Array], Array] = lambda rows: rows < 0,
        not_finite: Callable[[Array], Array] = lambda rows: rows < 0,
        stop: Callable[[], bool] = lambda: False,
        seconds: float = 1e9,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> Counts:
        def predict(rows: Array) -> list[Array]:
            self.sizes.append(len(rows))
            outputs = np.where(not_finite(rows), np.nan, rows.astype(float))[:, np.newaxis]
            return [outputs, np.zeros((len(rows), 1))]

        def add(rows: Array, labels: Array, outputs: Array) -> None:
            assert (rows == labels).all()
            assert (rows == outputs[:, 0]).all()
            self.added.extend(rows.tolist())

        counts, others = passes.run(
            samples,
            batch,
            predict=predict,
            tallies=[
                passes.Tally(lambda rows: Labels(rows, ~unlabeled(rows)), add),
                passes.Tally(lambda rows: Labels(rows, rows >= 0), lambda *_: None),
            ],
            stop=stop,
            seconds=seconds,
            clock=clock,
        )
        assert others == Counts(evaluated=samples - counts.skipped, skipped=counts.skipped)
        return counts


@pytest.mark.parametrize(("samples", "batch"), [(1, 8), (8, 8), (9, 8), (100, 7), (7, 100)])
def test_each_sample_once_in_batches_of_one_size(samples: int, batch: int) -> None:
    run = Pass()
    assert run.run(samples, batch) == Counts(evaluated=samples)
    assert sorted(run.added) == list(range(samples))
    assert len(set(run.sizes)) == 1
    assert run.sizes[0] <= batch


def test_a_pass_that_runs_out_of_time_is_spread_over_the_data() -> None:
    run, ticks = Pass(), count()
    counts = run.run(1000, 10, seconds=20, clock=lambda: float(next(ticks)))
    assert 100 <= counts.evaluated <= 220
    assert counts.skipped == 1000 - counts.evaluated == 1000 - len(run.added)
    assert np.histogram(run.added, 10, (0, 1000))[0].min() == counts.evaluated // 10


def test_the_first_batch_may_exceed_the_limit() -> None:
    times = iter([0.0, 0.0, 50.0])
    assert Pass().run(100, 10, seconds=1, clock=lambda: next(times)) == Counts(evaluated=10, skipped=90)


def test_a_slow_first_batch_does_not_count_for_the_others() -> None:
    times = iter([0.0, 0.0, 0.9, 0.91, 0.92, 0.93])
    assert Pass().run(40, 10, seconds=1, clock=lambda: next(times)) == Counts(evaluated=40)


def test_a_stop_ends_the_pass() -> None:
    answers = iter([False, False, True])
    assert Pass().run(100, 10, stop=lambda: next(answers)) == Counts(evaluated=20, skipped=80)
    assert Pass().run(100, 10, stop=lambda: True) == Counts(skipped=100)


def test_samples_without_label_or_finite_output_are_counted() -> None:
    run = Pass()
    counts = run.run(20, 6, unlabeled=lambda rows: rows < 3, not_finite=lambda rows: (rows == 2) | (rows >= 15))
    assert counts == Counts(evaluated=12, unlabeled=3, not_finite=5)
    assert sorted(run.added) == list(range(3, 15))
