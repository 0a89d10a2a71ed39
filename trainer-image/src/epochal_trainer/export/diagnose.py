"""Finds the first layer that cannot be converted to ONNX, or whose ONNX outputs differ from its Keras outputs."""

from bisect import bisect_left
from pathlib import Path
from typing import Any

import keras
from epochal_lib.model_server.answers import AnswersDiffer, Arrays, largest_difference

from epochal_trainer.export.loading import TOLERANCE
from epochal_trainer.export.tensors import outputs_of, predict
from epochal_trainer.export.to_onnx import load_onnx, to_onnx
from epochal_trainer.export.tracing import layer_name


def first_failing_layer(model: keras.Model, path: Path) -> str | None:
    """Return the first layer that ONNX cannot express or ONNX Runtime cannot load, as text for messages.

    Return None if each part of the model can be converted and loaded. `path` is a temporary file.
    """
    tensors = _tensors(model)

    def fails(count: int) -> bool:
        try:
            # With all earlier tensors: a later tensor of another branch may not need the layer that fails.
            to_onnx(keras.Model(model.inputs, tensors[:count]), path)
            load_onnx(path)
        except Exception:  # noqa: BLE001 - any exception is the failure that is searched
            return True
        return False

    count = bisect_left(range(1, len(tensors) + 1), x=True, key=fails) + 1
    return _layer_name(tensors[count - 1]) if count <= len(tensors) else None


def first_differing_layer(model: keras.Model, inputs: Arrays, path: Path) -> str | None:
    """Return the first layer whose ONNX outputs differ from its Keras outputs by more than TOLERANCE, as text.

    Return None if no layer differs, or if the outputs of all layers together cannot be converted to ONNX. `path` is a
    temporary file.
    """
    tensors = _tensors(model)
    if not tensors:
        return None
    all_outputs = keras.Model(model.inputs, tensors)
    try:
        to_onnx(all_outputs, path)
        found = load_onnx(path)(inputs)
    except Exception:  # noqa: BLE001 - the outputs between layers may have types that cannot be exported
        return None
    expected = predict(all_outputs, inputs)
    for spec, tensor in zip(outputs_of(all_outputs), tensors, strict=True):
        try:
            largest_difference(found, {spec.name: expected[spec.name]}, TOLERANCE)
        except AnswersDiffer:
            return _layer_name(tensor)
    return None


def _tensors(model: keras.Model) -> list[Any]:
    """Return the outputs of a model's layers in topological order, except inputs and tensors without a batch axis."""
    graph = getattr(model, "_functional", model)
    by_depth = getattr(graph, "_nodes_by_depth", {})
    nodes = [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth] if not node.is_input]
    return [tensor for node in nodes for tensor in node.outputs if tensor.shape and tensor.shape[0] is None]


def _layer_name(tensor: Any) -> str:
    return layer_name(tensor._keras_history.operation)  # noqa: SLF001 - Keras offers no other way to it
