import math
from dataclasses import replace

import pytest
from epochal_api.trainingjob.status import Mode
from epochal_trainer.reporting.best import Monitor, RunningBest, find_best_epoch
from epochal_trainer.reporting.history import Epoch, reported_name
from hypothesis import given
from hypothesis import strategies as st

LOSS, VAL_LOSS, ACCURACY = Monitor("loss"), Monitor("val_loss"), Monitor("val_accuracy", "Max")


def epoch(number: int, **metrics: float) -> Epoch:
    return Epoch(number, 1.5, 0.001, metrics)


def another(of: Epoch) -> Epoch:
    """Return an epoch of another training or loss."""
    return replace(of, eligible=False)


@pytest.mark.parametrize(
    ("epochs", "monitor", "expected"),
    [
        ([], LOSS, None),
        ([epoch(1, loss=3.0), epoch(2, loss=1.0), epoch(3, loss=2.0)], LOSS, (2, "loss", "Min", 1.0)),
        ([epoch(1, loss=3.0, val_loss=1.0), epoch(2, loss=1.0, val_loss=2.0)], VAL_LOSS, (1, "val_loss", "Min", 1.0)),
        ([epoch(1, val_accuracy=0.2), epoch(2, val_accuracy=0.9)], ACCURACY, (2, "val_accuracy", "Max", 0.9)),
        ([epoch(1, loss=1.0), epoch(2, loss=1.0)], LOSS, (1, "loss", "Min", 1.0)),
        ([epoch(1, val_accuracy=0.5), epoch(2, val_accuracy=0.5)], ACCURACY, (1, "val_accuracy", "Max", 0.5)),
        ([epoch(1, loss=math.nan)], LOSS, None),
        ([epoch(1, loss=math.inf), epoch(2, loss=5.0)], Monitor("loss", "Max"), (2, "loss", "Max", 5.0)),
        ([epoch(1, loss=1.0)], VAL_LOSS, None),
        ([another(epoch(1, loss=0.1))], LOSS, None),
        ([another(epoch(1, loss=0.1)), epoch(2, loss=5.0)], LOSS, (2, "loss", "Min", 5.0)),
        ([epoch(1, loss=math.nan), epoch(2, loss=5.0)], LOSS, (2, "loss", "Min", 5.0)),
    ],
)
def test_best_epoch(epochs: list[Epoch], monitor: Monitor, expected: tuple[int, str, str, float] | None) -> None:
    found = find_best_epoch(epochs, monitor)
    assert (found and (found.epoch, found.metric, found.mode, found.value)) == expected


FEW_VALUES = st.sampled_from([-1.0, -0.0, 0.0, 0.5, 1.0, math.nan, math.inf, -math.inf])
METRICS = st.dictionaries(st.sampled_from(["loss", "val_loss"]), FEW_VALUES)
EPOCHS = st.lists(st.tuples(METRICS, st.booleans()), max_size=12).map(
    lambda rows: [replace(epoch(number, **row), eligible=eligible) for number, (row, eligible) in enumerate(rows, 1)]
)


def scan(epochs: list[Epoch], monitor: Monitor) -> int | None:
    """Return the number of the best epoch, found by a scan of all epochs."""
    values = {each.number: each.metrics.get(monitor.metric, math.nan) for each in epochs if each.eligible}
    finite = {number: value for number, value in values.items() if math.isfinite(value)}
    best = min if monitor.mode == "Min" else max
    return best(finite, key=lambda number: finite[number], default=None)


@given(epochs=EPOCHS, mode=st.sampled_from(["Min", "Max"]), resumed=st.integers(0, 12))
def test_the_running_best_is_the_best_of_a_scan_after_each_epoch(epochs: list[Epoch], mode: Mode, resumed: int) -> None:
    monitor = Monitor("val_loss", mode)
    running = RunningBest(monitor, epochs[:resumed])
    for count, each in enumerate(epochs[resumed:], min(resumed, len(epochs)) + 1):
        is_best = running.add(each)
        expected = scan(epochs[:count], monitor)
        assert (running.best and running.best.epoch, is_best) == (expected, expected == each.number)
    assert running.best == find_best_epoch(epochs, monitor)


def test_is_better_depends_on_the_mode() -> None:
    assert (LOSS.is_better(1, 2), LOSS.is_better(2, 1), LOSS.is_better(1, 1)) == (True, False, False)
    assert (ACCURACY.is_better(1, 2), ACCURACY.is_better(2, 1), ACCURACY.is_better(1, 1)) == (False, True, False)


@pytest.mark.parametrize(
    ("name", "reported"), [("top\u202e5\n", "top 5"), ("head_" * 40, reported_name("head_" * 40)), ("\u200b", "?")]
)
def test_the_metric_name_is_valid_for_the_operator(name: str, reported: str) -> None:
    found = find_best_epoch([epoch(1, **{name: 0.5})], Monitor(name))
    assert found is not None
    assert found.metric == reported
