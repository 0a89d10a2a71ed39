"""Writes a model as a zip of a SavedModel, TensorFlow's own format.

The SavedModel has the endpoint `serve`, with the same names of inputs and outputs as the Keras model. Keras' own export
would not set training=False, so random layers could stay random in serving.
"""

import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from epochal_lib.model_server.answers import TEXT, Arrays, decoded

from epochal_trainer.export.tensors import inputs_of, outputs_of, pack_inputs

_SERVE = "serve"


def to_saved_model(model: keras.Model, path: Path, scratch: Path) -> None:
    """Write a model as a zip of a SavedModel. `scratch` is a folder for temporary files."""
    names = [spec.name for spec in outputs_of(model)]

    def serve(*flat: Any) -> dict[str, Any]:
        outputs = keras.tree.flatten(model(pack_inputs(model, list(flat)), training=False))
        return dict(zip(names, outputs, strict=True))

    input_signature = [
        tf.TensorSpec(tensor.shape, "string" if spec.dtype == TEXT else spec.dtype, spec.name)
        for spec, tensor in zip(inputs_of(model), model.inputs, strict=True)
    ]
    folder = scratch / "savedmodel"
    try:
        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint(_SERVE, serve, input_signature=input_signature)
        archive.write_out(folder, verbose=False)
        shutil.make_archive(str(path.with_suffix("")), "zip", folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def saved_model_outputs(path: Path, model: keras.Model, inputs: Arrays, scratch: Path) -> Arrays:
    """Return the outputs that a zipped SavedModel computes for the inputs, both by name.

    `model` is the Keras model of the same network, for the order of the inputs.
    """
    folder = scratch / "unpacked"
    try:
        shutil.unpack_archive(path, folder, "zip")
        served = tf.saved_model.load(str(folder))  # freed with its last reference
        outputs = served.serve(*(tf.constant(inputs[spec.name]) for spec in inputs_of(model)))
        return {name: decoded(np.asarray(tensor)) for name, tensor in outputs.items()}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
