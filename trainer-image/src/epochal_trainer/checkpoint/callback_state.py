"""The state of the user's Keras callbacks in a checkpoint: JSON and arrays, which unlike a pickle contain no code."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from epochal_trainer.data.arrays import Array

STATE: Mapping[str, tuple[str, ...]] = {
    "BackupAndRestore": ("_batches_seen_since_last_saving", "_current_epoch", "_last_batch_seen"),
    "CSVLogger": ("keys",),
    "EarlyStopping": ("best", "best_epoch", "best_weights", "stopped_epoch", "wait"),
    "ModelCheckpoint": ("best", "_batches_seen_since_last_saving", "_current_epoch", "_last_batch_seen"),
    "ReduceLROnPlateau": ("best", "cooldown_counter", "wait"),
    "SwapEMAWeights": ("_ema_weights_in_model",),
    "TensorBoard": (
        "_epoch_start_time",
        "_global_test_batch",
        "_global_train_batch",
        "_previous_epoch_iterations",
        "_should_write_train_graph",
    ),
}
"""Attributes of callbacks to store, by class: those that training changes. The others follow from the TrainingJob."""


def state_of(callback: Any, prefix: str, arrays: dict[str, Array]) -> dict[str, Any]:
    """Return the state of a callback: JSON values by attribute. An array is replaced by its name in `arrays`.

    Args:
        callback: A keras.callbacks.Callback.
        prefix: Prefix for the names of the callback's arrays.
        arrays: Copies of the callback's arrays are added to it.
    """
    names = (name for name in STATE.get(type(callback).__name__, ()) if hasattr(callback, name))
    return {name: _encode(getattr(callback, name), f"{prefix}/{name}", arrays) for name in names}


def restore(callback: Any, state: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Set the attributes of a callback to a stored state.

    Raises:
        KeyError: If an array is missing.
    """
    for name in STATE.get(type(callback).__name__, ()):
        if name in state:
            setattr(callback, name, decode(state[name], arrays))
    # Keras selects the comparison at the end of an epoch, but may need it before the next end.
    if getattr(callback, "monitor_op", callback) is None and callback.best is not None:
        callback._set_monitor_op()  # noqa: SLF001


def decode(value: Any, arrays: Mapping[str, Array]) -> Any:
    """Return the value of an attribute from its stored form: the reverse of `_encode`.

    Raises:
        KeyError: If an array is missing.
    """
    match value:
        case {"array": str(name)}:
            return arrays[name]  # no copy: a checkpoint may refer to the array any number of times
        case {"scalar": str(name)}:
            return arrays[name][()]
        case {"float": "nan" | "inf" | "-inf" as text}:
            return float(text)
        case list(items):
            return [decode(item, arrays) for item in items]
        case _:
            return value


def _encode(value: Any, name: str, arrays: dict[str, Array]) -> Any:
    if isinstance(value, float) and not isinstance(value, np.generic):
        return value if math.isfinite(value) else {"float": str(value)}
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, list):
        return [_encode(item, f"{name}/{index}", arrays) for index, item in enumerate(value)]
    arrays[name] = np.array(value)
    return {"array" if isinstance(value, np.ndarray) else "scalar": name}
