import csv
import io

import numpy as np
import pytest
from epochal_api.trainingjob.report import Report
from epochal_trainer.reporting.history import (
    Epoch,
    log_line,
    metric_values,
    report_metrics,
    seconds_left,
    to_csv,
)


def epoch(number: int, **metrics: float) -> Epoch:
    return Epoch(number, 1.5, 0.001, metrics)


def test_metric_values_are_floats_with_losses_first_and_validation_last() -> None:
    logs = {"accuracy": np.float32(0.5), "loss": 1.0, "val_accuracy": 0.4, "val_loss": 2, "learning_rate": 0.1}
    assert list(metric_values(logs).items()) == [
        ("loss", 1.0),
        ("accuracy", 0.5),
        ("val_loss", 2.0),
        ("val_accuracy", 0.4),
    ]
    assert all(type(value) is float for value in metric_values(logs).values())


def test_values_per_class_are_numbered() -> None:
    assert metric_values({"f1_score": np.array([0.25, 0.75])}) == {"f1_score_0": 0.25, "f1_score_1": 0.75}


def test_a_report_has_losses_and_a_limited_number_of_metrics() -> None:
    values = metric_values({"f1_score": np.zeros(100), "loss": 1.0, "val_f1_score": np.ones(10), "val_loss": 2.0})
    assert len(values) == 112
    reported = report_metrics(values)
    assert list(reported) == [name for name in values if name in reported]
    assert {"loss", "val_loss", *(f"val_f1_score_{index}" for index in range(10))} < set(reported)
    assert len(reported) == 64
    assert "f1_score_99" not in reported
    assert "f1_score_99" in report_metrics(values, first="f1_score_99")
    assert report_metrics({"loss": 1.0}) == {"loss": 1.0}


def test_metric_names_in_a_report_are_valid_for_the_operator() -> None:
    reported = report_metrics({"loss": 1.0, "top\u202e5\n\x1b": 0.5, "head_" * 40: 0.25, "\u200b": 0.0})
    assert [*reported.values()] == [1.0, 0.5, 0.25]
    assert [*reported][:2] == ["loss", "top 5"]
    report = {"attempt": 1, "sequence": 1, "stage": "Training", "epochs": 3, "metrics": reported}
    assert Report.model_validate(report).metrics == reported


def test_metrics_of_an_output_with_a_long_name_differ_in_a_report() -> None:
    output = "head_" * 26
    metrics = {f"{output}_loss": 2.0, f"{output}_accuracy": 3.0}
    reported = report_metrics(metrics)
    assert list(reported.values()) == [2.0, 3.0]
    assert all(len(name) == 128 for name in reported)


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


def test_log_line() -> None:
    written = log_line(epoch(3, loss=0.0368, val_loss=0.0436), epochs=10, left=105, best="best")
    assert written == "Epoch  3/10    1.5s  loss 0.0368  val_loss 0.0436  best  1m45s left"
    assert "left" not in log_line(epoch(10, loss=0.1), epochs=10, left=0.0)


def test_csv_has_a_row_per_epoch_and_a_column_per_metric() -> None:
    epochs = [Epoch(1, 2.00049, None, {"loss": 0.1}), epoch(2, loss=0.25, val_loss=1 / 3)]
    assert list(csv.DictReader(io.StringIO(to_csv(epochs)))) == [
        {"epoch": "1", "seconds": "2.0", "learning_rate": "", "loss": "0.1", "val_loss": ""},
        {"epoch": "2", "seconds": "1.5", "learning_rate": "0.001", "loss": "0.25", "val_loss": repr(1 / 3)},
    ]
