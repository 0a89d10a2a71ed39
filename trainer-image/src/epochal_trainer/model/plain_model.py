"""Converts a model from a file or from spec.code: inputs and outputs that are not nested, and unique output names."""

from collections.abc import Callable
from typing import Any

import keras
from epochal_lib.model_server.keras_specs import layer_of, unique_output_names

from epochal_trainer.lib.failures import Failure

Invalid = Callable[[str], Failure]
"""A function that returns the failure for a message about an invalid model."""
_REMEDY = "return keras.Model(inputs, outputs), in which own classes may be layers"


def plain_model(model: Any, invalid: Invalid) -> keras.Model:
    """Return a model with the same layers, whose inputs and outputs are not nested and whose output names are unique.

    Inputs are a single tensor, or a list of several tensors, and so are outputs. Keras names an output by its layer, so
    an Identity layer with the name NAME_1 follows the second output of the layer NAME.

    Args:
        model: The value to check.
        invalid: Returns the failure for a message.

    Raises:
        Failure: The result of `invalid`, if the value is not a Keras model, or the model has no inputs or outputs.
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
    names = unique_output_names(model)
    is_unique = names == list(map(layer_of, outputs))
    if is_unique and all(_is_plain(structure) for structure in structures):
        return model
    outputs = [
        tensor if name == layer_of(tensor) else keras.layers.Identity(name=name)(tensor)
        for name, tensor in zip(names, outputs, strict=True)
    ]
    return keras.Model(*(tensors[0] if len(tensors) == 1 else tensors for tensors in (inputs, outputs)))


def layers_of(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers of a model in order, without InputLayers and without layers nested in other layers."""
    return [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]


def _is_plain(structure: Any) -> bool:
    """Return whether the structure of inputs or outputs is a single tensor, or a flat list of several tensors."""
    if not isinstance(structure, list | tuple | dict):
        return True
    return (
        not isinstance(structure, dict)
        and len(structure) > 1
        and not any(isinstance(item, list | tuple | dict) for item in structure)
    )
