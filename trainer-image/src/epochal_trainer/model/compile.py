"""Compiles a network with the optimizer, loss and metrics of a TrainingJob."""

import inspect
import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import keras
import numpy as np
from epochal_api.catalogue.notation import CHOSEN_BY_KERAS
from epochal_api.trainingjob.network import Named
from epochal_api.trainingjob.training import OutputTraining, Training

from epochal_trainer import backend
from epochal_trainer.lib.failures import Failure, bad_spec
from epochal_trainer.model import keras_objects
from epochal_trainer.model.keras_objects import errors_as, invalid_objects_as
from epochal_trainer.model.metrics import metric_advice
from epochal_trainer.model.registered import registered_object

log = logging.getLogger(__name__)

Arrays: TypeAlias = np.ndarray[Any, Any] | tuple[np.ndarray[Any, Any], ...]

_MAX_LAYERS = 10
"""Maximum number of layers in a message. The number of the others follows."""
_LOSS_SCALE_OPTIMIZER = keras.optimizers.LossScaleOptimizer.__name__


def compile_model(model: keras.Model, training: Training) -> None:
    """Compile a built model with the optimizer, loss and metrics of a TrainingJob.

    Raises:
        Failure: InvalidTraining, with the field, the value found and the requirement.
    """
    optimizer = _build_optimizer(training, model.trainable_variables)
    _check_scaling(model, training, optimizer)
    outputs = training.output_list(_check_outputs(model, training))
    losses, metrics = [_build_loss(output) for output in outputs], [_build_metrics(output) for output in outputs]
    weights = [output.weight for output in outputs]
    is_single = len(outputs) == 1
    if training.jit_compile is True:
        _check_jit(model)
    model.compile(
        optimizer=optimizer,
        loss=losses[0] if is_single else losses,
        loss_weights=None if set(weights) == {1.0} else weights,
        metrics=metrics[0] if is_single else metrics,
        jit_compile="auto" if training.jit_compile is None else training.jit_compile,
        # It checks the dtype of the whole model only, and the saved model would lack the scaling.
        auto_scale_loss=False,
    )
    if constant_learning_rate(optimizer) == 0:
        log.warning(
            "spec.training.optimizer.learning_rate is 0: the training changes no weights. Set a learning rate above 0, "
            "such as 0.001."
        )


def output_names(model: keras.Model) -> list[str]:
    """Return the names of a model's outputs. If there are several outputs, metric names begin with these names."""
    names = getattr(model, "output_names", None)  # a Sequential model has one output, but not this attribute
    return [model.layers[-1].name] if names is None else list(names)


def _check_outputs(model: keras.Model, training: Training) -> list[str]:
    """Check that spec.training names the outputs of the model, and return the names of the outputs.

    A spec with a saved model or code does not list the outputs, so only the model has their names.

    Raises:
        Failure: InvalidTraining, if spec.training does not name the same outputs.
    """
    names = output_names(model)
    try:
        training.check_outputs(names)
    except ValueError as error:
        raise bad_spec("InvalidTraining", f"spec.{error}") from error
    return names


def optimizer_spec(training: Training) -> dict[str, Any]:
    """Return spec.training.optimizer as a dict, within a LossScaleOptimizer if the precision requires loss scaling."""
    spec = training.optimizer.dump()
    return {"name": _LOSS_SCALE_OPTIMIZER, "inner_optimizer": spec} if _needs_loss_scaling(training) else spec


def loss_spec(training: Training) -> dict[str, Any]:
    """Return the loss and class weights of a spec as a dict. Loss values of equal dicts are comparable.

    For several outputs, the dict has the name, loss and loss weight of each output.
    """
    if training.loss is None:
        outputs = sorted(training.outputs or [], key=lambda output: output.name)
        return {"outputs": [output.model_copy(update={"metrics": []}).dump() for output in outputs]}
    spec = training.loss.dump()
    return spec if training.class_weight is None else spec | {"class_weight": training.class_weight}


def optimizer_slots(training: Training) -> int:
    """Return the number of variables that the optimizer has for each trainable weight, such as 2 moments for Adam.

    Raises:
        Failure: InvalidTraining, with the field, the value found and the requirement.
    """
    weight = keras.Variable(np.zeros((2, 3), "float32"))
    return sum(tuple(variable.shape) == (2, 3) for variable in _build_optimizer(training, [weight]).variables)


def constant_learning_rate(optimizer: keras.optimizers.Optimizer) -> float | None:
    """Return the learning rate of an optimizer, or None if the learning rate follows a schedule."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    is_scheduled = isinstance(inner._learning_rate, keras.optimizers.schedules.LearningRateSchedule)  # noqa: SLF001
    return None if is_scheduled else float(inner.learning_rate)


def dry_run_metrics(model: keras.Model, training: Training, labels: Arrays) -> dict[str, Any]:
    """Compute losses and metrics for a few labels and for outputs of zeros, before any training.

    Return the values by the metric names of an epoch. Only the names and shapes of the values are meaningful.

    Args:
        model: The compiled model.
        training: Losses and metrics of the TrainingJob.
        labels: The labels of the model's output; for several outputs, a tuple of labels in the order of the outputs.

    Raises:
        Failure: InvalidTraining, if a loss or metric does not accept labels and output. The message has the field and
            both shapes.
    """
    arrays = labels if isinstance(labels, tuple) else (labels,)
    sizes = {size or 1 for tensor in model.outputs for size in tensor.shape[1:]}
    # A number of samples that no axis of the outputs has, so that labels cannot be broadcast along such an axis.
    samples = next(count for count in itertools.count(2) if count not in sizes)
    dry_runs = []
    for output, tensor, array in zip(training.output_list(output_names(model)), model.outputs, arrays, strict=True):
        few = np.resize(array[:samples], (samples, *array.shape[1:]))
        predicted = keras.ops.zeros((samples, *(size or 1 for size in tensor.shape[1:])), dtype=tensor.dtype)
        dry_runs.append(_DryRun(output, tensor.shape, few, predicted))
        dry_runs[-1].check()
    one = dry_runs[0]
    expected, predicted = (
        (one.labels, one.predicted)
        if len(dry_runs) == 1
        else ([each.labels for each in dry_runs], [each.predicted for each in dry_runs])
    )
    shapes = " and ".join(str(each) for each in dry_runs)
    field = "spec.training.metrics" if training.outputs is None else "spec.training.outputs"
    with _comparison_errors_as(lambda text: bad_spec("InvalidTraining", f"{field}: {text} ({shapes})")):
        model.compute_loss(x=None, y=expected, y_pred=predicted)
        metrics = model.compute_metrics(x=None, y=expected, y_pred=predicted)
        values = {name: keras.ops.convert_to_numpy(value) for name, value in metrics.items()}
    model.reset_metrics()
    return values


class _DryRun(NamedTuple):
    """A few labels and predictions of zeros for one output, to try its loss and metrics before the training.

    Args:
        output: The loss and metrics of the output in the spec.
        shape: The output's shape in the network.
        labels: Labels of a few samples.
        predicted: The output for each of these samples: zeros.
    """

    output: OutputTraining
    shape: Sequence[int | None]
    labels: np.ndarray[Any, Any]
    predicted: Any

    def __str__(self) -> str:
        found = f"with labels of shape {('samples', *self.labels.shape[1:])} and type {self.labels.dtype}"
        return f"{found}, and a network with the output shape {tuple(self.shape)}"

    def check(self) -> None:
        """Check that the loss and each metric of the output accept labels and predictions of these shapes.

        Raises:
            Failure: InvalidTraining, with the field of the loss or metric, and both shapes.
        """
        field, label_shape = self.output.field, self.labels.shape[1:]
        self._check_call(f"{field}.loss", self.output.loss, _build_loss(self.output))
        for index, (spec, metric) in enumerate(zip(self.output.metrics, _build_metrics(self.output), strict=True)):
            if callable(metric):
                advice = metric_advice(spec, label_shape, self.shape[1:])
                self._check_call(f"{field}.metrics[{index}]", spec, metric, advice)

    def _check_call(self, field: str, spec: Named, call: Callable[..., Any], advice: str | None = None) -> None:
        with _comparison_errors_as(lambda message: _failure(field, spec, f"{advice or message} ({self})")):
            call(self.labels, self.predicted)


def _build_optimizer(training: Training, weights: Sequence[Any]) -> keras.optimizers.Optimizer:
    """Return the optimizer of the spec, with its variables for the given weights."""
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
    """Return whether the precision is mixed_float16 and the optimizer of the spec does not scale the loss itself."""
    spec = training.optimizer
    is_scaling = spec.name.lower() == _LOSS_SCALE_OPTIMIZER.lower()
    has_factor = spec.arguments.get("loss_scale_factor") is not None
    return training.precision == "mixed_float16" and not is_scaling and not has_factor


def _check_jit(model: keras.Model) -> None:
    """Raise a Failure if a layer does not support XLA. Keras itself would only warn, and train without XLA."""
    layers = model._flatten_layers(include_self=False)  # noqa: SLF001 - also the layers within layers
    if unsupported := [layer.name for layer in layers if not layer.supports_jit]:
        more = f" and {len(unsupported) - _MAX_LAYERS} more" if len(unsupported) > _MAX_LAYERS else ""
        raise bad_spec(
            "InvalidTraining",
            f"spec.training.jitCompile: found true, but XLA does not support the layers "
            f"{', '.join(unsupported[:_MAX_LAYERS])}{more}: remove jitCompile, and Keras uses XLA where it can",
        )


def _check_scaling(model: keras.Model, training: Training, optimizer: keras.optimizers.Optimizer) -> None:
    """Raise a Failure for a float16 layer if the loss is not scaled, because small gradients would become zero."""
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


def _build_loss(output: OutputTraining) -> Callable[..., Any]:
    with invalid_objects_as(partial(_failure, f"{output.field}.loss", output.loss)):
        loss: Callable[..., Any] = keras_objects.build_named(keras.losses, output.loss)
    return loss


@contextmanager
def _comparison_errors_as(failure: Callable[[str], Exception]) -> Iterator[None]:
    """Convert errors of a loss or metric within the context to `failure(message)`.

    The message of a device error is replaced, because it names operations within Keras.
    """
    with errors_as(failure):
        try:
            yield
        except backend.current().INPUT_ERRORS as error:
            raise keras_objects.InvalidObject("the loss or metric cannot compare labels and output") from error


def _build_metrics(output: OutputTraining) -> list[Any]:
    """Return the metrics of an output with unique names, because values are reported by name.

    A metric that the spec gives by a short name, such as mae, gets the short name, as in Keras. A metric that the spec
    gives by its class gets Keras' name for the class. A number is added to a name that is already used.
    """
    metrics: list[Any] = []
    names: set[str] = set()
    for index, spec in enumerate(output.metrics):
        if spec.name in CHOSEN_BY_KERAS and not spec.arguments:
            metrics.append(spec.name)
            names.add(spec.name)
            continue
        with invalid_objects_as(partial(_failure, f"{output.field}.metrics[{index}]", spec)):
            metric = keras_objects.build_named(keras.metrics, spec)
        if isinstance(metric, keras.metrics.Metric):
            is_class = spec.name in keras_objects.classes(keras.metrics) or inspect.isclass(
                registered_object(keras.metrics, spec.name)
            )
            is_short_name = not spec.arguments and not is_class
            name = spec.name if is_short_name else metric.name
            numbered = (f"{name}_{count}" for count in itertools.count(2))
            metric.name = next(name for name in itertools.chain([name], numbered) if name not in names)
            names.add(metric.name)
        metrics.append(metric)
    return metrics


def _failure(field: str, spec: Named, message: str) -> Failure:
    return bad_spec("InvalidTraining", f"{field} ({spec.name}): {message}")
