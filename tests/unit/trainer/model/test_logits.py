"""Metrics that read logits as probabilities are warned of, with the argument that Keras takes."""

import inspect
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.network import Named, Network
from epochal_trainer.model import keras_objects, network
from epochal_trainer.model.logits import argument_for_logits, check_logits
from epochal_trainer.model.metrics import what_suits

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
SPARSE, ROWS, BINARY = "SparseCategoricalCrossentropy", "CategoricalCrossentropy", "BinaryCrossentropy"


def metric(name: str, **arguments: Any) -> Named:
    return Named.model_validate({"name": name, **arguments})


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
        assert same or what_suits(one, (1,), (1,))  # MetricMismatch tells of it, whatever the loss
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
    advice = argument_for_logits(one, ROWS, outputs=3)
    if name in DISTANCES:
        assert advice is None
    elif advice is None:
        assert same
    elif advice.arguments:
        added = metric(advice.name, **{**one.arguments, **advice.arguments})
        np.testing.assert_allclose(value(added, labels, logits), wanted, rtol=1e-5)
        assert argument_for_logits(added, ROWS, outputs=3) is None


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
        (metric("Precision"), ROWS, 3, "activation: softmax"),
        (metric("AUC", from_logits=True), ROWS, 3, "activation: softmax"),
        (metric("sparse_categorical_crossentropy"), SPARSE, 3, "{name: SparseCategoricalCrossentropy, from_logits"),
        (metric("accuracy"), ROWS, 3, None),
        (metric("accuracy"), BINARY, 3, None),
        (metric("Precision", thresholds=0), BINARY, 1, None),
        (metric("Precision", thresholds=[0.0]), BINARY, 1, None),
        (metric("Precision", top_k=1), ROWS, 3, None),
        (metric("F1Score"), ROWS, 3, None),
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
