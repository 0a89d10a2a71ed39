"""The metrics that trials report; tests/unit/trainer/model/test_metric_names.py compares the names with Keras."""

from typing import Any

import pytest
from epochal_api.trainingjob.training import Training
from epochal_operator.experiment.search_space.metrics import reported_name


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
        (["LogCoshError"], "val_log_cosh_error", False),
        (["AUC"], "val_AUC", "val_auc"),
        (["AUC", "AUC"], "AUC_2", "auc_2"),
        (["MeanAbsoluteError"], "val_MeanAbsoluteError", "val_mean_absolute_error"),
        (["F1Score"], "val_F1Score_0", "val_f1_score_0"),
        (["R2Score"], "r2score", "r2_score"),
        (["mae"], "MAE", "mae"),
        ([], "val_Loss", "val_loss"),
        (["mae", "MAE"], "val_MAE", True),
        (["f_beta_score", "FBetaScore"], "val_fbeta_score", True),
    ],
)
def test_reported_name(metrics: list[Any], name: str, *, expected: str | bool) -> None:
    assert reported_name(Training.model_validate({"loss": "mse", "metrics": metrics}), name) == (
        (name if expected else None) if isinstance(expected, bool) else expected
    )


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
    assert reported_name(Training.model_validate({"outputs": OUTPUTS[:count]}), name) == (name if expected else None)
