import inspect
from typing import Any

import keras
import pytest
from epochal_api.metric_direction import is_rising

ARGUMENTS: dict[str, dict[str, Any]] = {
    "IoU": {"num_classes": 2, "target_class_ids": [0]},
    "MeanIoU": {"num_classes": 2},
    "OneHotIoU": {"num_classes": 2, "target_class_ids": [0]},
    "OneHotMeanIoU": {"num_classes": 2},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}
METRICS = [
    each(**ARGUMENTS.get(name, {}))
    for name, each in vars(keras.metrics).items()
    if inspect.isclass(each) and name not in {"Metric", "MeanMetricWrapper"}
]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_give_the_direction_of_keras(metric: keras.metrics.Metric) -> None:
    assert is_rising(metric.name) == (getattr(metric, "_direction", None) == "up")
    assert not is_rising(f"{metric.name}_loss")
