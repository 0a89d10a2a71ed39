"""Describes the inputs and outputs of a loaded Keras model as entries of a signature. It does not import Keras."""

import itertools
from collections.abc import Iterable
from typing import Any

from epochal_api.signature import TensorSpec
from epochal_api.trainingjob.exact_layers import RESHAPING_LAYERS

from epochal_lib.model_server.answers import TEXT

_MAX_LAYERS = 100
"""Maximum number of layers that are searched back from an output to a StringLookup."""


def input_specs(tensors: Iterable[Any]) -> list[TensorSpec]:
    """Return the entries of a model's inputs, named by their input layers."""
    return [_spec(tensor.name, tensor) for tensor in tensors]


def output_specs(model: Any) -> list[TensorSpec]:
    """Return the entries of a model's outputs, with their unique names."""
    return [_spec(name, tensor) for name, tensor in zip(unique_output_names(model), model.outputs, strict=True)]


def layer_of(tensor: Any) -> str:
    """Return the name of the layer whose output is a tensor."""
    return str(tensor._keras_history.operation.name)  # noqa: SLF001 - Keras has no public API for it


def unique_output_names(model: Any) -> list[str]:
    """Return the names of a model's outputs: those of their layers, with _1 for the second output of a layer.

    A name with a number is never the name of another layer, with which a user could confuse the output.
    """
    layers = list(map(layer_of, model.outputs))
    taken = {layer.name for layer in model.layers} | set(layers)
    names: list[str] = []
    for index, layer in enumerate(layers):
        name = layer
        if layer in layers[:index]:
            name = next(name for name in map(f"{layer}_{{}}".format, itertools.count(1)) if name not in taken)
            taken.add(name)
        names.append(name)
    return names


def _spec(name: str, tensor: Any) -> TensorSpec:
    """Return the signature's entry for a tensor. Every floating-point type becomes float32."""
    shape = [-1 if axis is None else axis for axis in tensor.shape[1:]]
    dtype = "string" if _is_looked_up_text(tensor) else str(tensor.dtype)
    floating = dtype.startswith(("float", "bfloat"))
    return TensorSpec(name=name, shape=shape, dtype="float32" if floating else TEXT if dtype == "string" else dtype)


def _is_looked_up_text(tensor: Any) -> bool:
    """Return whether a tensor has the texts of a StringLookup with `invert`. Keras 3.15 declares them as int64."""
    for _ in range(_MAX_LAYERS):
        operation, call, index = tensor._keras_history  # noqa: SLF001 - Keras has no public API for it
        if outputs := getattr(operation, "outputs", None):  # a model as a layer
            tensor = outputs[index]
            continue
        if type(operation).__name__ == "StringLookup":
            return bool(operation.invert)
        if type(operation).__name__ not in RESHAPING_LAYERS:
            return False
        (tensor,) = operation._inbound_nodes[call].input_tensors  # noqa: SLF001
    return False
