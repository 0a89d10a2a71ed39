import csv
import io

import numpy as np
import pytest
from epochal_api.trainingjob.report import Report
from epochal_trainer.reporting.history import (
    Epoch,
    figures,
    line,
    reported,
    seconds_left,
    table,
)


def epoch(number: int, **metrics: float) -> Epoch:
    return Epoch(number, 1.5, 0.001, metrics)


def test_figures_are_numbers_losses_first_validation_last() -> None:
    logs = {"accuracy": np.float32(0.5), "loss": 1.0, "val_accuracy": 0.4, "val_loss": 2, "learning_rate": 0.1}
    assert list(figures(logs).items()) == [("loss", 1.0), ("accuracy", 0.5), ("val_loss", 2.0), ("val_accuracy", 0.4)]
    assert all(type(value) is float for value in figures(logs).values())


def test_a_figure_per_class_is_numbered() -> None:
    assert figures({"f1_score": np.array([0.25, 0.75])}) == {"f1_score_0": 0.25, "f1_score_1": 0.75}


def test_a_report_holds_the_losses_and_as_many_other_figures_as_it_can() -> None:
    every = figures({"f1_score": np.zeros(100), "loss": 1.0, "val_f1_score": np.ones(10), "val_loss": 2.0})
    assert len(every) == 112
    told = reported(every)
    assert list(told) == [name for name in every if name in told]
    assert {"loss", "val_loss", *(f"val_f1_score_{index}" for index in range(10))} < set(told)
    assert len(told) == 64
    assert "f1_score_99" not in told
    assert "f1_score_99" in reported(every, first="f1_score_99")
    assert reported({"loss": 1.0}) == {"loss": 1.0}


def test_whatever_a_figure_is_called_the_operator_takes_it() -> None:
    told = reported({"loss": 1.0, "top\u202e5\n\x1b": 0.5, "head_" * 40: 0.25, "\u200b": 0.0})
    assert told == {"loss": 1.0, "top 5": 0.5, ("head_" * 40)[:128]: 0.25}
    report = {"attempt": 1, "sequence": 1, "stage": "Training", "epochs": 3, "metrics": told}
    assert Report.model_validate(report).metrics == told


@pytest.mark.parametrize(
    ("finished", "fraction", "elapsed", "last_epoch", "expected"),
    [
        (0, 0.0, 5.0, None, None),
        (0, 0.5, 5.0, None, 95.0),
        (1, 0.0, 0.0, 10.0, 90.0),
        (9, 0.5, 99.0, 10.0, 5.0),
        (10, 0.0, 0.0, 10.0, 0.0),
    ],
)
def test_seconds_left(
    finished: int, fraction: float, elapsed: float, last_epoch: float | None, expected: float | None
) -> None:
    found = seconds_left(epochs=10, finished=finished, fraction=fraction, elapsed=elapsed, last_epoch=last_epoch)
    assert found == expected


def test_line() -> None:
    written = line(epoch(3, loss=0.0368, val_loss=0.0436), epochs=10, left=105, best="best")
    assert written == "Epoch  3/10    1.5s  loss 0.0368  val_loss 0.0436  best  1m45s left"
    assert "left" not in line(epoch(10, loss=0.1), epochs=10, left=0.0)


def test_table_has_a_row_per_epoch_and_a_column_per_figure() -> None:
    epochs = [Epoch(1, 2.00049, None, {"loss": 0.1}), epoch(2, loss=0.25, val_loss=1 / 3)]
    assert list(csv.DictReader(io.StringIO(table(epochs)))) == [
        {"epoch": "1", "seconds": "2.0", "learning_rate": "", "loss": "0.1", "val_loss": ""},
        {"epoch": "2", "seconds": "1.5", "learning_rate": "0.001", "loss": "0.25", "val_loss": repr(1 / 3)},
    ]
