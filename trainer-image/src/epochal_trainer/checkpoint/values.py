"""The state of the user's callbacks, as JSON and arrays: nothing that is read back can run code."""

import inspect
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from epochal_trainer.checkpoint.archive import is_number
from epochal_trainer.data.samples import Array

_NOT_STATE: Mapping[str, frozenset[str]] = {
    "CSVLogger": frozenset({"append_header"}),  # follows from the file, which is put back
    "TensorBoard": frozenset({"_is_tracing", "_profiler_started"}),  # a profile ends with its process
}
_OF_KERAS = frozenset({"params", "_model", "model"})


class Unsupported(Exception):
    """A value that is no state: a function, an open file, a model."""


def state_of(callback: Any, prefix: str, arrays: dict[str, Array]) -> dict[str, Any]:
    """Returns the state of a callback: its attributes that are plain values.

    Its constructor's arguments are left out, since they come from the TrainingJob, and so are texts: they are paths of
    files in folders of this attempt.

    Args:
        callback: A keras.callbacks.Callback.
        prefix: Begins the names of its arrays.
        arrays: Takes copies of its arrays.

    Returns:
        Values for JSON by attribute.
    """
    state = {}
    for attribute, value in vars(callback).items():
        if not _is_state(type(callback), attribute, value):
            continue
        found: dict[str, Array] = {}
        try:
            state[attribute] = _encoded(value, f"{prefix}/{attribute}", found)
        except Unsupported:
            continue
        arrays.update(found)
    return state


def restore(callback: Any, state: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Gives a callback the state that it had.

    Args:
        callback: The callback, built as the TrainingJob describes it.
        state: What `state_of` gave.
        arrays: The arrays that belong to it.

    Raises:
        KeyError: If an array is missing.
    """
    for attribute, found in state.items():
        value = decoded(found, arrays)
        # What is a text in this attempt is the path of one of its files.
        if _is_state(type(callback), attribute, value) and not isinstance(getattr(callback, attribute, None), str):
            setattr(callback, attribute, value)
    # Keras chooses how to compare at an epoch's end, and may compare before the next one.
    if getattr(callback, "monitor_op", callback) is None and callback.best is not None:
        callback._set_monitor_op()  # noqa: SLF001


def decoded(value: Any, arrays: Mapping[str, Array]) -> Any:  # noqa: PLR0911 - one for each kind of value
    """Returns a value that was stored.

    Raises:
        KeyError: If an array is missing.
    """
    match value:
        case {"array": str(name)}:
            return arrays[name]  # no copy: a checkpoint may name it any number of times
        case {"scalar": str(name)}:
            return arrays[name][()]
        case {"float": "nan" | "inf" | "-inf" as text}:
            return float(text)
        case {"tuple": list(items)}:
            return tuple(decoded(item, arrays) for item in items)
        case {"dict": dict(items)}:
            return {key: decoded(item, arrays) for key, item in items.items()}
        case list(items):
            return [decoded(item, arrays) for item in items]
        case _:
            return value


def _is_state(kind: type, attribute: str, value: Any) -> bool:
    if attribute in _OF_KERAS or attribute in _NOT_STATE.get(kind.__name__, ()) or hasattr(kind, attribute):
        return False
    return not isinstance(value, str) and attribute not in inspect.signature(kind).parameters


def _encoded(value: Any, name: str, arrays: dict[str, Array]) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        if not is_number(value.dtype):
            raise Unsupported
        arrays[name] = np.array(value)
        return {"array": name} if isinstance(value, np.ndarray) else {"scalar": name}
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, list | tuple):
        items = [_encoded(item, f"{name}/{index}", arrays) for index, item in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        items = [_encoded(item, f"{name}/{index}", arrays) for index, item in enumerate(value.values())]
        return {"dict": dict(zip(value, items, strict=True))}
    raise Unsupported
