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
"""Maximum bytes of a file's name before Keras fills in values, which lengthen it. A longer name is refused: file
systems allow 255 bytes."""
_MAX_SHOWN = 100
"""Maximum characters of an argument in a message. A longer text is cut."""
_REPLACED = frozenset({"History", "ProgbarLogger"})
"""Callbacks that are skipped, because the trainer does their work: it keeps the history, and logs the progress."""


def build(specs: Sequence[Callback], *, folder: Path) -> list[Any]:
    """Return the Keras callbacks of a TrainingJob in order, and after them a KeepAverages for each SwapEMAWeights.

    Args:
        specs: The callbacks in the spec. Those in _REPLACED are skipped.
        folder: Folder for the files that callbacks write.

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
    """Keeps the averaged weights of SwapEMAWeights in the model at any end of a training, also an early end.

    The optimizer assigns its averages to the model when training ends. SwapEMAWeights swaps weights for the validation:
    the model then has the averages, and the optimizer has the plain weights in their place. By itself, it copies the
    averages back to the optimizer after the last planned epoch only. This callback does so instead, after the
    checkpoint: a training that continues from the checkpoint needs the plain weights.
    """

    def __init__(self, swap: keras.callbacks.SwapEMAWeights) -> None:
        super().__init__()
        self._swap = swap

    def set_params(self, params: Any) -> None:
        """Take the parameters of the training, and hide the last planned epoch from SwapEMAWeights."""
        super().set_params(params)
        self._swap.set_params({**params, "epochs": 0})

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keep the averages if the training ends after this epoch."""
        del logs
        if self.model.stop_training or epoch == self.params["epochs"] - 1:
            self.keep()

    def keep(self) -> None:
        """Copy the averages from the model back to the optimizer, if the model has them. Safe to call again."""
        if self._swap._ema_weights_in_model:  # noqa: SLF001
            self._swap._finalize_ema_values()  # noqa: SLF001


def restored_epoch(callbacks: Sequence[Any]) -> int | None:
    """Return the epoch, counted from 1, whose weights EarlyStopping has restored at the end of a training.

    If several EarlyStopping callbacks restore weights, the last of them counts. Return None if no callback does.
    """
    epochs = [
        callback.best_epoch + 1
        for callback in callbacks
        if isinstance(callback, keras.callbacks.EarlyStopping) and callback.restore_best_weights
        if callback.best_weights is not None
    ]
    return epochs[-1] if epochs else None


def ends_with_averages(optimizer: Any, callbacks: Sequence[Any]) -> bool:
    """Return whether the model ends with averaged weights that no validation has used.

    This is true if the optimizer averages weights (use_ema) and there is no SwapEMAWeights.
    """
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
            found = "cannot reduce a learning rate that follows a schedule"
            raise _failure(index, spec, f"{found}: remove the callback or the schedule")
        if spec.callback == "SwapEMAWeights" and not inner.use_ema:
            advice = "set use_ema: true in spec.training.optimizer"
            raise _failure(index, spec, f"needs an optimizer that averages weights: {advice}")


def callback_specs(specs: Sequence[Callback]) -> list[dict[str, Any]]:
    """Return the specs of the callbacks that `build` creates from the TrainingJob, as dicts in the same order."""
    return [spec.dump() for spec in specs if spec.callback not in _REPLACED]


def check_metric_names(specs: Sequence[Callback], metrics: Sequence[str], *, validation_every: int = 1) -> None:
    """Check that the metrics which callbacks use exist in an epoch. Keras would only warn, or fail after an epoch.

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
            why = "in each epoch without this metric, Keras saves the model and overwrites the best model"
            raise _failure(index, spec, f"{found}: {why}. Remove the callback, and use best.keras of the results")
        if selects_by_metric(spec) and monitor not in metrics:
            found = f"monitors {monitor!r:.{_MAX_SHOWN}}, but the metrics are {', '.join(metrics)}"
            raise _failure(index, spec, f"{found}{suggest(str(monitor)[:_MAX_SHOWN], metrics)}")


def _check_file_name(index: int, spec: Callback, metrics: Sequence[str]) -> None:
    """Check that the `filepath` of a ModelCheckpoint can be formatted with the values that Keras passes to it."""
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
    """Return the arguments of a callback, with its path argument changed to a path below `folder`.

    Raises:
        InvalidObject: If the path is missing, absolute, contains '..', or has too long names or invalid placeholders.
    """
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
        must = f"have at most {_MAX_NAME_BYTES} bytes in each folder name and file name"
    if must:
        raise keras_objects.InvalidObject(f"{argument} must {must}, found {value!r:.{_MAX_SHOWN}}")
    if spec.callback == _FORMATTED_CALLBACK:
        _check_placeholders(argument, str(value))
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    return {**spec.arguments, argument: str(target)}


def _check_placeholders(argument: str, path: str) -> None:
    """Check that the placeholders of a path are plain metric names, because attributes could read other objects."""
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
