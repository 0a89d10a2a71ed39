"""Checks a model that Epochal has not built, and gives it the form of a model that Epochal builds."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import keras

from epochal_trainer.lib.failures import Failure

Invalid = Callable[[str], Failure]
"""Returns the failure for a message about a model."""
_REMEDY = "return keras.Model(inputs, outputs), in which own classes may be layers"


def plain_model(model: Any, invalid: Invalid) -> keras.Model:
    """Return a model of the same layers that takes and gives a single tensor or a list of tensors, with unique names.

    Keras names an output by its layer. The second output of a layer gets an Identity layer with the name NAME_1.

    Args:
        model: The value to check.
        invalid: Returns the failure for a message.

    Raises:
        Failure: The result of `invalid`, if the value is no model, or Keras does not record its inputs and outputs.
    """
    if not isinstance(model, keras.Model):
        raise invalid(f"must be a keras.Model, found {type(model).__name__}: {_REMEDY}")
    try:
        inputs, outputs = list(model.inputs or []), list(model.outputs or [])
    except (AttributeError, TypeError, ValueError):  # a subclass of Model, or a Sequential without an Input
        inputs, outputs = [], []
    if not inputs or not outputs:
        raise invalid(f"Keras does not know the inputs and outputs of this {type(model).__name__}: {_REMEDY}")
    structures = (getattr(model, "_inputs_struct", inputs[0]), getattr(model, "_outputs_struct", outputs[0]))
    names = [tensor._keras_history.operation.name for tensor in outputs]  # noqa: SLF001 - Keras has no public API for it
    is_unique = len(set(names)) == len(names)
    if is_unique and all(_is_plain(structure) for structure in structures):
        return model
    outputs = _name_outputs(model, outputs, names)
    return keras.Model(*(tensors[0] if len(tensors) == 1 else tensors for tensors in (inputs, outputs)))


def layers_of(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers of a model in order, without its InputLayers."""
    return [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]


def _name_outputs(model: keras.Model, outputs: Sequence[Any], names: Sequence[str]) -> list[Any]:
    taken, named = {layer.name for layer in model.layers}, list[Any]()
    for index, (tensor, name) in enumerate(zip(outputs, names, strict=True)):
        if name in names[:index]:
            free = next(each for each in map(f"{name}_{{}}".format, itertools.count(1)) if each not in taken)
            taken.add(free)
            named.append(keras.layers.Identity(name=free)(tensor))
        else:
            named.append(tensor)
    return named


def _is_plain(structure: Any) -> bool:
    """Return whether inputs or outputs are a single tensor, or a list of several."""
    if not isinstance(structure, list | tuple | dict):
        return True
    return (
        not isinstance(structure, dict)
        and len(structure) > 1
        and not any(isinstance(item, list | tuple | dict) for item in structure)
    )
