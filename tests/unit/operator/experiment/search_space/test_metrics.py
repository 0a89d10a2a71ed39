"""The metrics that trials report; tests/unit/trainer/model/test_metric_names.py compares the names with Keras."""

from typing import Any

import pytest
from epochal_api.trainingjob.network import Named
from epochal_api.trainingjob.training import Training
from epochal_operator.experiment.search_space.metrics import reports_metric, training_reports


@pytest.mark.parametrize(
    ("metrics", "name", "expected"),
    [
        ([], "loss", True),
        ([], "val_loss", True),
        ([], "accuracy", False),
        (["accuracy"], "val_accuracy", True),
        (["accuracy"], "val_auc", False),
        (["accuracy"], "acc", False),
        (["acc"], "accuracy", False),
        (["accuracy", "AUC"], "val_auc", True),
        (["AUC", "AUC"], "auc_2", True),
        (["F1Score"], "val_f1_score_0", True),
        (["F1Score", "F1Score"], "val_f1_score_2_0", True),
        (["mae"], "mae", True),
        (["mae"], "mean_absolute_error", False),
        ([{"name": "mae", "dtype": "float32"}], "mean_absolute_error", True),
        ([{"name": "Precision", "thresholds": 0.3}], "precision", True),
        (["LogCoshError"], "val_logcosh", True),
    ],
)
def test_reports_metric(metrics: list[Any], name: str, *, expected: bool) -> None:
    named = [Named.model_validate({"name": item} if isinstance(item, str) else item) for item in metrics]
    assert reports_metric(named, name) is expected


OUTPUTS = [
    {"name": "digit", "loss": "mse", "metrics": ["accuracy", "AUC"]},
    {"name": "is_odd", "loss": "BinaryCrossentropy", "metrics": ["accuracy", {"name": "Precision", "thresholds": 0.3}]},
]


@pytest.mark.parametrize(
    ("name", "count", "expected"),
    [
        ("val_loss", 2, True),
        ("is_odd_loss", 2, True),
        ("val_is_odd_precision", 2, True),
        ("digit_auc_2", 2, True),
        ("digit_precision", 2, False),
        ("accuracy", 2, False),
        ("val_accuracy", 1, True),
        ("digit_accuracy", 1, False),
        ("digit_loss", 1, False),
    ],
)
def test_metrics_of_several_outputs_have_its_name(name: str, count: int, *, expected: bool) -> None:
    assert training_reports(Training.model_validate({"outputs": OUTPUTS[:count]}), name) is expected
