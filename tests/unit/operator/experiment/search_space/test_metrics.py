"""The metrics that trials report; tests/unit/trainer/model/test_metric_names.py compares the names with Keras."""

from typing import Any

import pytest
from epochal_api.trainingjob.network import Named
from epochal_operator.experiment.search_space.metrics import reports_metric


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
