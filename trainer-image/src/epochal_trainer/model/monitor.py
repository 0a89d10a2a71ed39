"""The monitored metric: that of spec.training.monitor, or that of the callbacks."""

import re
from collections.abc import Iterator, Mapping, Sequence

import keras
from epochal_api.trainingjob.network import Callback
from epochal_api.trainingjob.report import TrainingWarning
from epochal_api.trainingjob.status import Mode
from epochal_api.trainingjob.training import Training

from epochal_trainer.lib.failures import bad_spec, warned
from epochal_trainer.model.keras_objects import did_you_mean
from epochal_trainer.reporting.best import Monitor

_FIELD = "spec.training.monitor"
_WATCHING = ("EarlyStopping", "ReduceLROnPlateau", "ModelCheckpoint")
"""Callbacks that monitor a metric. The first of them in this order determines the monitored metric."""
_MODES: Mapping[str, Mode] = {"min": "Min", "max": "Max"}
"""Modes by their names in Keras' callbacks."""
_NUMBER = re.compile(r"_\d+$")
"""The end of the name of a metric's value for a single class."""
_DIRECTIONS: Mapping[str | None, Mode] = {"down": "Min", "up": "Max"}
"""Modes by their names in Keras' metrics."""


def monitor_of(training: Training, model: keras.Model, figures: Sequence[str]) -> Monitor:
    """Return the monitored metric, which ranks the epochs.

    Args:
        training: How the network is trained. `callbacks.check_figures` has checked that its callbacks' metrics exist.
        model: The model, compiled, its metrics built.
        figures: Names of an epoch's metrics that are numbers.

    Raises:
        Failure: InvalidTraining, with the field, the value found and the requirement.
    """
    if (given := training.monitor) is not None:
        if given.metric not in figures:
            must = f"must be one of {', '.join(figures):.1000}"
            found = f"found {given.metric!r}{suggest(given.metric, figures)}"
            raise bad_spec("InvalidTraining", f"{_FIELD}.metric: {must}, {found}")
        mode = given.mode or _direction(model, given.metric)
        if mode is None:
            must = f"must be Min or Max, since Keras does not say which of two values of {given.metric} is better"
            raise bad_spec("InvalidTraining", f"{_FIELD}.mode: {must}")
        return Monitor(given.metric, mode)
    for callback in sorted(filter(_watches, training.callbacks), key=lambda one: _WATCHING.index(one.callback)):
        metric = callback.arguments.get("monitor", "val_loss")
        mode = _MODES.get(str(callback.arguments.get("mode"))) or _direction(model, metric)
        if metric in figures and mode is not None:  # else Keras itself reports the problem during training
            return Monitor(metric, mode)
    return Monitor("val_loss" if "val_loss" in figures else "loss")


def check_mode(training: Training, model: keras.Model) -> Iterator[TrainingWarning]:
    """Yield a warning if spec.training.monitor.mode is the opposite of Keras' own direction for the metric.

    Args:
        training: How the network is trained.
        model: The model, compiled, its metrics built.
    """
    given = training.monitor
    if given is None or given.mode is None or (usual := _direction(model, given.metric)) in {None, given.mode}:
        return
    better, worse = ("lowest", "highest") if usual == "Min" else ("highest", "lowest")
    yield warned(
        "MonitorMismatch",
        f"{_FIELD}.mode: found {given.mode}, and the best {given.metric} is the {better} to Keras: the epoch that is "
        f"called the best, which best.keras holds, is the one with the {worse}. Write {usual}, or leave mode out",
    )


def suggest(figure: str, figures: Sequence[str]) -> str:
    """Return advice for the name of a missing metric, as the end of a sentence.

    Args:
        figure: Its name.
        figures: Names of an epoch's metrics.
    """
    if figure.startswith("val_") and not any(name.startswith("val_") for name in figures):
        return "; val_ figures need spec.data.validation"
    return did_you_mean(figure, figures)


def _watches(callback: Callback) -> bool:
    """Return whether a callback decides by the metric that it monitors."""
    every = callback.callback == "ModelCheckpoint" and not callback.arguments.get("save_best_only", False)
    return callback.callback in _WATCHING and not every


def _direction(model: keras.Model, figure: str) -> Mode | None:
    """Return which values of a metric are better, found as in Keras' own callbacks; None if it is unknown."""
    name = figure.removeprefix("val_")
    if name == "loss":
        return "Min"
    compiled = {metric.name: metric for found in model.metrics for metric in getattr(found, "metrics", [])}
    metric = compiled.get(name) or compiled.get(_NUMBER.sub("", name))
    return _DIRECTIONS.get(getattr(metric, "_direction", None))
