"""Describes the inputs and outputs of a Keras model for its signature, and computes its outputs."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from epochal_api.signature import ImageSpec, TensorSpec
from epochal_lib.model_server.answers import Arrays, decoded
from epochal_lib.model_server.keras_specs import input_specs, output_specs
from numpy.typing import NDArray

from epochal_trainer.model.last_layer import find_last_layer, gives_probabilities


class UnsupportedModel(Exception):
    """A signature cannot describe the inputs or outputs of a model, or Keras cannot compute the outputs.

    The message has the value found and the requirement.
    """


def inputs_of(model: keras.Model) -> list[TensorSpec]:
    """Return the specs of a model's inputs, named by their input layers.

    Raises:
        UnsupportedModel: If the model is neither functional nor Sequential, or if the first axis of an input or output
            has a fixed size, and so is not the batch.
    """
    return input_specs(_check_graph(model).inputs)


def outputs_of(model: keras.Model) -> list[TensorSpec]:
    """Return the specs of a model's outputs, named by their layers.

    Raises:
        UnsupportedModel: As `inputs_of`.
    """
    return output_specs(_check_graph(model))


def have_probabilities(model: keras.Model) -> list[bool]:
    """Return for each output whether it has class probabilities, from a softmax, or from a sigmoid of a single unit."""
    return [gives_probabilities(find_last_layer(model, index)) for index in range(len(model.outputs))]


def network_of(
    model: keras.Model,
    classes: Mapping[str, Sequence[str]],
    image: ImageSpec | None,
    features: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return the fields of signature.json that describe the inputs and outputs of a model.

    Args:
        model: The model.
        classes: Names of the classes, by the name of the output. If the model has a single output, the name may differ.
        image: Size, channels and range of the images, if the only input is an image.
        features: Names of the columns of the first input.

    Raises:
        UnsupportedModel: As `inputs_of`.
    """
    inputs, outputs, probabilities = inputs_of(model), outputs_of(model), have_probabilities(model)
    if len(outputs) == 1:
        classes = {spec.name: names for spec, names in zip(outputs, classes.values(), strict=False)}
    else:
        outputs = [
            spec.model_copy(update={"probabilities": has_any, "classes": classes.get(spec.name)})
            for spec, has_any in zip(outputs, probabilities, strict=True)
        ]
    return {
        "inputs": inputs,
        "outputs": outputs,
        "probabilities": probabilities[0],
        "classes": classes.get(outputs[0].name),
        "features": features,
        "image": image,
    }


def predict(model: keras.Model, inputs: Arrays) -> dict[str, NDArray[Any]]:
    """Return Keras' outputs for the inputs, by name. Floating-point outputs of any type are converted to float32."""
    flat = [_tensor(inputs[spec.name]) for spec in inputs_of(model)]
    model.jit_compile = False  # XLA takes long to compile, and rounds differently
    # predict_on_batch runs a graph, which frees each layer's output. A direct call would hold all outputs until its
    # end.
    outputs = keras.tree.flatten(model.predict_on_batch(pack_inputs(model, flat)))
    arrays = (decoded(_to_float32(np.asarray(array))) for array in outputs)
    return {spec.name: array for spec, array in zip(outputs_of(model), arrays, strict=True)}


def pack_inputs(model: keras.Model, flat: list[Any]) -> Any:
    """Return a flat list of input tensors in the structure that the model expects: a tensor, a list or a dict."""
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
