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
from epochal_trainer.export.tracing import Trace, failed_layer, trace_model
from epochal_trainer.model.keras_objects import explain

OPSET = 15
_MAX_BYTES = 2**31 - 2**24
"""Maximum bytes of weights in an ONNX file: the 2 GiB of a protobuf file, less 16 MiB for the graph."""
_WEIGHT_BYTES = 4
"""Bytes of a weight in float32."""
_WEIGHT_PREFIX = "weights|"
"""Prefix of the names of graph inputs that are weights."""


class NotExportable(Exception):
    """A model cannot be converted to ONNX.

    `layer` is the layer that causes this, as text, or None if it is unknown. The message is the rest of a sentence that
    begins with the layer.
    """

    def __init__(self, message: str, layer: str | None = None) -> None:
        super().__init__(message)
        self.layer = layer


def to_onnx(model: keras.Model, path: Path) -> None:
    """Write a model as ONNX, with the same names of inputs and outputs as in signature.json.

    Raises:
        NotExportable: If tf2onnx fails, if an operation has no ONNX counterpart, or if the weights exceed _MAX_BYTES.
    """
    if _WEIGHT_BYTES * model.count_params() > _MAX_BYTES:
        raise NotExportable(f"exceeds the limit of ONNX: {_MAX_BYTES:,} bytes of weights", "the network")
    trace = trace_model(model)
    try:
        with _unsupported_operations() as unsupported:
            proto = _proto(model, trace)
    except Exception as error:
        raise NotExportable(
            f"cannot be converted to ONNX ({explain(error)})", failed_layer(str(error), model)
        ) from error
    if unsupported:
        name, operation = unsupported[0]
        raise NotExportable(f"needs TensorFlow's {operation}, which has no ONNX counterpart", failed_layer(name, model))
    _add_weights(proto.graph, trace)
    path.write_bytes(proto.SerializeToString())


def _proto(model: keras.Model, trace: Trace) -> Any:
    """Return a model as an ONNX proto, in which the large weights are not yet constants but inputs of the graph."""
    names = [
        *(spec.name for spec in inputs_of(model)),
        *(f"{_WEIGHT_PREFIX}{index}" for index in range(len(trace.weights))),
    ]
    # Captured tensors follow the weights, and are constants.
    inputs = [tensor.name for tensor in trace.function.inputs[: len(names)]]
    outputs = [tensor.name for tensor in trace.function.outputs]
    names += [spec.name for spec in outputs_of(model)]
    frozen = tf_loader.from_function(trace.function, inputs, outputs)
    with tf.Graph().as_default() as imported:
        tf.import_graph_def(frozen, name="")
        graph = process_tf_graph(
            imported,
            opset=OPSET,
            custom_op_handlers=handlers(trace.tables),
            input_names=inputs,
            output_names=outputs,
            tensors_to_rename=dict(zip([*inputs, *outputs], names, strict=True)),
        )
    graph.update_proto = lambda *_: None  # each optimizer pass would otherwise keep a copy of all constants
    graph = optimizer.optimize_graph(graph, catch_errors=False)
    del graph.update_proto
    return graph.make_model(model.name)


def _add_weights(graph: Any, trace: Trace) -> None:
    """Replace the inputs of an ONNX graph that stand for large weights with constants of the weights' values."""
    input_names = {graph_input.name for graph_input in graph.input}
    for index in reversed(range(len(graph.input))):
        if graph.input[index].name.startswith(_WEIGHT_PREFIX):
            del graph.input[index]
    for index, weight in enumerate(trace.weights):
        if (name := f"{_WEIGHT_PREFIX}{index}") in input_names:
            values = np.ascontiguousarray(keras.ops.convert_to_numpy(weight), np.float32)
            graph.initializer.add(name=name, dims=values.shape, data_type=TensorProto.FLOAT, raw_data=values.tobytes())


def load_onnx(path: Path) -> Callable[[Arrays], Arrays]:
    """Load an ONNX file in ONNX Runtime, and return a function that computes outputs from inputs, both by name.

    Raises:
        Exception: Any exception of ONNX Runtime for a file that it cannot load.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised, so they need no log
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = [tensor.name for tensor in session.get_inputs()]
    outputs = [tensor.name for tensor in session.get_outputs()]

    def predict(arrays: Arrays) -> Arrays:
        return dict(zip(outputs, session.run(outputs, {name: arrays[name] for name in inputs}), strict=True))

    return predict


@contextmanager
def _unsupported_operations() -> Iterator[list[tuple[str, str]]]:
    """Collect name and type of each TensorFlow operation that tf2onnx reports as unsupported within the context.

    tf2onnx only logs such operations.
    """
    found: list[tuple[str, str]] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.msg == "Tensorflow op [%s: %s] is not supported" and isinstance(record.args, tuple):
                name, operation = record.args
                found.append((str(name), str(operation)))

    logger, handler = logging.getLogger("tf2onnx"), Collector(logging.ERROR)
    logger.addHandler(handler)
    try:
        yield found
    finally:
        logger.removeHandler(handler)
