"""The runtime for models that cannot be converted to ONNX: Keras, in the trainer's image."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from epochal_api.signature import Signature, TensorSpec
from epochal_lib.model_server.answers import decoded
from epochal_lib.model_server.errors import ServeError
from epochal_lib.model_server.keras_config import own_code
from epochal_lib.model_server.keras_specs import input_specs, output_specs

from epochal_server.model.model import TEXT, Arrays, Platform
from epochal_server.model.runtimes.runtime import match_tensors

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Importing both takes seconds, and only the trainer's image contains them.
import keras
import tensorflow as tf


class Keras:
    """A Keras model. See Runtime."""

    platform: Platform = "keras"
    max_batch_size: int | None = None

    def __init__(self, model: Any, signature: Signature | None, *, has_check: bool) -> None:
        if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
            raise ServeError(
                "ModelRefused",
                "expected a Functional or Sequential model with defined inputs, found a "
                f"{type(model).__name__}: build the model with the Functional or Sequential API",
            )
        self.inputs = input_specs(model.inputs)
        self.outputs = output_specs(model)
        self._input_specs, self._output_specs = self.inputs, self.outputs  # in the order of the model
        if signature is not None:
            self._input_specs = _reordered(signature.inputs, self.inputs, "inputs", has_check=has_check)
            self._output_specs = _reordered(signature.outputs, self.outputs, "outputs", has_check=has_check)
            self.inputs, self.outputs = signature.inputs, signature.outputs
        structure = getattr(model, "_inputs_struct", None)  # None for a Sequential, which has one input

        def call(*tensors: Any) -> list[Any]:
            inputs = keras.tree.pack_sequence_as(structure, list(tensors)) if structure is not None else tensors[0]
            return list(keras.tree.flatten(model(inputs, training=False)))

        # With one input signature for any number of samples, TensorFlow compiles nothing while requests wait.
        self._call = tf.function(call, input_signature=[_tensor(spec) for spec in self._input_specs])
        self._dtypes = [np.dtype(object if spec.dtype == TEXT else spec.dtype) for spec in self._output_specs]

    def run(self, inputs: Arrays) -> Arrays:
        """Return the model's outputs for the inputs. See Runtime."""
        # TensorFlow cannot convert NumPy arrays of objects.
        arrays = (inputs[spec.name] for spec in self._input_specs)
        values = (array.tolist() if array.dtype == object else array for array in arrays)
        outputs = self._call(*map(tf.convert_to_tensor, values))
        answers = (
            output.numpy().astype(dtype, copy=False) for output, dtype in zip(outputs, self._dtypes, strict=True)
        )
        return {spec.name: decoded(array) for spec, array in zip(self._output_specs, answers, strict=True)}


def load(path: Path, signature: Signature | None, threads: int, *, has_check: bool) -> Keras:
    """Return the loaded model. See Load."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    try:
        # Only training needs compile(). Without it, custom losses or metrics cause no error.
        return Keras(keras.saving.load_model(path, compile=False, safe_mode=True), signature, has_check=has_check)
    except ServeError:
        raise
    except Exception as error:
        cause = own_code(path) or f"{error}: use the trainer image that exported the model, and only layers of Keras"
        raise ServeError("ModelRefused", f"Keras {keras.__version__} cannot load the model: {cause}") from error


def _reordered(
    signature: Sequence[TensorSpec], own: Sequence[TensorSpec], kind: str, *, has_check: bool
) -> list[TensorSpec]:
    """Return the tensors of a signature in the order in which the model itself lists them."""
    by_own_name = dict(zip(match_tensors(signature, own, kind, has_check=has_check), signature, strict=True))
    return [by_own_name[spec.name] for spec in own]


def _tensor(spec: TensorSpec) -> Any:
    shape = [None, *(None if axis < 0 else axis for axis in spec.shape)]
    return tf.TensorSpec(shape, tf.string if spec.dtype == TEXT else spec.dtype)
