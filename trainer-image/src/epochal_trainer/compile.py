"""Compiles a network: the optimizer, loss and metrics that a TrainingJob names."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from epochal_api.network import Named
from epochal_api.training import Training

from epochal_trainer import keras_objects
from epochal_trainer.failures import Failure, bad_spec

_BY_SHAPE = frozenset({"accuracy", "acc", "crossentropy", "ce"})
"""Metrics for which Keras picks a class once it knows the shapes of labels and outputs."""


def compile_model(model: keras.Model, training: Training) -> None:
    """Compiles a model.

    Args:
        model: The model, built.
        training: What it is trained with.

    Raises:
        Failure: InvalidTraining, naming the field, what was found and what must hold.
    """
    optimizer = _optimizer(training.optimizer)
    try:
        optimizer.build(model.trainable_variables)
    except keras_objects.OUT_OF_MEMORY:
        raise
    except Exception as error:
        raise _fault("spec.training.optimizer", training.optimizer, keras_objects.explain(error)) from error
    model.compile(optimizer=optimizer, loss=_loss(training.loss), metrics=_metrics(training.metrics))


def check_labels(model: keras.Model, training: Training, labels: np.ndarray[Any, Any]) -> list[str]:
    """Checks that loss and metrics take the labels beside what the network gives.

    Args:
        model: The model, built.
        training: What it is trained with.
        labels: Labels of shape (samples, ...), at least one.

    Returns:
        The names that the figures of an epoch will have.

    Raises:
        Failure: InvalidTraining, naming the field and both shapes.
    """
    labels = labels[:2]
    outputs = keras.ops.zeros((len(labels), *(size or 1 for size in model.output.shape[1:])), dtype=model.output.dtype)
    shapes = f"with labels of shape {('samples', *labels.shape[1:])} and type {labels.dtype}"
    shapes += f", and a network that gives {tuple(model.output.shape)}"

    def attempt(field: str, spec: Named, call: Callable[..., Any]) -> None:
        try:
            call(labels, outputs)
        except keras_objects.OUT_OF_MEMORY:
            raise
        except Exception as error:
            raise _fault(field, spec, f"{keras_objects.explain(error)} ({shapes})") from error

    attempt("spec.training.loss", training.loss, _loss(training.loss))
    for index, (spec, metric) in enumerate(zip(training.metrics, _metrics(training.metrics), strict=True)):
        if callable(metric):
            attempt(f"spec.training.metrics[{index}]", spec, metric)
    try:
        model.compute_loss(x=None, y=labels, y_pred=outputs)
        names = list(model.compute_metrics(x=None, y=labels, y_pred=outputs))
    except keras_objects.OUT_OF_MEMORY:
        raise
    except Exception as error:
        message = f"spec.training.metrics: {keras_objects.explain(error)} ({shapes})"
        raise bad_spec("InvalidTraining", message) from error
    model.reset_metrics()
    return names


def _optimizer(spec: Named) -> keras.optimizers.Optimizer:
    try:
        optimizer = keras_objects.named(keras.optimizers, spec)
    except keras_objects.InvalidObject as error:
        raise _fault("spec.training.optimizer", spec, str(error)) from error
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise _fault("spec.training.optimizer", spec, "it is not an optimizer")
    return optimizer


def _loss(spec: Named) -> Callable[..., Any]:
    try:
        loss: Callable[..., Any] = keras_objects.named(keras.losses, spec)
    except keras_objects.InvalidObject as error:
        raise _fault("spec.training.loss", spec, str(error)) from error
    return loss


def _metrics(specs: list[Named]) -> list[Any]:
    """Returns metrics with names that differ, since the name is what the figures go by."""
    metrics: list[Any] = []
    names: set[str] = set()
    for index, spec in enumerate(specs):
        if spec.name in _BY_SHAPE and not spec.arguments:
            metrics.append(spec.name)
            continue
        field = f"spec.training.metrics[{index}]"
        try:
            metric = keras_objects.named(keras.metrics, spec)
        except keras_objects.InvalidObject as error:
            raise _fault(field, spec, str(error)) from error
        if isinstance(metric, keras.metrics.Metric):
            original, count = metric.name, 1
            while metric.name in names:
                count += 1
                metric.name = f"{original}_{count}"
            names.add(metric.name)
        metrics.append(metric)
    return metrics


def _fault(field: str, spec: Named, message: str) -> Failure:
    return bad_spec("InvalidTraining", f"{field} ({spec.name}): {message}")
