"""Makes a SavedModel of a model, TensorFlow's own form, as a zip.

Its signature takes and gives what the model does, by the same names. Keras' own export would leave it to each layer
whether it trains, and what is random would be so when it serves, too.
"""

import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from epochal_trainer.export.tensors import TEXT, Arrays, inputs_of, outputs_of, packed

_SERVE = "serve"


def to_saved_model(model: keras.Model, path: Path, scratch: Path) -> None:
    """Writes a model as a zip of a SavedModel.

    Args:
        model: The model.
        path: The zip.
        scratch: Folder for files on the way.
    """
    names = [spec.name for spec in outputs_of(model)]

    def serve(*flat: Any) -> dict[str, Any]:
        given = keras.tree.flatten(model(packed(model, list(flat)), training=False))
        return dict(zip(names, given, strict=True))

    takes = [
        tf.TensorSpec(tensor.shape, "string" if spec.dtype == TEXT else spec.dtype, spec.name)
        for spec, tensor in zip(inputs_of(model), model.inputs, strict=True)
    ]
    folder = scratch / "savedmodel"
    try:
        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint(_SERVE, serve, input_signature=takes)
        archive.write_out(folder, verbose=False)
        shutil.make_archive(str(path.with_suffix("")), "zip", folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def answers_of(path: Path, model: keras.Model, inputs: Arrays, scratch: Path) -> Arrays:
    """Returns what a SavedModel answers.

    Args:
        path: The zip.
        model: What it was made of.
        inputs: What goes in, by name.
        scratch: Folder for files on the way.
    """
    folder = scratch / "unpacked"
    try:
        shutil.unpack_archive(path, folder, "zip")
        served = tf.saved_model.load(str(folder))  # which goes with the last name that it has
        given = served.serve(*(tf.constant(inputs[spec.name]) for spec in inputs_of(model)))
        return {name: np.asarray(tensor) for name, tensor in given.items()}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
