"""Converts a model to ONNX, and computes the outputs of an ONNX model in ONNX Runtime."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import tensorflow as tf
from epochal_lib.model_server.answers import Arrays
from onnx import TensorProto
from tf2onnx import optimizer, tf_loader
from tf2onnx.tfonnx import process_tf_graph

from epochal_trainer.export.operations import handlers
from epochal_trainer.export.tensors import inputs_of, outputs_of
from epochal_trainer.export.tracing import Traced, failed_layer, traced
from epochal_trainer.model.keras_objects import explain

OPSET = 15
_MOST = 2**31 - 2**24
"""Maximum bytes of weights in a protobuf file, with room for the graph."""
_BYTES = 4
"""Bytes of a weight."""
_WEIGHT = "weights|"
"""Prefix of the names of graph inputs that are weights."""


class NotExportable(Exception):
    """A model that cannot be converted to ONNX.

    Args:
        message: The cause.
        layer: The layer that causes it, if it is known.
    """

    def __init__(self, message: str, layer: str | None = None) -> None:
        super().__init__(message)
        self.layer = layer


def to_onnx(model: keras.Model, path: Path) -> None:
    """Write a model as ONNX, with the input and output names of its signature.

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
    whole = traced(model)
    try:
        with _unsupported() as unknown:
            proto = _proto(model, whole)
    except Exception as error:
        raise NotExportable(f"cannot be told in ONNX ({explain(error)})", failed_layer(str(error), model)) from error
    if unknown:
        name, operation = unknown[0]
        raise NotExportable(f"needs {operation} of TensorFlow, for which there is no ONNX", failed_layer(name, model))
    _fill_in(proto.graph, whole)
    path.write_bytes(proto.SerializeToString())


def _proto(model: keras.Model, whole: Traced) -> Any:
    """Return a model as an ONNX proto that has the large weights as inputs."""
    named = [
        *(spec.name for spec in inputs_of(model)),
        *(f"{_WEIGHT}{index}" for index in range(len(whole.weights))),
    ]
    # Captured tensors follow the weights, and are constants.
    inputs = [tensor.name for tensor in whole.function.inputs[: len(named)]]
    outputs = [tensor.name for tensor in whole.function.outputs]
    named += [spec.name for spec in outputs_of(model)]
    frozen = tf_loader.from_function(whole.function, inputs, outputs)
    with tf.Graph().as_default() as imported:
        tf.import_graph_def(frozen, name="")
        graph = process_tf_graph(
            imported,
            opset=OPSET,
            custom_op_handlers=handlers(whole.tables),
            input_names=inputs,
            output_names=outputs,
            tensors_to_rename=dict(zip([*inputs, *outputs], named, strict=True)),
        )
    graph.update_proto = lambda *_: None  # each optimizer pass would otherwise keep a copy of all constants
    graph = optimizer.optimize_graph(graph, catch_errors=False)
    del graph.update_proto
    return graph.make_model(model.name)


def _fill_in(graph: Any, whole: Traced) -> None:
    """Replace the graph inputs that are weights with constants."""
    taken = {one.name for one in graph.input}
    for index in reversed(range(len(graph.input))):
        if graph.input[index].name.startswith(_WEIGHT):
            del graph.input[index]
    for index, weight in enumerate(whole.weights):
        if (name := f"{_WEIGHT}{index}") in taken:
            values = np.ascontiguousarray(keras.ops.convert_to_numpy(weight), np.float32)
            graph.initializer.add(name=name, dims=values.shape, data_type=TensorProto.FLOAT, raw_data=values.tobytes())


def load_onnx(path: Path) -> Callable[[Arrays], Arrays]:
    """Return the function that computes the outputs of an ONNX model from its inputs, both by name.

    Args:
        path: The file.

    Raises:
        Exception: Any exception of ONNX Runtime for a file that it cannot load.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised, so they need no log
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = [each.name for each in session.get_inputs()]
    outputs = [each.name for each in session.get_outputs()]

    def answer(given: Arrays) -> Arrays:
        return dict(zip(outputs, session.run(outputs, {name: given[name] for name in inputs}), strict=True))

    return answer


@contextmanager
def _unsupported() -> Iterator[list[tuple[str, str]]]:
    """Collect the names and types of operations that tf2onnx does not support, which it only logs."""
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
