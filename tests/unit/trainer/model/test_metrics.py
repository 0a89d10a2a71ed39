import inspect
import re
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.network import Named
from epochal_trainer.model import keras_objects
from epochal_trainer.model.metrics import (
    are_numeric_labels,
    check_logits_metrics,
    check_metrics,
    logits_metric,
    metric_advice,
)

from tests.unit.trainer.model.networks import build_network, network_spec

INDICES = "the metric expects labels with a value for each output, but the labels are class indices: use "
ROWS = "the metric expects class indices, but the labels are one-hot rows: use "
SEVERAL = "the metric expects several outputs, but the network has one: use "
ROWS_ALONE = "the metric expects one-hot rows, but the labels are class indices: save y as "
NUMBERS = "the metric compares classes, but the labels are numbers other than 0 and 1: use mae or mse"


def metric(name: str, **arguments: Any) -> Named:
    return Named.model_validate({"name": name, **arguments})


@pytest.mark.parametrize(
    ("name", "labels", "output", "found"),
    [
        ("TopKCategoricalAccuracy", (), (10,), INDICES + "SparseTopKCategoricalAccuracy"),
        ("top_k_categorical_accuracy", (1,), (10,), INDICES + "SparseTopKCategoricalAccuracy"),
        ("CategoricalAccuracy", (), (10,), INDICES + "SparseCategoricalAccuracy"),
        ("BinaryAccuracy", (), (10,), INDICES + "SparseCategoricalAccuracy"),
        ("CategoricalAccuracy", (4, 4), (4, 4, 3), INDICES + "SparseCategoricalAccuracy"),
        ("CategoricalCrossentropy", (), (None,), INDICES + "SparseCategoricalCrossentropy"),
        ("SparseCategoricalAccuracy", (10,), (10,), ROWS + "CategoricalAccuracy"),
        ("sparse_top_k_categorical_accuracy", (10,), (10,), ROWS + "TopKCategoricalAccuracy"),
        ("CategoricalAccuracy", (), (1,), SEVERAL + "BinaryAccuracy"),
        ("SparseCategoricalAccuracy", (1,), (1,), SEVERAL + "BinaryAccuracy"),
        ("SparseCategoricalCrossentropy", (), (1,), SEVERAL + "BinaryCrossentropy"),
        ("MeanIoU", (), (8, 8, 1), SEVERAL + "BinaryIoU"),
        (
            "Precision",
            (),
            (4,),
            ROWS_ALONE + "numpy.eye(4)[y] and use the loss CategoricalCrossentropy, or use the metric "
            "SparseCategoricalAccuracy (accuracy) instead",
        ),
        ("f1_score", (1,), (4,), ROWS_ALONE + "numpy.eye(4)[y[..., 0]] and use the loss CategoricalCrossentropy, or"),
        ("AUC", (8, 8), (8, 8, None), ROWS_ALONE + "numpy.eye(CLASSES)[y] and use"),
        ("Recall", (4,), (4,), None),
        ("Recall", (), (1,), None),
        ("F1Score", (1,), (1,), "add threshold: 0.5"),
        ("BinaryCrossentropy", (1,), (1,), None),
        (
            "MeanIoU",
            (8, 8),
            (8, 8, 3),
            "the metric expects the index of a class .* 3 values, .*: add sparse_y_pred: false",
        ),
        ("IoU", (3,), (3,), ROWS + "OneHotIoU"),
        ("Accuracy", (), (4,), "the metric counts outputs that are equal to their label, .*: use accuracy"),
        ("TopKCategoricalAccuracy", (10,), (10,), None),
        ("SparseCategoricalAccuracy", (), (10,), None),
        ("accuracy", (), (10,), None),
        ("BinaryAccuracy", (3,), (3,), None),
        ("BinaryAccuracy", (), (1,), None),
        ("MeanAbsoluteError", (), (10,), None),
        ("CategoricalAccuracy", (1, 2, 3), (10,), None),
        ("CategoricalAccuracy", (), (), None),
    ],
)
def test_metric_advice(name: str, labels: tuple[int, ...], output: tuple[int | None, ...], found: str | None) -> None:
    advice = metric_advice(metric(name), labels, output)
    assert (advice is None) == (found is None)
    assert re.match(re.escape(found or "").replace(r"\.\*", ".*"), advice or "")


@pytest.mark.parametrize(
    ("spec", "labels", "output"),
    [
        (metric("F1Score", threshold=0.5), (1,), (1,)),
        (metric("MeanIoU", num_classes=3, sparse_y_pred=False), (8, 8), (8, 8, 3)),
        (metric("IoU", sparse_y_true=False, sparse_y_pred=False), (3,), (3,)),
    ],
    ids=str,
)
def test_arguments_that_make_a_metric_suit(spec: Named, labels: tuple[int, ...], output: tuple[int, ...]) -> None:
    assert metric_advice(spec, labels, output) is None


@pytest.mark.parametrize(
    ("name", "output", "found"),
    [
        ("accuracy", (1,), NUMBERS),
        ("acc", (1,), NUMBERS),
        ("CategoricalAccuracy", (1,), NUMBERS),
        ("Precision", (1,), NUMBERS),
        ("accuracy", (3,), NUMBERS),
        ("mae", (1,), None),
        ("RootMeanSquaredError", (3,), None),
    ],
)
def test_metric_advice_for_numeric_labels(name: str, output: tuple[int, ...], found: str | None) -> None:
    assert metric_advice(metric(name), () if output == (1,) else output, output, numeric=True) == found


@pytest.mark.parametrize(
    ("labels", "output", "found"),
    [
        ([0.5, 7.25], [1], True),
        ([[3], [4]], [1], True),
        ([0, 1, 1], [1], False),
        ([0.0, 1.0], [1], False),
        ([[1.5, 0.0], [0.5, 2.0]], [2], True),
        ([[0.25, 0.75], [1.0, 0.0]], [2], False),
        ([[0.5, -0.5], [0.25, 0.75]], [2], True),
        ([0, 3, 2], [4], False),
        ([[0], [3]], [4], False),
        ([0, 3], [], False),
    ],
)
def test_numeric_labels(labels: Any, output: list[int], *, found: bool) -> None:
    assert are_numeric_labels(np.asarray(labels), output) is found


def test_one_warning_for_all_metrics() -> None:
    metrics, labels = [metric("accuracy"), metric("CategoricalAccuracy"), metric("BinaryAccuracy")], np.array([0, 9])
    (warning,) = check_metrics(metrics, labels, (10,))
    assert warning.reason == "MetricMismatch"
    assert warning.message.startswith(
        f"spec.training.metrics[1] (CategoricalAccuracy): {INDICES}SparseCategoricalAccuracy; spec.training.metrics[2] "
        f"(BinaryAccuracy): {INDICES}SparseCategoricalAccuracy. "
    )
    assert list(check_metrics(metrics[:1], labels, (10,))) == []


def test_warning_of_accuracy_with_numeric_labels() -> None:
    (warning,) = check_metrics([metric("mae"), metric("accuracy")], np.array([0.5, 3.25]), (1,))
    assert warning.message.startswith(f"spec.training.metrics[1] (accuracy): {NUMBERS}. ")


ABSTRACT = {"Metric", "Mean", "MeanMetricWrapper", "Sum"}
REQUIRED = {"num_classes": 2, "target_class_ids": [1]}
"""Values for arguments that have no default; a number for the others."""
DISTANCES = {
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "Hinge",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "PearsonCorrelation",
    "R2Score",
    "RootMeanSquaredError",
    "SquaredHinge",
}
"""Metrics that compare numbers, not probabilities."""
SPARSE, ONE_HOT, BINARY = "SparseCategoricalCrossentropy", "CategoricalCrossentropy", "BinaryCrossentropy"


def with_required(name: str) -> Named:
    parameters = inspect.signature(getattr(keras.metrics, name)).parameters.values()
    required = [
        each.name for each in parameters if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    threshold = {"threshold": 0.5} if name in {"F1Score", "FBetaScore"} else {}
    return metric(name, **threshold, **{argument: REQUIRED.get(argument, 0.5) for argument in required})


def value(spec: Named, labels: Any, outputs: Any) -> float:
    made = keras_objects.build_named(keras.metrics, spec)
    made.update_state(labels, outputs)
    return float(np.mean(made.result()))


CLASSES = sorted(
    name
    for name, kind in vars(keras.metrics).items()
    if inspect.isclass(kind) and issubclass(kind, keras.metrics.Metric) and name not in ABSTRACT
)
LOGITS = np.linspace(-2.5, 3.0, 24, dtype="f4")
TRUTH = (np.arange(24) % 3 != 0).astype("f4")


def check_logits_advice(
    spec: Named, loss: str, labels: Any, logits: Any, probabilities: Any, *, is_refused: bool = False
) -> None:
    """Asserts that there is advice if a metric of logits differs from that of probabilities, and makes them equal."""
    expected, outputs = value(spec, labels, probabilities), logits.shape[1]
    is_equal = np.isclose(value(spec, labels, logits), expected, rtol=1e-5, equal_nan=True)
    advice = logits_metric(spec, loss, outputs=outputs)
    if spec.name in DISTANCES:
        assert advice is None
    elif advice is None:
        assert is_equal or is_refused
    elif advice.arguments:
        with_advice = metric(advice.name, **{**spec.arguments, **advice.arguments})
        np.testing.assert_allclose(value(with_advice, labels, logits), expected, rtol=1e-5)
        assert logits_metric(with_advice, loss, outputs=outputs) is None


@pytest.mark.filterwarnings("ignore:In loss categorical_crossentropy:SyntaxWarning")
@pytest.mark.parametrize("name", sorted({*CLASSES} - {SPARSE, "TopKCategoricalAccuracy"}))
def test_each_metric_of_keras_with_a_single_output(name: str) -> None:
    spec = with_required(name)
    labels, logits = TRUTH[:, None], LOGITS[:, None]
    is_refused = metric_advice(spec, (1,), (1,)) is not None  # MetricMismatch warns of it, with any loss
    check_logits_advice(spec, BINARY, labels, logits, 1 / (1 + np.exp(-logits)), is_refused=is_refused)


@pytest.mark.parametrize("name", sorted({*CLASSES} - {"IoU", "MeanIoU"}))
def test_each_metric_of_keras_with_several_outputs(name: str) -> None:
    spec = with_required(name)
    logits = np.stack([LOGITS, LOGITS[::-1], np.roll(LOGITS, 7)], axis=1)
    indices = np.arange(24) % 3
    labels = indices.astype("f4") if name.startswith("Sparse") else np.eye(3, dtype="f4")[indices]
    check_logits_advice(spec, ONE_HOT, labels, logits, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))


@pytest.mark.parametrize(
    ("spec", "loss", "outputs", "found"),
    [
        (metric("accuracy"), BINARY, 1, "{name: BinaryAccuracy, threshold: 0}"),
        (metric("acc"), "bce", 1, "{name: BinaryAccuracy, threshold: 0}"),
        (metric("binary_accuracy"), BINARY, 3, "{name: BinaryAccuracy, threshold: 0}"),
        (metric("Recall"), "binary_focal_crossentropy", 1, "{name: Recall, thresholds: 0}"),
        (metric("Recall", thresholds=[0.0, 0.5]), BINARY, 1, "{name: Recall, thresholds: 0}"),
        (metric("AUC"), BINARY, 1, "{name: AUC, from_logits: true}"),
        (metric("bce"), BINARY, 1, "{name: BinaryCrossentropy, from_logits: true}"),
        (metric("F1Score", threshold=0.5), BINARY, 1, "activation: sigmoid"),
        (metric("PrecisionAtRecall", recall=0.5), BINARY, 1, "activation: sigmoid"),
        (metric("Precision"), ONE_HOT, 3, "activation: softmax"),
        (metric("AUC", from_logits=True), ONE_HOT, 3, "activation: softmax"),
        (metric("sparse_categorical_crossentropy"), SPARSE, 3, "{name: SparseCategoricalCrossentropy, from_logits"),
        (metric("accuracy"), ONE_HOT, 3, None),
        (metric("accuracy"), BINARY, 3, None),
        (metric("Precision", thresholds=0), BINARY, 1, None),
        (metric("Precision", thresholds=[0.0]), BINARY, 1, None),
        (metric("Precision", top_k=1), ONE_HOT, 3, None),
        (metric("F1Score"), ONE_HOT, 3, None),
        (metric("mae"), BINARY, 1, None),
        (metric("Precision"), "mse", 1, None),
    ],
    ids=str,
)
def test_logits_metric(spec: Named, loss: str, outputs: int, found: str | None) -> None:
    advice = logits_metric(spec, loss, outputs=outputs)
    assert advice is None if found is None else found in str(advice)


def built(activation: str | None, units: int = 1) -> keras.Model:
    return build_network(network_spec([4], {"layer": "Dense", "units": units, "activation": activation}))


METRICS = [metric("mae"), metric("Recall"), metric("F1Score", threshold=0.5)]
FROM_LOGITS = metric(BINARY, from_logits=True)


def test_one_warning_for_all_metrics_on_logits() -> None:
    (warning,) = check_logits_metrics(built(None), FROM_LOGITS, METRICS)
    assert warning.reason == "MetricOnLogits"
    assert warning.message.endswith(
        ": spec.training.metrics[1] (Recall): write {name: Recall, thresholds: 0}; spec.training.metrics[2] (F1Score): "
        "the metric has no argument for logits, so write activation: sigmoid for the last layer, and remove from_logits"
    )


@pytest.mark.parametrize(
    ("activation", "loss"),
    [("sigmoid", FROM_LOGITS), ("sigmoid", metric(BINARY)), (None, metric(BINARY)), (None, metric("mse"))],
    ids=str,
)
def test_no_warning_without_logits(activation: str | None, loss: Named) -> None:
    """ActivationMismatch warns of a last layer and a loss that do not fit each other."""
    assert list(check_logits_metrics(built(activation), loss, METRICS)) == []


def test_recall_of_logits() -> None:
    """Without the argument, the recall is too low, since a logit of 0.4 is a probability of 0.6."""
    logits = np.array([[0.4], [0.3], [-1.0], [0.9], [0.2]], "f4")
    labels = np.ones((5, 1), "f4")
    assert value(metric("Recall"), labels, logits) == pytest.approx(0.2)
    assert value(metric("Recall", thresholds=0), labels, logits) == pytest.approx(0.8)
