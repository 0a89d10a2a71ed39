"""Makes ONNX of a model.

What is random in training is left as it is when it serves, so augmentation is no part of the graph: it is traced with
training=False, and what nothing depends on is left out.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tf2onnx import optimizer, tf_loader
from tf2onnx.tfonnx import process_tf_graph

from epochal_trainer.export.operations import Tables, handlers
from epochal_trainer.export.tensors import TEXT, inputs_of, outputs_of, packed
from epochal_trainer.model.keras_objects import explain

OPSET = 15
_SCOPE = re.compile(r"layer\.(\d+)\.")
"""Marks in the names of operations which layer they are a part of: Keras' own names are changed where two are alike."""
_MOST = 2**31 - 2**24
"""Bytes of weights for which a file of protobuf has room, beside the graph."""
_BYTES = 4
"""Of a weight."""


class NotExportable(Exception):
    """A model that cannot become ONNX.

    Args:
        message: What about it cannot.
        layer: The layer that it is about, if that is known.
    """

    def __init__(self, message: str, layer: str | None = None) -> None:
        super().__init__(message)
        self.layer = layer


def to_onnx(model: keras.Model, path: Path) -> None:
    """Writes a model as ONNX, its inputs and outputs named as its signature has them.

    Args:
        model: The model, computing in float32.
        path: The file.

    Raises:
        NotExportable: If an operation has no counterpart, or the file would be too large.
    """
    if _BYTES * model.count_params() > _MOST:
        raise NotExportable(
            f"has weights of more than {_MOST:,} bytes, for which a file of ONNX has no room", "the network"
        )
    layers = _layers(model)
    specs = [
        tf.TensorSpec(tensor.shape, "string" if spec.dtype == TEXT else spec.dtype)
        for spec, tensor in zip(inputs_of(model), model.inputs, strict=True)
    ]

    def serve(*flat: Any) -> list[Any]:
        given = keras.tree.flatten(model(packed(model, list(flat)), training=False))
        return [tf.identity(tensor) for tensor in given]

    with _marked(layers):
        function = tf.function(serve, autograph=False).get_concrete_function(*specs)
    try:
        with _unsupported() as unknown:
            graph = _graph(function, model, len(specs), _tables(function, layers))
    except Exception as error:
        raise NotExportable(f"cannot be told in ONNX ({explain(error)})", blamed(str(error), model)) from error
    if unknown:
        name, operation = unknown[0]
        raise NotExportable(f"needs {operation} of TensorFlow, for which there is no ONNX", blamed(name, model))
    path.write_bytes(graph.SerializeToString())


def blamed(text: str, model: keras.Model) -> str | None:
    """Returns the layer that a name of an operation, or a message with one, is about.

    Args:
        text: The message.
        model: The model that was to become ONNX.
    """
    name = next((word for word in text.split() if _SCOPE.search(word)), "")
    marks = _SCOPE.findall(name)
    if not marks:
        return None
    layer = _layers(model)[int(marks[-1])]
    return f"the layer {layer.name!r} ({type(layer).__name__})"


def _layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns all layers of a model, and those within them."""
    return list(model._flatten_layers(include_self=False))  # noqa: SLF001 - Keras offers no other way to them


def _graph(function: Any, model: keras.Model, taken: int, tables: Tables) -> Any:
    inputs = [tensor.name for tensor in function.inputs[:taken]]  # what is captured follows them, and is constant
    outputs = [tensor.name for tensor in function.outputs]
    names = [spec.name for spec in (*inputs_of(model), *outputs_of(model))]
    frozen = tf_loader.from_function(function, inputs, outputs)
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(frozen, name="")
        processed = process_tf_graph(
            graph,
            opset=OPSET,
            custom_op_handlers=handlers(tables),
            input_names=inputs,
            output_names=outputs,
            tensors_to_rename=dict(zip([*inputs, *outputs], names, strict=True)),
        )
    return optimizer.optimize_graph(processed, catch_errors=False).make_model(model.name)


def _tables(function: Any, layers: list[keras.layers.Layer]) -> Tables:
    """Returns the lookup tables that a function looks things up in."""
    tables = [table for layer in layers if (table := getattr(layer, "lookup_table", None)) is not None]
    return {
        placeholder.name: tuple(part.numpy() for part in table.export())
        for captured, placeholder in function.graph.captures
        for table in tables
        if captured is table.resource_handle
    }


@contextmanager
def _marked(layers: list[keras.layers.Layer]) -> Iterator[None]:
    """Marks the operations of each layer by their names, in what is traced meanwhile."""

    def within(index: int, call: Any) -> Any:
        @wraps(call)
        def marked(*args: Any, **kwargs: Any) -> Any:
            with tf.name_scope(f"layer.{index}."):
                return call(*args, **kwargs)

        return marked

    calls = [layer.call for layer in layers]
    for index, layer in enumerate(layers):
        layer.call = within(index, calls[index])
    try:
        yield
    finally:
        for layer in layers:
            del layer.call


@contextmanager
def _unsupported() -> Iterator[list[tuple[str, str]]]:
    """Gives the operations that tf2onnx knows nothing for, which it tells its log alone: their names and types."""
    found: list[tuple[str, str]] = []

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.msg == "Tensorflow op [%s: %s] is not supported" and isinstance(record.args, tuple):
                name, operation = record.args
                found.append((str(name), str(operation)))

    logger, handler = logging.getLogger("tf2onnx"), Told(logging.ERROR)
    logger.addHandler(handler)
    try:
        yield found
    finally:
        logger.removeHandler(handler)
