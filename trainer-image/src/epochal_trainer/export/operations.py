"""Conversions to ONNX of TensorFlow operations that tf2onnx cannot convert, or converts to unsupported operations."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from onnx import TensorProto
from tf2onnx import utils
from tf2onnx.constants import AI_ONNX_ML_DOMAIN

from epochal_trainer.export.tracing import Tables

Array = NDArray[Any]
Handler = Callable[[Any, Any, str, list[Any]], None]
"""Replaces a TensorFlow node with ONNX nodes. Arguments: the graph, the node, its name, and an empty list."""


def handlers(tables: Tables) -> dict[str, tuple[Handler, list[Any]]]:
    """Return a conversion for each TensorFlow operation by name, as the `custom_op_handlers` of tf2onnx."""
    found: dict[str, Handler] = {
        "Bucketize": _bucketize,
        "Erfc": _erfc,
        "Expm1": _expm1,
        "LookupTableFindV2": lambda graph, node, name, _: _look_up(graph, node, name, tables),
        "ResizeBicubic": _resize_bicubic,
        "ScaleAndTranslate": _scale_and_translate,
    }
    return {operation: (handler, []) for operation, handler in found.items()}


def _erfc(graph: Any, node: Any, name: str, _: list[Any]) -> None:
    """Convert Erfc to 1 - erf(x), for the exact gelu."""
    (source,), dtype = node.input, graph.get_dtype(node.output[0])
    outputs, shape = _remove_node(graph, node)
    erf = graph.make_node("Erf", [source], dtypes=[dtype], shapes=[shape]).output[0]
    graph.make_node(
        "Sub", [_constant_one(graph, dtype), erf], outputs=outputs, name=name, dtypes=[dtype], shapes=[shape]
    )


def _expm1(graph: Any, node: Any, name: str, _: list[Any]) -> None:
    """Convert Expm1 to exp(x) - 1, for celu."""
    (source,), dtype = node.input, graph.get_dtype(node.output[0])
    outputs, shape = _remove_node(graph, node)
    power = graph.make_node("Exp", [source], dtypes=[dtype], shapes=[shape]).output[0]
    graph.make_node(
        "Sub", [power, _constant_one(graph, dtype)], outputs=outputs, name=name, dtypes=[dtype], shapes=[shape]
    )


def _bucketize(graph: Any, node: Any, name: str, _: list[Any]) -> None:
    """Convert Bucketize, of the layer Discretization: the result is the number of boundaries <= the value."""
    (source,), boundaries = node.input, np.array(node.get_attr_value("boundaries"), np.float32)
    outputs, shape = _remove_node(graph, node)
    number = graph.make_node("Cast", [source], attr={"to": TensorProto.FLOAT}).output[0]
    beside = graph.make_node("Unsqueeze", [number, _constant(graph, np.array([-1]))]).output[0]
    reached = graph.make_node("GreaterOrEqual", [beside, _constant(graph, boundaries)]).output[0]
    counted = graph.make_node("Cast", [reached], attr={"to": TensorProto.INT32}).output[0]
    axes = _constant(graph, np.array([-1]))
    attributes = {"keepdims": 0}
    graph.make_node(
        "ReduceSum",
        [counted, axes],
        attr=attributes,
        outputs=outputs,
        name=name,
        dtypes=[TensorProto.INT32],
        shapes=[shape],
    )


_ENCODED = {TensorProto.INT64: "int64s", TensorProto.STRING: "strings", TensorProto.FLOAT: "floats"}


def _look_up(graph: Any, node: Any, name: str, tables: Tables) -> None:
    """Convert LookupTableFindV2, of lookup layers, to LabelEncoder, which maps each key of the table to its value.

    The keys are words or numbers, and the values are their indices. In a layer with `invert`, keys are the indices.
    """
    table, source, _ = node.input
    (keys, values), default = tables[table], node.inputs[2].get_tensor_value()
    of_keys, of_values = graph.get_dtype(source), graph.get_dtype(node.output[0])
    taken = graph.get_shape(source)
    outputs, shape = _remove_node(graph, node)
    attributes = {
        f"keys_{_ENCODED[of_keys]}": keys.tolist(),
        f"values_{_ENCODED[of_values]}": values.tolist(),
        f"default_{_ENCODED[of_values].removesuffix('s')}": default,
    }
    graph.make_node(
        "LabelEncoder",
        [source],
        attr=attributes,
        outputs=outputs,
        name=name,
        domain=AI_ONNX_ML_DOMAIN,
        dtypes=[of_values],
        shapes=[taken if shape is None else shape],  # TensorFlow does not infer it, and OneHot needs it
    )


def _scale_and_translate(graph: Any, node: Any, name: str, _: list[Any]) -> None:
    """Convert ScaleAndTranslate, which resizes images with `antialias`, or with a Lanczos kernel."""
    kernel, antialias = node.get_attr_str("kernel_type"), bool(node.get_attr_int("antialias"))

    def resize(images: Any, size: Array) -> Any:
        return tf.raw_ops.ScaleAndTranslate(
            images=images,
            size=size,
            scale=(size / np.array(images.shape[1:3])).astype(np.float32),
            translation=np.zeros(2, np.float32),
            kernel_type=kernel,
            antialias=antialias,
        )

    _resize(graph, node, name, resize)


def _resize_bicubic(graph: Any, node: Any, name: str, _: list[Any]) -> None:
    attributes = {key: bool(node.get_attr_int(key)) for key in ("align_corners", "half_pixel_centers")}

    def resize(images: Any, size: Array) -> Any:
        return tf.raw_ops.ResizeBicubic(images=images, size=size, **attributes)

    _resize(graph, node, name, resize)


def _resize(graph: Any, node: Any, name: str, resize: Callable[[Any, Array], Any]) -> None:
    """Replace an operation that resizes images with two matrix products, one for the height and one for the width."""
    _, height, width, _ = graph.get_shape(node.input[0])
    if min(height, width) < 1:
        raise ValueError(f"{name} resizes images of any size, but ONNX needs images of a fixed height and width")
    new_height, new_width = node.inputs[1].get_tensor_value()
    # Resizing is linear, so its results for the unit vectors are the matrices.
    of_height, of_width = np.eye(height, dtype=np.float32), np.eye(width, dtype=np.float32)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        high = resize(tf.constant(of_height[np.newaxis, :, np.newaxis, :]), np.array([new_height, 1], np.int32))
        wide = resize(tf.constant(of_width[np.newaxis, np.newaxis, :, :]), np.array([1, new_width], np.int32))
        rows, columns = session.run([high, wide])
    source, dtype = node.input[0], graph.get_dtype(node.output[0])
    outputs, shape = _remove_node(graph, node)
    if graph.get_dtype(source) != TensorProto.FLOAT:
        source = graph.make_node("Cast", [source], attr={"to": TensorProto.FLOAT}).output[0]
    first = graph.make_node("Transpose", [source], attr={"perm": [0, 3, 1, 2]}).output[0]
    higher = graph.make_node("MatMul", [_constant(graph, rows[0, :, 0, :]), first]).output[0]
    wider = graph.make_node("MatMul", [higher, _constant(graph, columns[0, 0, :, :].T)]).output[0]
    attributes = {"perm": [0, 2, 3, 1]}
    graph.make_node("Transpose", [wider], attr=attributes, outputs=outputs, name=name, dtypes=[dtype], shapes=[shape])


def _remove_node(graph: Any, node: Any) -> tuple[list[str], Any]:
    """Remove a node from the graph, and return the names of its outputs and the shape of its first output."""
    outputs, shape = list(node.output), graph.get_shape(node.output[0])
    graph.remove_node(node.name)
    return outputs, shape


def _constant(graph: Any, value: Array) -> str:
    made: str = graph.make_const(utils.make_name("constant"), value).output[0]
    return made


def _constant_one(graph: Any, dtype: int) -> str:
    return _constant(graph, np.ones((), utils.map_onnx_to_numpy_type(dtype)))
