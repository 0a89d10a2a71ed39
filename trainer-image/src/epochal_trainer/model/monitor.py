"""The figure that tells which epoch is the best: what a TrainingJob says, or what its callbacks go by."""

import re
from collections.abc import Iterator, Mapping, Sequence

import keras
from epochal_api.network import Callback
from epochal_api.report import Warned
from epochal_api.status import Mode
from epochal_api.training import Training

from epochal_trainer.lib.failures import bad_spec
from epochal_trainer.lib.warned import warned
from epochal_trainer.model.keras_objects import did_you_mean
from epochal_trainer.reporting.best import Monitor

_FIELD = "spec.training.monitor"
_WATCHING = ("EarlyStopping", "ReduceLROnPlateau", "ModelCheckpoint")
"""Callbacks that go by a figure. What the first of them monitors is what the others are likely to be for."""
_MODES: Mapping[str, Mode] = {"min": "Min", "max": "Max"}
"""By what the callbacks of Keras call them."""
_NUMBER = re.compile(r"_\d+$")
"""Ends the name of a figure of one class."""
_DIRECTIONS: Mapping[str | None, Mode] = {"down": "Min", "up": "Max"}
"""By what the metrics of Keras call them."""


def monitor_of(training: Training, model: keras.Model, figures: Sequence[str]) -> Monitor:
    """Returns what tells the best epoch.

    Args:
        training: How the network is trained; what its callbacks monitor is there, see `callbacks.check_figures`.
        model: The model, compiled, its metrics built.
        figures: Names of an epoch's figures, each a number.

    Raises:
        Failure: InvalidTraining, naming the field, what was found and what must hold.
    """
    if (given := training.monitor) is not None:
        if given.metric not in figures:
            must = f"must be one of {', '.join(figures):.1000}"
            found = f"found {given.metric!r}{instead(given.metric, figures)}"
            raise bad_spec("InvalidTraining", f"{_FIELD}.metric: {must}, {found}")
        mode = given.mode or _direction(model, given.metric)
        if mode is None:
            must = f"must be Min or Max, since Keras does not say which of two values of {given.metric} is better"
            raise bad_spec("InvalidTraining", f"{_FIELD}.mode: {must}")
        return Monitor(given.metric, mode)
    for callback in sorted(filter(_watches, training.callbacks), key=lambda one: _WATCHING.index(one.callback)):
        metric = callback.arguments.get("monitor", "val_loss")
        mode = _MODES.get(str(callback.arguments.get("mode"))) or _direction(model, metric)
        if metric in figures and mode is not None:  # else Keras says what it lacks as it trains
            return Monitor(metric, mode)
    return Monitor("val_loss" if "val_loss" in figures else "loss")


def check_mode(training: Training, model: keras.Model) -> Iterator[Warned]:
    """Yields that the best epoch is told by what Keras takes for the worst.

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


def instead(figure: str, figures: Sequence[str]) -> str:
    """Returns what to do about a figure that is not measured, as the end of a sentence.

    Args:
        figure: Its name.
        figures: Names of an epoch's figures.
    """
    if figure.startswith("val_") and not any(name.startswith("val_") for name in figures):
        return "; val_ figures need spec.data.validation"
    return did_you_mean(figure, figures)


def _watches(callback: Callback) -> bool:
    """Whether a callback goes by the figure that it monitors."""
    every = callback.callback == "ModelCheckpoint" and not callback.arguments.get("save_best_only", False)
    return callback.callback in _WATCHING and not every


def _direction(model: keras.Model, figure: str) -> Mode | None:
    """Returns which values of a figure are better, if that is known: as Keras' own callbacks find out."""
    name = figure.removeprefix("val_")
    if name == "loss":
        return "Min"
    compiled = {metric.name: metric for found in model.metrics for metric in getattr(found, "metrics", [])}
    metric = compiled.get(name) or compiled.get(_NUMBER.sub("", name))
    return _DIRECTIONS.get(getattr(metric, "_direction", None))
