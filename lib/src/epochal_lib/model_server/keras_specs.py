"""The tensors of a Keras model as entries of a signature, without an import of Keras."""

from collections.abc import Iterable, Sequence
from typing import Any

from epochal_api.signature import TensorSpec
from epochal_api.trainingjob.exact_layers import RESHAPING_LAYERS

from epochal_lib.model_server.answers import TEXT

_MAX_LAYERS = 100
"""Maximum number of layers between a StringLookup and the output."""


def input_specs(tensors: Iterable[Any]) -> list[TensorSpec]:
    """Return the entries of a model's inputs, named by their input layers."""
    return [_spec(tensor.name, tensor) for tensor in tensors]


def output_specs(tensors: Sequence[Any]) -> list[TensorSpec]:
    """Return the entries of a model's outputs, named by their layers, and numbered if a layer has several outputs."""
    names: list[str] = []
    for tensor in tensors:
        layer, number = str(tensor._keras_history.operation.name), 1  # noqa: SLF001 - Keras has no public API for it
        name = layer
        while name in names:
            number += 1
            name = f"{layer}_{number}"
        names.append(name)
    return [_spec(name, tensor) for name, tensor in zip(names, tensors, strict=True)]


def _spec(name: str, tensor: Any) -> TensorSpec:
    """Return the entry of a tensor. Every floating-point type becomes float32."""
    shape = [-1 if axis is None else axis for axis in tensor.shape[1:]]
    dtype = "string" if _is_looked_up_text(tensor) else str(tensor.dtype)
    floating = dtype.startswith(("float", "bfloat"))
    return TensorSpec(name=name, shape=shape, dtype="float32" if floating else TEXT if dtype == "string" else dtype)


def _is_looked_up_text(tensor: Any) -> bool:
    """Return whether a tensor has texts by their indices, to which Keras 3.15 gives the type int64."""
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
