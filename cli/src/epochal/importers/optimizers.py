"""Converts optimizers of earlier versions of Keras and of the Neural Network Modeler to those of the current Keras."""

import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

from epochal_api.catalogue.classes import OPTIMIZERS, Argument, catalogue
from epochal_api.suggestions import did_you_mean

from epochal.importers.old_arguments import without_defaults
from epochal.importers.values import WrongValue, coerce, is_nothing, number

DEFAULT = "Adam"
_RENAMED: Mapping[str, str] = {
    "base_lr": "learning_rate",
    "beta1": "beta_1",
    "beta2": "beta_2",
    "eps": "epsilon",
    "learningrate": "learning_rate",
    "lr": "learning_rate",
    "nestrov": "nesterov",
    "weightdecay": "weight_decay",
}
_ALIASES: Mapping[str, str] = {"stochasticgradientdescent": "sgd"}
_DECAY = ("decay", "lr_decay", "learning_rate_decay")
"""Old names of the learning rate's decay per step. The current Keras has the schedule InverseTimeDecay instead."""
_NO_EFFECT = frozenset({"name", "is_legacy_optimizer", "jit_compile", "schedule_decay"})
_MAX_DIGITS = 10


class Optimizer(NamedTuple):
    """A converted optimizer.

    Args:
        spec: The optimizer in the notation of a TrainingJob.
        lost: The reason for each parameter that is not imported, by the name of the parameter in the file.
    """

    spec: str | dict[str, Any]
    lost: Mapping[str, str]


def class_of(name: str) -> str | None:
    """Return the class in keras.optimizers for the name of an optimizer, in any case of letters; None if unknown."""
    module = catalogue().modules[OPTIMIZERS]
    lower = name.lower().replace("_", "").removesuffix("optimizer")
    found = module.names.get(_ALIASES.get(lower, lower))
    kind = module.find(found) if found else None
    return found if kind is not None and not kind.refused else None


def hint(name: str) -> str:
    """Return a hint with names similar to the unknown name of an optimizer ("did you mean …?"), or ""."""
    return did_you_mean(name[:40], [each for each in catalogue().modules[OPTIMIZERS].names.values() if each])


def convert_optimizer(kind: str, old: Mapping[str, Any]) -> Optimizer:
    """Convert an optimizer of an old file.

    Args:
        kind: The class of the optimizer in keras.optimizers.
        old: Its parameters by their old or current names. Schedules are in the notation of a TrainingJob already.
    """
    known = catalogue().modules[OPTIMIZERS].classes[kind].arguments
    arguments: dict[str, Any] = {}
    lost: dict[str, str] = {}
    decay = 0.0
    for key, value in old.items():
        name = _RENAMED.get(key.lower(), key)
        if is_nothing(value) or name in _NO_EFFECT:
            continue
        try:
            if name in _DECAY:
                decay = _decay(value)
            elif name in known:
                arguments[name] = _argument(name, known[name], value)
            elif value is not False:
                lost[key] = f"{kind} has no such argument"
        except WrongValue as error:
            lost[key] = f"it must be {error}"
    rate = arguments.get("learning_rate", known["learning_rate"].default if "learning_rate" in known else None)
    if decay and isinstance(rate, int | float):
        # Keras 2 divides the rate by 1 + decay * step.
        schedule = {"initial_learning_rate": rate, "decay_steps": 1, "decay_rate": decay}
        arguments["learning_rate"] = {"name": "InverseTimeDecay", **schedule}
    elif decay:
        lost["decay"] = "the learning rate follows a schedule"
    arguments = without_defaults(arguments, known)
    return Optimizer({"name": kind, **arguments} if arguments else kind, lost)


def _decay(value: Any) -> float:
    found = number(value)
    if found is None or found < 0:
        raise WrongValue("a number from 0")
    return found


def _argument(name: str, argument: Argument, value: Any) -> Any:
    """Convert the value of an optimizer's argument to the notation of a TrainingJob.

    Raises:
        WrongValue: If the argument does not accept the value.
    """
    if isinstance(value, Mapping):
        return value
    found = number(value) if name == "learning_rate" else coerce(name, argument, value)
    if found is None:
        raise WrongValue("a number")
    return shortest(found) if name == "learning_rate" else found


def shortest(value: Any) -> Any:
    """Return the shortest decimal number with the same float32 value: 0.001 for 0.0010000000474974513.

    Keras stores a learning rate as float32, so a file has the rounded value.
    """
    if not isinstance(value, float) or _float32(value) != value:
        return value
    return next(
        (short for digits in range(1, _MAX_DIGITS) if _float32(short := float(f"{value:.{digits}g}")) == value), value
    )


def _float32(value: float) -> float | None:
    try:
        found: float = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return None
    return found
