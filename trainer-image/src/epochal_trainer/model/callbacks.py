"""The callbacks of a TrainingJob.

Every Keras callback that needs no code works. Some callbacks write files: ModelCheckpoint, CSVLogger, TensorBoard,
BackupAndRestore. Their files go into one folder, whatever path the spec gives, and are stored with the results.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from string import Formatter
from typing import Any

import keras
from epochal_api.trainingjob.network import Callback

from epochal_trainer.lib.failures import Failure, bad_spec
from epochal_trainer.model import keras_objects
from epochal_trainer.model.compile import constant_rate
from epochal_trainer.model.monitor import suggest

_PATHS: Mapping[str, str] = {
    "BackupAndRestore": "backup_dir",
    "CSVLogger": "filename",
    "ModelCheckpoint": "filepath",
    "TensorBoard": "log_dir",
}
_FORMATTED = "ModelCheckpoint"
"""The callback whose path is a format string that Keras fills with the metric values of an epoch."""
_FORMAT = re.compile(r"0?[0-9]{0,2}(\.[0-9]{1,2})?[deEfFgG%]?")
"""Allowed format of a metric value in a path. The width is limited, because a huge width would fill the memory."""
_MOST_BYTES = 150
"""Maximum bytes of a file's name before it is filled with values, which make it longer: file systems allow 255."""
_SHOWN = 100
"""Maximum characters of an argument in a message."""
_ALWAYS = frozenset({"History", "ProgbarLogger"})
"""Callbacks that are skipped, because the trainer does their work: it keeps the history, and logs the progress."""
_REFUSED: Mapping[str, str] = {
    "LambdaCallback": "it runs code, and a TrainingJob brings none",
    "LearningRateScheduler": "it runs code, and a TrainingJob brings none; give the optimizer a schedule instead: "
    "learning_rate: {name: ExponentialDecay, ...}, see keras.optimizers.schedules",
    "RemoteMonitor": "it sends figures over the network; they are in the TrainingJob's status and in /metrics",
    "OrbaxCheckpoint": "it needs the package orbax-checkpoint, which the trainer does not have; use ModelCheckpoint",
    "Callback": "it is the base of other classes and does nothing by itself",
    "CallbackList": "spec.training.callbacks is the list",
}


def build(specs: Sequence[Callback], *, folder: Path) -> list[Any]:
    """Build the callbacks of a TrainingJob.

    Args:
        specs: Their classes and arguments.
        folder: Folder for the files that they write.

    Returns:
        Objects of keras.callbacks, then a KeepAverages for each SwapEMAWeights, for an end before the last epoch.

    Raises:
        Failure: InvalidTraining, with the field, the value found and the requirement.
    """
    callbacks: list[Any] = []
    for index, spec in enumerate(specs):
        if reason := _REFUSED.get(spec.callback):
            raise _fault(index, spec, f"it cannot be used here: {reason}")
        if spec.callback in _ALWAYS:
            continue
        with keras_objects.invalid_objects_as(partial(_fault, index, spec)):
            callback = keras_objects.build(keras.callbacks, spec.callback, _inside(spec, folder))
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

    Args:
        swap: The callback that swaps.
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
    """Return the epoch that EarlyStopping has restored at the end of a training, or None.

    Args:
        callbacks: The callbacks of a finished training.

    Returns:
        The epoch, counted from 1. Of several callbacks, the last counts.
    """
    found = [
        callback.best_epoch + 1
        for callback in callbacks
        if isinstance(callback, keras.callbacks.EarlyStopping) and callback.restore_best_weights
        if callback.best_weights is not None
    ]
    return found[-1] if found else None


def leaves_averages(optimizer: Any, callbacks: Sequence[Any]) -> bool:
    """Return whether a training ends with averaged weights that no epoch was validated with.

    Args:
        optimizer: The keras.optimizers.Optimizer.
        callbacks: The callbacks of the training.
    """
    averages = getattr(optimizer, "inner_optimizer", optimizer).use_ema
    return bool(averages) and not any(isinstance(callback, keras.callbacks.SwapEMAWeights) for callback in callbacks)


def check_optimizer(specs: Sequence[Callback], optimizer: Any) -> None:
    """Check that the optimizer supports the callbacks. Keras itself would fail only at their first use.

    Args:
        specs: The callbacks.
        optimizer: The keras.optimizers.Optimizer.

    Raises:
        Failure: InvalidTraining, with the field and the requirement.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    scheduled = constant_rate(optimizer) is None
    for index, spec in enumerate(specs):
        if spec.callback == "ReduceLROnPlateau" and scheduled:
            raise _fault(index, spec, "cannot reduce a learning rate that follows a schedule: leave one of them out")
        if spec.callback == "SwapEMAWeights" and not inner.use_ema:
            raise _fault(index, spec, "needs an optimizer that averages weights: give that use_ema: true")


def described(specs: Sequence[Callback]) -> list[dict[str, Any]]:
    """Return the specs of the callbacks that `build` makes, as dicts in the same order."""
    return [spec.dump() for spec in specs if spec.callback not in _ALWAYS]


def check_figures(specs: Sequence[Callback], figures: Sequence[str]) -> None:
    """Check that the metrics that callbacks use exist. Keras itself would only warn, or fail after an epoch.

    Args:
        specs: The callbacks.
        figures: Names of an epoch's metrics.

    Raises:
        Failure: InvalidTraining, with the field and the available metrics.
    """
    for index, spec in enumerate(specs):
        if spec.callback == "ModelCheckpoint":
            reduces = any(other.callback == "ReduceLROnPlateau" for other in specs[:index])
            _check_name(index, spec, [*figures, "learning_rate"] if reduces else figures)
        best_only = spec.callback != "ModelCheckpoint" or spec.arguments.get("save_best_only", False)
        classes = ("EarlyStopping", "ReduceLROnPlateau", "ModelCheckpoint")
        monitor = spec.arguments.get("monitor", "val_loss")
        if spec.callback in classes and best_only and monitor not in figures:
            found = f"monitors {monitor!r:.{_SHOWN}}, but the figures are {', '.join(figures)}"
            raise _fault(index, spec, f"{found}{suggest(str(monitor)[:_SHOWN], figures)}")


def _check_name(index: int, spec: Callback, figures: Sequence[str]) -> None:
    """Check that the file name of a ModelCheckpoint can be filled with metric values, as Keras does it."""
    if isinstance(spec.arguments.get("save_freq", "epoch"), int):
        figures = ["batch", *(name for name in figures if not name.startswith("val_") and name != "learning_rate")]
    # The batch is an integer, as the epoch is. All other values are floats.
    filled = {name: 1 if name == "batch" else 1.0 for name in figures}
    try:
        str(spec.arguments["filepath"]).format(epoch=1, **filled)
    except (LookupError, ValueError) as error:
        named = f"{spec.arguments['filepath']!r:.{_SHOWN}} cannot be filled in ({type(error).__name__}: {error})"
        raise _fault(index, spec, f"filepath {named}: there are epoch, {', '.join(figures)}") from error


def _inside(spec: Callback, folder: Path) -> dict[str, Any]:
    """Return the arguments of a callback with its path below `folder`."""
    argument = _PATHS.get(spec.callback)
    if argument is None:
        return spec.arguments
    given = spec.arguments.get(argument, "logs" if spec.callback == "TensorBoard" else None)
    path = PurePosixPath(given if isinstance(given, str) else "")
    must = None
    if not isinstance(given, str) or not given:
        must = "be a path relative to the results"
    elif path.is_absolute() or ".." in path.parts:
        must = "be relative and hold no '..'"
    elif any(len(part.encode()) > _MOST_BYTES for part in path.parts):
        must = f"be of names of at most {_MOST_BYTES} bytes"
    if must:
        raise keras_objects.InvalidObject(f"{argument} must {must}, found {given!r:.{_SHOWN}}")
    if spec.callback == _FORMATTED:
        _check_fields(argument, str(given))
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    return {**spec.arguments, argument: str(target)}


def _check_fields(argument: str, path: str) -> None:
    """Check that the fields of a path are plain metric names: an attribute in a field could read other objects."""
    try:
        fields = [(name, layout or "", kind) for _, name, layout, kind in Formatter().parse(path) if name is not None]
    except ValueError as error:
        raise keras_objects.InvalidObject(f"{argument} {path!r:.{_SHOWN}} cannot be filled in: {error}") from error
    for name, layout, conversion in fields:
        if conversion or not name or set(name) & set(".[]") or not _FORMAT.fullmatch(layout):
            must = "hold figures by their names, written as numbers, such as {epoch}, {epoch:03d} or {val_loss:.2f}"
            raise keras_objects.InvalidObject(f"{argument} may {must}, found {path!r:.{_SHOWN}}")


def _fault(index: int, spec: Callback, message: str) -> Failure:
    return bad_spec("InvalidTraining", f"spec.training.callbacks[{index}] ({spec.callback}): {message}")
