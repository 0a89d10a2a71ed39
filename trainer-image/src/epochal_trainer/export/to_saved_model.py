"""Makes a SavedModel of a model, TensorFlow's own form, as a zip: its signature "serve" is what the model takes."""

import shutil
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from epochal_trainer.export.tensors import Arrays, inputs_of, outputs_of, packed


def to_saved_model(model: keras.Model, path: Path, scratch: Path) -> None:
    """Writes a model as a zip of a SavedModel.

    Args:
        model: The model.
        path: The zip.
        scratch: Folder for files on the way.
    """
    folder = scratch / "savedmodel"
    try:
        model.export(folder, format="tf_saved_model", verbose=False)
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
        flat = [tf.constant(inputs[spec.name]) for spec in inputs_of(model)]
        given = keras.tree.flatten(served.serve(packed(model, flat)))
        return {spec.name: np.asarray(tensor) for spec, tensor in zip(outputs_of(model), given, strict=True)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
