"""Chooses the monitored metric, which ranks the epochs, from spec.training.monitor or the callbacks."""

import re
from collections.abc import Iterator, Mapping, Sequence

import keras
from epochal_api.trainingjob.network import Callback
from epochal_api.trainingjob.report import TrainingWarning
from epochal_api.trainingjob.status import Mode
from epochal_api.trainingjob.training import Training

from epochal_trainer.lib.failures import bad_spec, training_warning
from epochal_trainer.model.keras_objects import did_you_mean
from epochal_trainer.reporting.best import Monitor

_FIELD = "spec.training.monitor"
_MONITORING_CALLBACKS = ("EarlyStopping", "ReduceLROnPlateau", "ModelCheckpoint")
"""Callbacks with the argument `monitor`. The callback that is first in this order determines the monitored metric."""
_MODES_BY_CALLBACK: Mapping[str, Mode] = {"min": "Min", "max": "Max"}
"""Modes by their names in Keras' callbacks."""
_CLASS_SUFFIX = re.compile(r"_\d+$")
"""End of the name of a value that belongs to a single class, as in f1_score_0."""
_MODES_BY_DIRECTION: Mapping[str | None, Mode] = {"down": "Min", "up": "Max"}
"""Modes by their names in Keras' metrics."""


def choose_monitor(training: Training, model: keras.Model, metrics: Sequence[str]) -> Monitor:
    """Return the monitored metric, which ranks the epochs, and whether its lowest or highest value is the best.

    The metric is that of spec.training.monitor, or else of a callback, or else val_loss, or loss without validation.

    Args:
        training: The spec of the training. `callbacks.check_metric_names` has checked the metrics of its callbacks.
        model: The compiled model, whose metrics are built.
        metrics: Names of an epoch's metrics that have a single number as value.

    Raises:
        Failure: InvalidTraining, with the field, the value found and the requirement.
    """
    if (monitor := training.monitor) is not None:
        if monitor.metric not in metrics:
            must = f"must be one of {', '.join(metrics):.1000}"
            found = f"found {monitor.metric!r}{suggest(monitor.metric, metrics)}"
            raise bad_spec("InvalidTraining", f"{_FIELD}.metric: {must}, {found}")
        mode = monitor.mode or _keras_mode(model, monitor.metric)
        if mode is None:
            must = f"must be Min or Max, since Keras defines no direction for {monitor.metric}"
            raise bad_spec("InvalidTraining", f"{_FIELD}.mode: {must}")
        return Monitor(monitor.metric, mode)
    callbacks = filter(selects_by_metric, training.callbacks)
    for callback in sorted(callbacks, key=lambda callback: _MONITORING_CALLBACKS.index(callback.callback)):
        metric = callback.arguments.get("monitor", "val_loss")
        mode = _MODES_BY_CALLBACK.get(str(callback.arguments.get("mode"))) or _keras_mode(model, metric)
        if metric in metrics and mode is not None:  # else Keras itself reports the problem during training
            return Monitor(metric, mode)
    return Monitor("val_loss" if "val_loss" in metrics else "loss")


def check_monitor_mode(training: Training, model: keras.Model) -> Iterator[TrainingWarning]:
    """Yield a warning if spec.training.monitor.mode is the opposite of Keras' own direction for the metric.

    The model is compiled, and its metrics are built.
    """
    monitor = training.monitor
    if monitor is None or monitor.mode is None:
        return
    keras_mode = _keras_mode(model, monitor.metric)
    if keras_mode in {None, monitor.mode}:
        return
    better, worse = ("lowest", "highest") if keras_mode == "Min" else ("highest", "lowest")
    yield training_warning(
        "MonitorMismatch",
        f"{_FIELD}.mode: found {monitor.mode}, but for Keras the best {monitor.metric} is the {better}: best.keras "
        f"holds the epoch with the {worse}. Write {keras_mode}, or remove mode",
    )


def suggest(metric: str, metrics: Sequence[str]) -> str:
    """Return advice for a metric name that is not among an epoch's `metrics`, as the end of a sentence, or ""."""
    if metric.startswith("val_") and not any(name.startswith("val_") for name in metrics):
        return "; val_ metrics need spec.data.validation"
    return did_you_mean(metric, metrics)


def selects_by_metric(callback: Callback) -> bool:
    """Return whether a callback acts on its monitored metric: not a ModelCheckpoint that saves every epoch."""
    saves_all = callback.callback == "ModelCheckpoint" and not callback.arguments.get("save_best_only", False)
    return callback.callback in _MONITORING_CALLBACKS and not saves_all


def _keras_mode(model: keras.Model, metric: str) -> Mode | None:
    """Return whether the lowest (Min) or highest (Max) value of a metric is the best in Keras, or None if undefined."""
    name = metric.removeprefix("val_")
    if name == "loss" or (len(model.outputs) > 1 and name in {f"{output}_loss" for output in model.output_names}):
        return "Min"
    compiled = dict(_compiled_metrics(model))
    keras_metric = compiled.get(name) or compiled.get(_CLASS_SUFFIX.sub("", name))
    return _MODES_BY_DIRECTION.get(getattr(keras_metric, "_direction", None))


def _compiled_metrics(model: keras.Model) -> Iterator[tuple[str, keras.metrics.Metric]]:
    """Yield each compiled metric with its name in the logs of an epoch: OUTPUT_METRIC if there are several outputs."""
    for compiled in model.metrics:
        for group in getattr(compiled, "_flat_metrics", None) or []:
            for metric in group.metrics if group is not None else []:
                yield f"{group.output_name}_{metric.name}" if group.output_name else metric.name, metric
