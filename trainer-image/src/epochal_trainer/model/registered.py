"""Finds losses, metrics and optimizers that the user's code (spec.code) has registered with Keras."""

import inspect
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import keras

_BASES: Mapping[ModuleType, type] = {
    keras.losses: keras.losses.Loss,
    keras.metrics: keras.metrics.Metric,
    keras.optimizers: keras.optimizers.Optimizer,
}
"""The base class of registered classes, by the module of Keras in whose place they are looked up."""


def registered_object(module: ModuleType, name: str) -> Any | None:
    """Return the function, or the class of the module's kind, that is registered under a name, or None.

    Keras registers it as PACKAGE>NAME, such as Custom>my_loss. `name` is NAME.
    """
    for registered, value in keras.saving.get_custom_objects().items():
        is_suitable = issubclass(value, _BASES[module]) if inspect.isclass(value) else inspect.isfunction(value)
        if registered.rpartition(">")[2] == name and is_suitable:
            return value
    return None
