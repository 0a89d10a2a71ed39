"""The inputs and outputs of a model, as specs and as arrays."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from epochal_api.signature import ImageSpec, TensorSpec
from epochal_lib.model_server.answers import Arrays
from epochal_lib.model_server.keras_specs import input_specs, output_specs
from numpy.typing import NDArray

from epochal_trainer.model.last_layer import find_last_layer, gives_probabilities


class UnsupportedModel(Exception):
    """A model that a signature cannot describe. The message has the value found and the requirement."""


def inputs_of(model: keras.Model) -> list[TensorSpec]:
    """Return the specs of a model's inputs, named by their input layers.

    Raises:
        UnsupportedModel: If the model is not a graph of layers with the batch as first axis.
    """
    return input_specs(_check_graph(model).inputs)


def outputs_of(model: keras.Model) -> list[TensorSpec]:
    """Return the specs of a model's outputs, named by their layers.

    Raises:
        UnsupportedModel: As `inputs_of`.
    """
    return output_specs(_check_graph(model).outputs)


def has_probabilities(model: keras.Model) -> bool:
    """Return whether the first output has class probabilities: by softmax, or by sigmoid of a single unit."""
    return gives_probabilities(find_last_layer(keras.Model(model.inputs, model.outputs[0])))


def network_of(
    model: keras.Model,
    classes: Sequence[str] | None,
    image: ImageSpec | None,
    features: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return the fields of a signature that describe the network of a model, with the names of classes and features.

    Raises:
        UnsupportedModel: As `inputs_of`.
    """
    return {
        "inputs": inputs_of(model),
        "outputs": outputs_of(model),
        "probabilities": has_probabilities(model),
        "classes": classes,
        "features": features,
        "image": image,
    }


def predict(model: keras.Model, inputs: Arrays) -> dict[str, NDArray[Any]]:
    """Return Keras' outputs for some inputs, with floating-point numbers in float32."""
    flat = [_tensor(inputs[spec.name]) for spec in inputs_of(model)]
    model.jit_compile = False  # XLA takes long to compile, and rounds differently
    # predict_on_batch runs a graph, which frees each layer's output. A direct call would hold all outputs until its
    # end.
    outputs = keras.tree.flatten(model.predict_on_batch(pack_inputs(model, flat)))
    return {spec.name: _to_float32(np.asarray(array)) for spec, array in zip(outputs_of(model), outputs, strict=True)}


def pack_inputs(model: keras.Model, flat: list[Any]) -> Any:
    """Return tensors in the structure of a model's inputs."""
    structure = getattr(model, "_inputs_struct", None)  # None for a Sequential model, which takes a single tensor
    return flat[0] if structure is None else keras.tree.pack_sequence_as(structure, flat)


def _check_graph(model: keras.Model) -> keras.Model:
    if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
        kind = type(model).__name__
        raise UnsupportedModel(f"expected a functional or Sequential model, found {model.name!r}, a {kind}")
    for tensor in (*model.inputs, *model.outputs):
        if not tensor.shape or tensor.shape[0] is not None:
            shape = tuple(tensor.shape)
            raise UnsupportedModel(f"{tensor.name!r} has the shape {shape}, but its first axis must be the batch")
    return model


def _tensor(array: NDArray[Any]) -> Any:
    # Keras cannot convert NumPy strings to a tensor.
    return keras.ops.convert_to_tensor(array.tolist(), "string") if array.dtype.kind in "UO" else array


def _to_float32(array: NDArray[Any]) -> NDArray[Any]:
    is_float = array.dtype.kind == "f" or array.dtype.name == "bfloat16"  # NumPy has no kind for bfloat16
    return array.astype(np.float32, copy=False) if is_float else array
