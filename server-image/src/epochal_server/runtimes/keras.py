"""Computes with Keras, in the trainer's image: what cannot be told in ONNX."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from epochal_api.signature import Signature, TensorSpec

from epochal_server.ending import Ended
from epochal_server.model import Arrays, Platform
from epochal_server.tensors import TEXT

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Both take seconds, and only the trainer's image has them.
import keras
import tensorflow as tf


class Keras:
    """A model of Keras'. See Runtime.

    Args:
        model: The model.
        signature: What it takes and gives, if that is known.
    """

    platform: Platform = "keras"
    most: int | None = None

    def __init__(self, model: Any, signature: Signature | None) -> None:
        takes, gives = getattr(model, "inputs", None) or [], getattr(model, "outputs", None) or []
        if not takes or not gives:
            raise Ended(
                "ModelRefused",
                f"must be a graph of layers with its inputs, found a {type(model).__name__}: build it of such",
            )
        self.inputs = signature.inputs if signature else [_spec(tensor.name, tensor) for tensor in takes]
        self.outputs = signature.outputs if signature else [_spec(_layer(tensor), tensor) for tensor in gives]
        if len(self.inputs) != len(takes) or len(self.outputs) != len(gives):
            raise Ended(
                "ModelRefused",
                f"it takes {len(takes)} inputs and gives {len(gives)} outputs, and its signature tells of "
                f"{len(self.inputs)} and {len(self.outputs)}: put its own signature.json beside it, or none",
            )
        structure = getattr(model, "_inputs_struct", None)  # None of a Sequential, which takes one

        def call(*tensors: Any) -> list[Any]:
            given = keras.tree.pack_sequence_as(structure, list(tensors)) if structure is not None else tensors[0]
            return list(keras.tree.flatten(model(given, training=False)))

        # With one signature for any number of samples, nothing is compiled while requests wait.
        self._call = tf.function(call, input_signature=[_tensor(spec) for spec in self.inputs])
        self._dtypes = [np.dtype(object if spec.dtype == TEXT else spec.dtype) for spec in self.outputs]

    def run(self, inputs: Arrays) -> Arrays:
        """See Runtime."""
        # TensorFlow makes no tensor of numpy's objects.
        given = (array.tolist() if (array := inputs[spec.name]).dtype == object else array for spec in self.inputs)
        outputs = self._call(*(tf.convert_to_tensor(one) for one in given))
        arrays = (output.numpy().astype(dtype, copy=False) for output, dtype in zip(outputs, self._dtypes, strict=True))
        return {spec.name: _text(array) for spec, array in zip(self.outputs, arrays, strict=True)}


def load(path: Path, signature: Signature | None, threads: int) -> Keras:
    """See Load."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    try:
        # Compiling is for training: a loss or a metric that is not known here does no harm.
        return Keras(keras.saving.load_model(path, compile=False, safe_mode=True), signature)
    except Ended:
        raise
    except Exception as error:
        raise Ended(
            "ModelRefused",
            f"Keras {keras.__version__} cannot load it ({error}): use the image of the trainer that "
            "stored it, and no layers that bring code along",
        ) from error


def _spec(name: str, tensor: Any) -> TensorSpec:
    """Returns what a signature would say: floating-point numbers are float32, whatever a model computes in."""
    shape = [-1 if axis is None else axis for axis in tensor.shape[1:]]
    dtype = str(tensor.dtype)
    floating = dtype.startswith(("float", "bfloat"))
    return TensorSpec(name=name, shape=shape, dtype="float32" if floating else TEXT if dtype == "string" else dtype)


def _layer(tensor: Any) -> str:
    return str(tensor._keras_history.operation.name)  # noqa: SLF001 - Keras offers no other way to it


def _tensor(spec: TensorSpec) -> Any:
    shape = [None, *(None if axis < 0 else axis for axis in spec.shape)]
    return tf.TensorSpec(shape, tf.string if spec.dtype == TEXT else spec.dtype)


def _text(array: np.ndarray) -> np.ndarray:
    if array.dtype != object:
        return array
    decoded = [one.decode(errors="replace") for one in array.flat]
    return np.array(decoded, object).reshape(array.shape)
