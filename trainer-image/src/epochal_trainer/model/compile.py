"""Compiles a network with the optimizer, loss and metrics of a TrainingJob."""

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import numpy as np
from epochal_api.trainingjob.network import Named
from epochal_api.trainingjob.training import Training

from epochal_trainer import backend
from epochal_trainer.lib.failures import Failure, bad_spec
from epochal_trainer.model import keras_objects
from epochal_trainer.model.keras_objects import errors_as, invalid_objects_as
from epochal_trainer.model.metrics import metric_advice

log = logging.getLogger(__name__)

_RESOLVED_BY_KERAS = frozenset({"accuracy", "acc", "crossentropy", "ce"})
"""Metric names for which Keras chooses a class by the shapes of labels and outputs."""

_LOSS_SCALE_OPTIMIZER = keras.optimizers.LossScaleOptimizer.__name__


def compile_model(model: keras.Model, training: Training) -> None:
    """Compile a built model with the optimizer, loss and metrics of a TrainingJob.

    Raises:
        Failure: InvalidTraining, with the field, the value found and the requirement.
    """
    optimizer = _build_optimizer(training, model.trainable_variables)
    _check_scaling(model, training, optimizer)
    loss, metrics = _build_loss(training.loss), _build_metrics(training.metrics)
    # Keras' auto_scale_loss checks the dtype of the whole model only, and the saved model would lack the scaling.
    model.compile(optimizer=optimizer, loss=loss, metrics=metrics, auto_scale_loss=False)
    if constant_learning_rate(optimizer) == 0:
        log.warning(
            "spec.training.optimizer.learning_rate is 0: the training changes no weights. Set a learning rate above 0, "
            "such as 0.001."
        )


def optimizer_spec(training: Training) -> dict[str, Any]:
    """Return the optimizer in the form of a TrainingJob, with the loss scaling that the precision adds."""
    spec = training.optimizer.dump()
    return {"name": _LOSS_SCALE_OPTIMIZER, "inner_optimizer": spec} if _needs_loss_scaling(training) else spec


def loss_spec(training: Training) -> dict[str, Any]:
    """Return the loss in the form of a TrainingJob, with the class weights, which are a part of the loss."""
    spec = training.loss.dump()
    return spec if training.class_weight is None else spec | {"class_weight": training.class_weight}


def optimizer_slots(training: Training) -> int:
    """Return the number of variables that the optimizer keeps for each weight, such as the two moments of Adam.

    Raises:
        Failure: InvalidTraining, with the field, the value found and the requirement.
    """
    weight = keras.Variable(np.zeros((2, 3), "float32"))
    return sum(tuple(variable.shape) == (2, 3) for variable in _build_optimizer(training, [weight]).variables)


def constant_learning_rate(optimizer: keras.optimizers.Optimizer) -> float | None:
    """Return the learning rate of an optimizer, or None if it follows a schedule."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    is_scheduled = isinstance(inner._learning_rate, keras.optimizers.schedules.LearningRateSchedule)  # noqa: SLF001
    return None if is_scheduled else float(inner.learning_rate)


def trial_metrics(model: keras.Model, training: Training, labels: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Return metric values such as an epoch will have, by Keras' names, if loss and metrics accept labels and output.

    Raises:
        Failure: InvalidTraining, with the field and both shapes.
    """
    sizes = [size or 1 for size in model.output.shape[1:]]
    # A number of samples that no axis of the outputs has, so that labels cannot be broadcast along such an axis.
    samples = next(count for count in itertools.count(2) if count not in sizes)
    labels = np.resize(labels[:samples], (samples, *labels.shape[1:]))
    outputs = keras.ops.zeros((samples, *sizes), dtype=model.output.dtype)
    shapes = f"with labels of shape {('samples', *labels.shape[1:])} and type {labels.dtype}"
    shapes += f", and a network with the output shape {tuple(model.output.shape)}"

    def check_call(field: str, spec: Named, call: Callable[..., Any], advice: str | None = None) -> None:
        with _comparison_errors_as(lambda message: _failure(field, spec, f"{advice or message} ({shapes})")):
            call(labels, outputs)

    check_call("spec.training.loss", training.loss, _build_loss(training.loss))
    for index, (spec, metric) in enumerate(zip(training.metrics, _build_metrics(training.metrics), strict=True)):
        if callable(metric):
            advice = metric_advice(spec, labels.shape[1:], model.output.shape[1:])
            check_call(f"spec.training.metrics[{index}]", spec, metric, advice)
    with _comparison_errors_as(lambda text: bad_spec("InvalidTraining", f"spec.training.metrics: {text} ({shapes})")):
        model.compute_loss(x=None, y=labels, y_pred=outputs)
        metrics = model.compute_metrics(x=None, y=labels, y_pred=outputs)
        values = {name: keras.ops.convert_to_numpy(value) for name, value in metrics.items()}
    model.reset_metrics()
    return values


def _build_optimizer(training: Training, weights: Sequence[Any]) -> keras.optimizers.Optimizer:
    """Return the optimizer, built for the given weights."""
    spec = training.optimizer
    with invalid_objects_as(partial(_failure, "spec.training.optimizer", spec)):
        optimizer = keras_objects.build_named(keras.optimizers, spec)
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise _failure("spec.training.optimizer", spec, "it is not an optimizer")
    if _needs_loss_scaling(training):
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    with errors_as(partial(_failure, "spec.training.optimizer", spec)):
        optimizer.build(weights)
    return optimizer


def _needs_loss_scaling(training: Training) -> bool:
    """Return whether the precision requires a scaled loss and the optimizer does not scale the loss itself."""
    spec = training.optimizer
    is_scaling = spec.name.lower() == _LOSS_SCALE_OPTIMIZER.lower()
    has_factor = spec.arguments.get("loss_scale_factor") is not None
    return training.precision == "mixed_float16" and not is_scaling and not has_factor


def _check_scaling(model: keras.Model, training: Training, optimizer: keras.optimizers.Optimizer) -> None:
    """Refuse float16 layers if the loss is not scaled, because their small gradients become zero."""
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer) or optimizer.loss_scale_factor is not None:
        return
    for layer in model._flatten_layers(include_self=False):  # noqa: SLF001 - also the layers within layers
        if layer.compute_dtype == "float16" and not isinstance(layer, keras.layers.InputLayer):
            raise bad_spec(
                "InvalidTraining",
                f"spec.training.precision: found {training.precision}, but the layer {layer.name!r} has dtype "
                f"{layer.dtype_policy.name}, in which small gradients become zero without loss scaling. Write "
                "precision: mixed_float16, which scales the loss, and dtype: float32 for layers that need it; or set "
                "loss_scale_factor in spec.training.optimizer; or use mixed_bfloat16, which needs no scaling",
            )


def _build_loss(spec: Named) -> Callable[..., Any]:
    with invalid_objects_as(partial(_failure, "spec.training.loss", spec)):
        loss: Callable[..., Any] = keras_objects.build_named(keras.losses, spec)
    return loss


@contextmanager
def _comparison_errors_as(failure: Callable[[str], Exception]) -> Iterator[None]:
    """Raise errors as failures. The message of a device error is replaced, because it names operations within Keras."""
    with errors_as(failure):
        try:
            yield
        except backend.current().INPUT_ERRORS as error:
            raise keras_objects.InvalidObject("it cannot compare them") from error


def _build_metrics(specs: list[Named]) -> list[Any]:
    """Return metrics with unique names, because values are reported by name.

    A metric given by a short name, such as mae, gets that name, as in Keras. A metric given by its class gets the name
    of the class.
    """
    metrics: list[Any] = []
    names: set[str] = set()
    for index, spec in enumerate(specs):
        if spec.name in _RESOLVED_BY_KERAS and not spec.arguments:
            metrics.append(spec.name)
            names.add(spec.name)
            continue
        with invalid_objects_as(partial(_failure, f"spec.training.metrics[{index}]", spec)):
            metric = keras_objects.build_named(keras.metrics, spec)
        if isinstance(metric, keras.metrics.Metric):
            is_short_name = not spec.arguments and spec.name not in keras_objects.classes(keras.metrics)
            name = spec.name if is_short_name else metric.name
            numbered = (f"{name}_{count}" for count in itertools.count(2))
            metric.name = next(name for name in itertools.chain([name], numbered) if name not in names)
            names.add(metric.name)
        metrics.append(metric)
    return metrics


def _failure(field: str, spec: Named, message: str) -> Failure:
    return bad_spec("InvalidTraining", f"{field} ({spec.name}): {message}")
