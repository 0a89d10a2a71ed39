"""The callbacks of a TrainingJob.

Every Keras callback that needs no code works. Some callbacks write files: ModelCheckpoint, CSVLogger, TensorBoard,
BackupAndRestore. Their files go into one folder, whatever path the spec gives, and are stored with the results.
"""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from string import Formatter
from typing import Any

import keras
from epochal_api.catalogue.notation import CALLBACK_PATHS, TENSORBOARD_PATH
from epochal_api.trainingjob.network import Callback

from epochal_trainer.lib.failures import Failure, bad_spec
from epochal_trainer.model import keras_objects
from epochal_trainer.model.compile import constant_learning_rate
from epochal_trainer.model.monitor import selects_by_metric, suggest

_FORMATTED_CALLBACK = "ModelCheckpoint"
"""The callback whose path is a format string that Keras fills with the metric values of an epoch."""
_METRIC_FORMAT = re.compile(r"0?[0-9]{0,2}(\.[0-9]{1,2})?[deEfFgG%]?")
"""Allowed format of a metric value in a path. The width is limited, because a huge width would fill the memory."""
_MAX_NAME_BYTES = 150
"""Maximum bytes of a file's name before it is filled with values, which make it longer: file systems allow 255."""
_MAX_SHOWN = 100
"""Maximum characters of an argument in a message."""
_REPLACED = frozenset({"History", "ProgbarLogger"})
"""Callbacks that are skipped, because the trainer does their work: it keeps the history, and logs the progress."""


def build(specs: Sequence[Callback], *, folder: Path) -> list[Any]:
    """Return the Keras callbacks of a TrainingJob, then a KeepAverages for each SwapEMAWeights, for an early end.

    Raises:
        Failure: InvalidTraining, with the field, the value found and the requirement.
    """
    callbacks: list[Any] = []
    for index, spec in enumerate(specs):
        if spec.callback in _REPLACED:
            continue
        with keras_objects.invalid_objects_as(partial(_failure, index, spec)):
            callback = keras_objects.build(keras.callbacks, spec.callback, _confine_path(spec, folder))
        if isinstance(callback, keras.callbacks.BackupAndRestore):
            # The trainer resumes from its own checkpoint, and trusts no file.
            callback.on_train_begin = lambda *_, **__: None
        callbacks.append(callback)
    swaps = [callback for callback in callbacks if isinstance(callback, keras.callbacks.SwapEMAWeights)]
    return [*callbacks, *map(KeepAverages, swaps)]


class KeepAverages(keras.callbacks.Callback):  # type: ignore[misc]
    """Leaves the averaged weights in the model when the training is stopped early, as after its last epoch.

    The optimizer assigns its averages to the model when training ends. After a swap, the model holds the averages, and
    the optimizer holds the plain weights in their place. SwapEMAWeights restores the optimizer's averages after the
    last planned epoch only.
    """

    def __init__(self, swap: keras.callbacks.SwapEMAWeights) -> None:
        super().__init__()
        self._swap = swap

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Copy the averages from the model to the optimizer if the training stops after this epoch."""
        del epoch, logs
        if self.model.stop_training and self._swap._ema_weights_in_model:  # noqa: SLF001
            self._swap._finalize_ema_values()  # noqa: SLF001


def restored_epoch(callbacks: Sequence[Any]) -> int | None:
    """Return the epoch, counted from 1, that the last EarlyStopping has restored at the end of a training, or None."""
    epochs = [
        callback.best_epoch + 1
        for callback in callbacks
        if isinstance(callback, keras.callbacks.EarlyStopping) and callback.restore_best_weights
        if callback.best_weights is not None
    ]
    return epochs[-1] if epochs else None


def ends_with_averages(optimizer: Any, callbacks: Sequence[Any]) -> bool:
    """Return whether a training ends with averaged weights that no epoch was validated with."""
    use_ema = bool(getattr(optimizer, "inner_optimizer", optimizer).use_ema)
    return use_ema and not any(isinstance(callback, keras.callbacks.SwapEMAWeights) for callback in callbacks)


def check_optimizer(specs: Sequence[Callback], optimizer: Any) -> None:
    """Check that the optimizer supports the callbacks. Keras itself would fail only at their first use.

    Raises:
        Failure: InvalidTraining, with the field and the requirement.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    is_scheduled = constant_learning_rate(optimizer) is None
    for index, spec in enumerate(specs):
        if spec.callback == "ReduceLROnPlateau" and is_scheduled:
            raise _failure(index, spec, "cannot reduce a learning rate that follows a schedule: remove one of them")
        if spec.callback == "SwapEMAWeights" and not inner.use_ema:
            raise _failure(index, spec, "needs an optimizer that averages weights: write use_ema: true for it")


def callback_specs(specs: Sequence[Callback]) -> list[dict[str, Any]]:
    """Return the specs of the callbacks that `build` makes, as dicts in the same order."""
    return [spec.dump() for spec in specs if spec.callback not in _REPLACED]


def check_metric_names(specs: Sequence[Callback], metrics: Sequence[str], *, validation_every: int = 1) -> None:
    """Check that callbacks use metrics that an epoch has. Keras itself would only warn, or fail after an epoch.

    Args:
        specs: The callbacks.
        metrics: Names of the metrics of an epoch with validation.
        validation_every: Epochs between validations. Other epochs have no val_ metrics.

    Raises:
        Failure: InvalidTraining, with the field and the available metrics.
    """
    for index, spec in enumerate(specs):
        if spec.callback == "ModelCheckpoint":
            has_rate = any(other.callback == "ReduceLROnPlateau" for other in specs[:index])
            named = metrics if validation_every == 1 else [name for name in metrics if not name.startswith("val_")]
            _check_file_name(index, spec, [*named, "learning_rate"] if has_rate else named)
        monitor = spec.arguments.get("monitor", "val_loss")
        saves_best = spec.callback == "ModelCheckpoint" and selects_by_metric(spec)
        if saves_best and validation_every > 1 and str(monitor).startswith("val_"):
            found = f"monitors {monitor!r:.{_MAX_SHOWN}}, but spec.training.validationEveryEpochs is {validation_every}"
            why = "Keras saves the model in each epoch without this metric, and replaces the best one"
            raise _failure(index, spec, f"{found}: {why}. Remove the callback, and use best.keras of the results")
        if selects_by_metric(spec) and monitor not in metrics:
            found = f"monitors {monitor!r:.{_MAX_SHOWN}}, but the metrics are {', '.join(metrics)}"
            raise _failure(index, spec, f"{found}{suggest(str(monitor)[:_MAX_SHOWN], metrics)}")


def _check_file_name(index: int, spec: Callback, metrics: Sequence[str]) -> None:
    """Check that the file name of a ModelCheckpoint can be filled with metric values, as Keras does it."""
    if isinstance(spec.arguments.get("save_freq", "epoch"), int):
        metrics = ["batch", *(name for name in metrics if not name.startswith("val_") and name != "learning_rate")]
    # The batch is an integer, as the epoch is. All other values are floats.
    values = {name: 1 if name == "batch" else 1.0 for name in metrics}
    try:
        str(spec.arguments["filepath"]).format(epoch=1, **values)
    except (LookupError, ValueError) as error:
        found = f"{spec.arguments['filepath']!r:.{_MAX_SHOWN}} cannot be formatted ({type(error).__name__}: {error})"
        raise _failure(index, spec, f"filepath {found}: available are epoch, {', '.join(metrics)}") from error


def _confine_path(spec: Callback, folder: Path) -> dict[str, Any]:
    """Return the arguments of a callback with its path below `folder`."""
    argument = CALLBACK_PATHS.get(spec.callback)
    if argument is None:
        return spec.arguments
    value = spec.arguments.get(argument, TENSORBOARD_PATH if spec.callback == "TensorBoard" else None)
    path = PurePosixPath(value if isinstance(value, str) else "")
    must = None
    if not isinstance(value, str) or not value:
        must = "be a path relative to the results"
    elif path.is_absolute() or ".." in path.parts:
        must = "be relative and must not contain '..'"
    elif any(len(part.encode()) > _MAX_NAME_BYTES for part in path.parts):
        must = f"consist of names of at most {_MAX_NAME_BYTES} bytes"
    if must:
        raise keras_objects.InvalidObject(f"{argument} must {must}, found {value!r:.{_MAX_SHOWN}}")
    if spec.callback == _FORMATTED_CALLBACK:
        _check_placeholders(argument, str(value))
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    return {**spec.arguments, argument: str(target)}


def _check_placeholders(argument: str, path: str) -> None:
    """Check that the fields of a path are plain metric names: an attribute in a field could read other objects."""
    try:
        fields = [(name, layout or "", kind) for _, name, layout, kind in Formatter().parse(path) if name is not None]
    except ValueError as error:
        raise keras_objects.InvalidObject(f"{argument} {path!r:.{_MAX_SHOWN}} cannot be formatted: {error}") from error
    for name, layout, conversion in fields:
        if conversion or not name or set(name) & set(".[]") or not _METRIC_FORMAT.fullmatch(layout):
            must = "use metrics by their names, formatted as numbers, such as {epoch}, {epoch:03d} or {val_loss:.2f}"
            raise keras_objects.InvalidObject(f"{argument} may {must}, found {path!r:.{_MAX_SHOWN}}")


def _failure(index: int, spec: Callback, message: str) -> Failure:
    return bad_spec("InvalidTraining", f"spec.training.callbacks[{index}] ({spec.callback}): {message}")
