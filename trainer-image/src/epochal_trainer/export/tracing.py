"""Traces a Keras model as a TensorFlow graph for inference.

The model is traced with training=False, so random augmentation has no effect. Later steps remove operations whose
results are not used.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, NamedTuple, TypeAlias

import keras
import numpy as np
import tensorflow as tf
from epochal_lib.model_server.answers import TEXT
from numpy.typing import NDArray

from epochal_trainer.export.tensors import inputs_of, pack_inputs

Tables: TypeAlias = Mapping[str, tuple[NDArray[Any], NDArray[Any]]]
"""Keys and values of each lookup table, by the name of the graph's placeholder for the table."""

LARGE_BYTES = 2**20
"""Minimum bytes of a weight that becomes an input of the graph instead of a constant.

TensorFlow and tf2onnx copy all constants dozens of times, and never free most copies.
"""
_SCOPE = re.compile(r"layer\.(\d+)\.")
"""Mark with the index of a layer, in the names of the layer's operations.

Keras' own names are not enough, because TensorFlow renames duplicates.
"""


class Trace(NamedTuple):
    """A model as a TensorFlow function.

    Args:
        function: The function. Its arguments are the model's inputs and then the weights; it returns the model's
            outputs.
        weights: The large weights, which are arguments and not constants, in the order of the arguments.
        tables: The lookup tables that the function uses.
    """

    function: Any
    weights: Sequence[keras.Variable]
    tables: Tables


def trace_model(model: keras.Model) -> Trace:
    """Trace a model in inference, and return the TensorFlow function with its large weights and lookup tables."""
    layers, weights = _layers(model), _large_weights(model)
    specs = [
        tf.TensorSpec(tensor.shape, "string" if spec.dtype == TEXT else spec.dtype)
        for spec, tensor in zip(inputs_of(model), model.inputs, strict=True)
    ]
    count = len(specs)
    specs += [tf.TensorSpec(weight.shape, weight.dtype) for weight in weights]

    def serve(*flat: Any) -> list[Any]:
        with keras.StatelessScope(list(zip(weights, flat[count:], strict=True))):
            outputs = keras.tree.flatten(model(pack_inputs(model, list(flat[:count])), training=False))
        return [tf.identity(tensor) for tensor in outputs]

    with _layer_scopes(layers):
        function = tf.function(serve, autograph=False).get_concrete_function(*specs)
    return Trace(function, weights, _tables(function, layers))


def failed_layer(text: str, model: keras.Model) -> str | None:
    """Return the layer whose operation an error message names, as text for messages, or None if it names none."""
    name = next((word for word in text.split() if _SCOPE.search(word)), "")
    indices = _SCOPE.findall(name)
    return layer_name(_layers(model)[int(indices[-1])]) if indices else None


def layer_name(layer: Any) -> str:
    """Return text for messages with the name and class of a layer."""
    return f"the layer {layer.name!r} ({type(layer).__name__})"


def _layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Return all layers of a model, also layers nested within other layers."""
    return list(model._flatten_layers(include_self=False))  # noqa: SLF001 - Keras offers no other way to them


def _large_weights(model: keras.Model) -> list[keras.Variable]:
    """Return the weights of at least LARGE_BYTES. Recurrent layers are excluded: ONNX requires constants there."""
    repeating = [layer for layer in _layers(model) if isinstance(layer, keras.layers.RNN)]
    repeated = {id(weight) for layer in repeating for weight in layer.weights}
    return [
        weight
        for weight in model.weights
        if id(weight) not in repeated and np.prod(weight.shape) * np.dtype(weight.dtype).itemsize >= LARGE_BYTES
    ]


def _tables(function: Any, layers: Sequence[keras.layers.Layer]) -> Tables:
    tables = [table for layer in layers if (table := getattr(layer, "lookup_table", None)) is not None]
    return {
        placeholder.name: tuple(part.numpy() for part in table.export())
        for captured, placeholder in function.graph.captures
        for table in tables
        if captured is table.resource_handle
    }


@contextmanager
def _layer_scopes(layers: Sequence[keras.layers.Layer]) -> Iterator[None]:
    """Mark the name of each operation that is traced within the context with the index of its layer (see _SCOPE)."""

    def in_scope(index: int, call: Any) -> Any:
        @wraps(call)
        def call_in_scope(*args: Any, **kwargs: Any) -> Any:
            with tf.name_scope(f"layer.{index}."):
                return call(*args, **kwargs)

        return call_in_scope

    calls = [layer.call for layer in layers]
    for index, layer in enumerate(layers):
        layer.call = in_scope(index, calls[index])
    try:
        yield
    finally:
        for layer in layers:
            del layer.call
