"""The operator's table of metric names, compared with the names that Keras gives."""

from typing import Any

import keras
import pytest
from epochal_api.trainingjob.network import Named
from epochal_api.trainingjob.training import Training
from epochal_operator.experiment.search_space.metrics import reported_name
from epochal_trainer.model.keras_objects import build_named, classes

REQUIRED: dict[str, dict[str, Any]] = {
    "IoU": {"num_classes": 2, "target_class_ids": [0]},
    "MeanIoU": {"num_classes": 2},
    "OneHotIoU": {"num_classes": 2, "target_class_ids": [0]},
    "OneHotMeanIoU": {"num_classes": 2},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}
BASES = {"Metric", "MeanMetricWrapper", "Mean", "Sum"}
"""Classes that no training uses as a metric."""


@pytest.mark.parametrize("name", sorted(set(classes(keras.metrics)) - BASES))
def test_the_name_of_each_class_is_known(name: str) -> None:
    metric = Named(name=name, **REQUIRED.get(name, {}))
    name = f"val_{build_named(keras.metrics, metric).name}"
    assert reported_name(Training(loss="mse", metrics=[metric]), name.upper().replace("VAL_", "val_")) == name


@pytest.mark.parametrize("name", ["bce", "mae", "mape", "mse", "msle"])
def test_a_short_name_with_arguments_has_the_name_of_its_class(name: str) -> None:
    metric = Named(name=name, dtype="float32")
    expected = build_named(keras.metrics, metric).name
    assert reported_name(Training(loss="mse", metrics=[metric]), expected) == expected
