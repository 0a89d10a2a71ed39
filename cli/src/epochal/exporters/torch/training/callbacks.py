"""Converts Keras callbacks to lines of the training loop in train.py."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from epochal_api.catalogue.classes import CALLBACKS, catalogue
from epochal_api.metric_direction import is_rising
from epochal_api.trainingjob.network import Callback

from epochal.errors import EpochalError
from epochal.exporters.code_text import literal
from epochal.exporters.support import no_counterpart

OBSERVERS = frozenset({"BackupAndRestore", "CSVLogger", "History", "ModelCheckpoint", "ProgbarLogger", "TensorBoard"})
"""Callbacks that do not change the trained weights. train.py leaves them out, and names them in a comment."""


class CallbackCode(NamedTuple):
    """The code that replaces the callbacks of a training in a script with its own training loop.

    Args:
        before: Lines before the loop.
        after: Lines after each epoch, with `epoch` counted from 0, `logs` and `network`.
        end: Lines after the loop.
        names: Names of the snippets that the script needs, such as the class EarlyStopping.
        omitted: Names of the callbacks of the spec that the script leaves out.
    """

    before: list[str]
    after: list[str]
    end: list[str]
    names: set[str]
    omitted: list[str]


def callbacks_code(callbacks: Sequence[Callback], metrics: Sequence[str]) -> CallbackCode:
    """Return the code of the callbacks of a spec.

    Args:
        callbacks: The callbacks.
        metrics: Names of the metrics that the script computes.

    Raises:
        EpochalError: If torch has no counterpart, or the script does not compute the monitored metric.
    """
    code = CallbackCode([], [], [], set(), [])
    for index, callback in enumerate(callbacks):
        where = f"spec.training.callbacks[{index}]"
        kind = callback.callback
        if kind in OBSERVERS:
            code.omitted.append(kind)
        elif kind == "EarlyStopping":
            _add_stopping(_Values(where, kind, callback.arguments), metrics, code, index)
        elif kind == "ReduceLROnPlateau":
            _add_plateau(_Values(where, kind, callback.arguments), metrics, code, index)
        elif kind != "TerminateOnNaN":
            raise no_counterpart("torch", where, kind)
        else:
            code.after.append('if not math.isfinite(logs["loss"]):')
            code.after.append("    break")
    return code


class _Values:
    def __init__(self, where: str, kind: str, given: Mapping[str, Any]) -> None:
        found = catalogue().modules[CALLBACKS].find(kind)
        self._defaults = {key: each.default for key, each in found.arguments.items()} if found else {}
        self._where, self._given = where, given

    def __getitem__(self, key: str) -> Any:
        return self._given.get(key, self._defaults.get(key))

    def number(self, key: str) -> str:
        value = self[key]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise EpochalError(f"{self._where}: {key} must be a number, found {value!r:.40}")
        # Keras takes the amount of a min_delta with either sign.
        return literal(abs(value) if key == "min_delta" else value)

    def monitor(self, metrics: Sequence[str]) -> str:
        """Return the code of two arguments: name of the monitored metric, and 1 if lower values are better, else -1."""
        name, mode = self["monitor"], self["mode"]
        if not isinstance(name, str) or name not in metrics:
            raise EpochalError(
                f"{self._where}: monitor must be a metric that the script for torch computes, one of "
                f"{', '.join(metrics)}, found {name!r:.40}",
                "Monitor another metric, or export to keras or notebook.",
            )
        is_higher = mode == "max" or (mode not in {"min", "max"} and is_rising(name))
        return f"{literal(name)}, {-1 if is_higher else 1}"


def _add_stopping(values: _Values, metrics: Sequence[str], code: CallbackCode, index: int) -> None:
    baseline = "None" if values["baseline"] is None else values.number("baseline")
    restores = values["restore_best_weights"] is True
    arguments = [values.monitor(metrics), *(f"{key}={values.number(key)}" for key in ("patience", "min_delta"))]
    arguments += [f"start={values.number('start_from_epoch')}", f"baseline={baseline}", f"restores={restores}"]
    code.names.add("EarlyStopping")
    code.before.append(f"stopping_{index} = EarlyStopping({', '.join(arguments)})")
    code.after.extend([f"if stopping_{index}.ends(epoch, logs, network):", "    break"])
    if restores:
        code.end.extend(
            [f"if stopping_{index}.state is not None:", f"    network.load_state_dict(stopping_{index}.state)"]
        )


def _add_plateau(values: _Values, metrics: Sequence[str], code: CallbackCode, index: int) -> None:
    keys = ("patience", "min_delta", "factor", "cooldown", "min_lr")
    arguments = [values.monitor(metrics), *(f"{key}={values.number(key)}" for key in keys)]
    code.names.add("ReduceLROnPlateau")
    code.before.append(f"plateau_{index} = ReduceLROnPlateau({', '.join(arguments)})")
    code.after.append(f"plateau_{index}.update(logs, optimizer)")
