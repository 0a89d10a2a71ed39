import inspect
import re
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.network import Named, Network
from epochal_trainer.model import keras_objects, network
from epochal_trainer.model.metrics import advice_for, are_numbers, argument_for_logits, check_logits, check_metrics

INDICES = "it takes a value for each output, and the labels are class indices: use "
ROWS = "it takes class indices, and the labels are one-hot rows: use "
ONE = "it takes several outputs, and the network gives one: use "
ROWS_ALONE = "it takes one-hot rows, and the labels are class indices: save y as "
NUMBERS = "it compares classes, and the labels hold other numbers than 0 and 1: use mae, mse or their like"


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
        ("CategoricalAccuracy", (), (1,), ONE + "BinaryAccuracy"),
        ("SparseCategoricalAccuracy", (1,), (1,), ONE + "BinaryAccuracy"),
        ("SparseCategoricalCrossentropy", (), (1,), ONE + "BinaryCrossentropy"),
        ("MeanIoU", (), (8, 8, 1), ONE + "BinaryIoU"),
        (
            "Precision",
            (),
            (4,),
            ROWS_ALONE + "numpy.eye(4)[y] and use the loss CategoricalCrossentropy, or take the metric "
            "SparseCategoricalAccuracy (accuracy) instead",
        ),
        ("f1_score", (1,), (4,), ROWS_ALONE + "numpy.eye(4)[y[..., 0]] and use the loss CategoricalCrossentropy, or"),
        ("AUC", (8, 8), (8, 8, None), ROWS_ALONE + "numpy.eye(CLASSES)[y] and use"),
        ("Recall", (4,), (4,), None),
        ("Recall", (), (1,), None),
        ("F1Score", (1,), (1,), "give it threshold: 0.5"),
        ("BinaryCrossentropy", (1,), (1,), None),
        ("MeanIoU", (8, 8), (8, 8, 3), "it takes a class for what the network gives, .*: add sparse_y_pred: false"),
        ("IoU", (3,), (3,), ROWS + "OneHotIoU"),
        ("Accuracy", (), (4,), "it counts outputs that are the very number of their label, .*: use accuracy"),
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
def test_which_metric_suits(
    name: str, labels: tuple[int, ...], output: tuple[int | None, ...], found: str | None
) -> None:
    said = advice_for(metric(name), labels, output)
    assert (said is None) == (found is None)
    assert re.match(re.escape(found or "").replace(r"\.\*", ".*"), said or "")


@pytest.mark.parametrize(
    ("one", "labels", "output"),
    [
        (metric("F1Score", threshold=0.5), (1,), (1,)),
        (metric("MeanIoU", num_classes=3, sparse_y_pred=False), (8, 8), (8, 8, 3)),
        (metric("IoU", sparse_y_true=False, sparse_y_pred=False), (3,), (3,)),
    ],
    ids=str,
)
def test_an_argument_may_make_it_suit(one: Named, labels: tuple[int, ...], output: tuple[int, ...]) -> None:
    assert advice_for(one, labels, output) is None


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
def test_numbers_are_no_classes(name: str, output: tuple[int, ...], found: str | None) -> None:
    assert advice_for(metric(name), () if output == (1,) else output, output, numbers=True) == found


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
def test_which_labels_are_numbers(labels: Any, output: list[int], *, found: bool) -> None:
    assert are_numbers(np.asarray(labels), output) is found


def test_all_metrics_that_mean_nothing_are_told_at_once() -> None:
    metrics, labels = [metric("accuracy"), metric("CategoricalAccuracy"), metric("BinaryAccuracy")], np.array([0, 9])
    (one,) = check_metrics(metrics, labels, (10,))
    assert one.reason == "MetricMismatch"
    assert one.message == (
        f"spec.training.metrics[1] (CategoricalAccuracy): {INDICES}SparseCategoricalAccuracy; spec.training.metrics[2] "
        f"(BinaryAccuracy): {INDICES}SparseCategoricalAccuracy. What it computes of other labels means nothing"
    )
    assert list(check_metrics(metrics[:1], labels, (10,))) == []


def test_accuracy_of_numbers_is_told() -> None:
    (one,) = check_metrics([metric("mae"), metric("accuracy")], np.array([0.5, 3.25]), (1,))
    means = "What it computes of other labels means nothing"
    assert one.message == f"spec.training.metrics[1] (accuracy): {NUMBERS}. {means}"


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
"""Metrics that compare numbers with numbers: no probability is meant."""
SPARSE, ONE_HOT, BINARY = "SparseCategoricalCrossentropy", "CategoricalCrossentropy", "BinaryCrossentropy"


def with_required(name: str) -> Named:
    parameters = inspect.signature(getattr(keras.metrics, name)).parameters.values()
    needed = [one.name for one in parameters if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD]
    return metric(name, **{argument: REQUIRED.get(argument, 0.5) for argument in needed})


def value(one: Named, labels: Any, outputs: Any) -> float:
    made = keras_objects.named(keras.metrics, one)
    made.update_state(labels, outputs)
    return float(np.mean(made.result()))


CLASSES = sorted(
    name
    for name, kind in vars(keras.metrics).items()
    if inspect.isclass(kind) and issubclass(kind, keras.metrics.Metric) and name not in ABSTRACT
)
LOGITS = np.linspace(-2.5, 3.0, 24, dtype="f4")
TRUTH = (np.arange(24) % 3 != 0).astype("f4")


@pytest.mark.filterwarnings("ignore:In loss categorical_crossentropy:SyntaxWarning")
@pytest.mark.parametrize("name", sorted({*CLASSES} - {SPARSE, "TopKCategoricalAccuracy"}))
def test_each_metric_of_keras_with_a_single_output(name: str) -> None:
    """Where a metric of logits is not that of probabilities, there is advice, and it makes them the same."""
    one = with_required(name)
    if name in {"F1Score", "FBetaScore"}:
        one = metric(name, **one.arguments, threshold=0.5)
    labels, logits = TRUTH[:, None], LOGITS[:, None]
    probabilities = 1 / (1 + np.exp(-logits))
    wanted = value(one, labels, probabilities)
    same = np.isclose(value(one, labels, logits), wanted, rtol=1e-5, equal_nan=True)
    advice = argument_for_logits(one, BINARY, outputs=1)
    if name in DISTANCES:
        assert advice is None
    elif advice is None:
        assert same or advice_for(one, (1,), (1,))  # MetricMismatch tells of it, whatever the loss
    elif advice.arguments:
        added = metric(advice.name, **{**one.arguments, **advice.arguments})
        np.testing.assert_allclose(value(added, labels, logits), wanted, rtol=1e-5)
        assert argument_for_logits(added, BINARY, outputs=1) is None


@pytest.mark.parametrize("name", sorted({*CLASSES} - {"IoU", "MeanIoU"}))
def test_each_metric_of_keras_with_several_outputs(name: str) -> None:
    one = with_required(name)
    if name in {"F1Score", "FBetaScore"}:
        one = metric(name, **one.arguments, threshold=0.5)
    logits = np.stack([LOGITS, LOGITS[::-1], np.roll(LOGITS, 7)], axis=1)
    indices = np.arange(24) % 3
    labels = indices.astype("f4") if name.startswith("Sparse") else np.eye(3, dtype="f4")[indices]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wanted = value(one, labels, probabilities)
    same = np.isclose(value(one, labels, logits), wanted, rtol=1e-5, equal_nan=True)
    advice = argument_for_logits(one, ONE_HOT, outputs=3)
    if name in DISTANCES:
        assert advice is None
    elif advice is None:
        assert same
    elif advice.arguments:
        added = metric(advice.name, **{**one.arguments, **advice.arguments})
        np.testing.assert_allclose(value(added, labels, logits), wanted, rtol=1e-5)
        assert argument_for_logits(added, ONE_HOT, outputs=3) is None


@pytest.mark.parametrize(
    ("one", "loss", "outputs", "found"),
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
def test_which_argument_a_metric_takes(one: Named, loss: str, outputs: int, found: str | None) -> None:
    advice = argument_for_logits(one, loss, outputs=outputs)
    assert advice is None if found is None else found in str(advice)


def built(activation: str | None, units: int = 1) -> keras.Model:
    layers = [{"layer": "Dense", "units": units, "activation": activation}]
    described = Network.model_validate({"input": {"shape": [4]}, "layers": layers})
    return network.build(described, seed=1, memory=1 << 30)


METRICS = [metric("mae"), metric("Recall"), metric("F1Score", threshold=0.5)]
FROM_LOGITS = metric(BINARY, from_logits=True)


def test_all_metrics_that_read_logits_as_probabilities_are_told_at_once() -> None:
    (one,) = check_logits(built(None), FROM_LOGITS, METRICS)
    assert one.reason == "MetricOnLogits"
    assert one.message == (
        "spec.training.loss has from_logits: true, so the network gives logits, which these metrics take for "
        "probabilities: spec.training.metrics[1] (Recall): write {name: Recall, thresholds: 0}; "
        "spec.training.metrics[2] (F1Score): it has no argument for logits, so give the last layer activation: "
        "sigmoid and leave from_logits out"
    )


@pytest.mark.parametrize(
    ("activation", "loss"),
    [("sigmoid", FROM_LOGITS), ("sigmoid", metric(BINARY)), (None, metric(BINARY)), (None, metric("mse"))],
    ids=str,
)
def test_no_logits_no_warning(activation: str | None, loss: Named) -> None:
    """Of a last layer and a loss that do not fit each other, ActivationMismatch tells."""
    assert list(check_logits(built(activation), loss, METRICS)) == []


def test_the_figures_of_logits_are_those_of_probabilities_with_the_argument() -> None:
    """Recall of the issue: a figure that is too low by half, since a logit of 0.4 is a probability of 0.6."""
    logits = np.array([[0.4], [0.3], [-1.0], [0.9], [0.2]], "f4")
    labels = np.ones((5, 1), "f4")
    assert value(metric("Recall"), labels, logits) == pytest.approx(0.2)
    assert value(metric("Recall", thresholds=0), labels, logits) == pytest.approx(0.8)
