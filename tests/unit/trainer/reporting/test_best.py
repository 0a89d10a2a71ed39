import math
from dataclasses import replace

import pytest
from epochal_trainer.reporting.best import Monitor, find_best_epoch
from epochal_trainer.reporting.history import Epoch, reported_name

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
