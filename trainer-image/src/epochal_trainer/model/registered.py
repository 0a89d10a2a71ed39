"""Losses, metrics and optimizers that the code of spec.code has registered with Keras."""

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
"""The bases of the classes, by the module of Keras in which a name is looked up."""


def registered_object(module: ModuleType, name: str) -> Any | None:
    """Return the class or function that is registered under a name, or None.

    The name is without the package, which Keras puts before it: Custom>NAME.
    """
    for registered, value in keras.saving.get_custom_objects().items():
        is_suitable = issubclass(value, _BASES[module]) if inspect.isclass(value) else inspect.isfunction(value)
        if registered.rpartition(">")[2] == name and is_suitable:
            return value
    return None
