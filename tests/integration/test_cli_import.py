"""Imported Keras models give the same outputs, with the weights that the import writes."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from epochal.errors import EpochalError
from epochal.importers import Imported, import_file
from epochal_api.catalogue.problems import problems
from epochal_api.trainingjob.network import Network
from epochal_trainer.model import network

MEMORY = 2**33
PROGRAM = """\
import keras

print("a text of the program")
inputs = keras.Input((4,), name="x")
model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax", name="y")(inputs))
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""


def model_with_branches() -> keras.Model:
    left, right = keras.Input((6,), name="left"), keras.Input((6,), name="right")
    shared = keras.layers.Dense(4, activation="relu", name="shared")
    both = keras.layers.Concatenate(name="both")([shared(left), shared(right)])
    steps = keras.layers.RepeatVector(3, name="steps")(keras.layers.BatchNormalization(name="bn")(both))
    sequence, _, state = keras.layers.LSTM(5, return_state=True, return_sequences=True, name="lstm")(steps)
    attention = keras.layers.MultiHeadAttention(2, 4, name="attention")(sequence, steps)
    backward = keras.layers.Bidirectional(keras.layers.GRU(3), name="both_ways")(attention)
    digit = keras.layers.Dense(3, activation="softmax", name="digit")(keras.layers.Concatenate()([backward, state]))
    odd = keras.layers.Dense(1, activation="sigmoid", name="odd")(state)
    return keras.Model([left, right], [digit, odd])


def model_with_inner_models() -> keras.Model:
    scale = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, name="dense")], name="scale")
    inputs = keras.Input((6,), name="x")
    hidden = keras.layers.Dense(6, name="dense")(inputs)
    return keras.Model(inputs, keras.layers.Add(name="sum")([scale(inputs), scale(hidden)]))


def outputs_after_import(imported: Imported, weights: Path, inputs: list[Any]) -> list[Any]:
    assert problems(imported.document) == []
    assert imported.weights is not None
    imported.weights.write(weights)
    spec = Network.model_validate(imported.document["spec"]["network"])
    model = network.build(spec, seed=1, memory=MEMORY)
    model.load_weights(weights)
    outputs: list[Any] = keras.tree.flatten(model.predict(inputs[0] if len(inputs) == 1 else inputs, verbose=0))
    return outputs


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("build", [model_with_branches, model_with_inner_models])
def test_outputs_are_the_same(tmp_path: Path, build: Any, suffix: str) -> None:
    keras.utils.set_random_seed(7)
    model = build()
    for variable in model.variables:
        variable.assign(np.random.default_rng(1).uniform(0.1, 1, variable.shape))
    model.save(tmp_path / f"model{suffix}")
    inputs = [np.random.default_rng(2).normal(size=(5, 6)).astype("float32") for _ in model.inputs]
    expected = keras.tree.flatten(model.predict(inputs[0] if len(inputs) == 1 else inputs, verbose=0))
    found = outputs_after_import(import_file(tmp_path / f"model{suffix}"), tmp_path / "model.weights.h5", inputs)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def write_notebook(path: Path, *sources: str) -> Path:
    cells = [{"cell_type": "code", "source": text.splitlines(keepends=True)} for text in sources]
    path.write_text(json.dumps({"nbformat": 4, "cells": cells}))
    return path


def test_a_notebook(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_notebook(tmp_path / "train.ipynb", "%matplotlib inline\n1 + 1", PROGRAM)
    imported = import_file(path, run="model")
    assert problems(imported.document) == []
    assert imported.document["spec"]["training"]["loss"] == "sparse_categorical_crossentropy"
    assert imported.warnings == ["cell 1: %matplotlib inline is for IPython, and is not run"]
    assert imported.weights is not None
    imported.weights.write(tmp_path / "train.weights.h5")
    assert (tmp_path / "train.weights.h5").stat().st_size > 0
    assert "a text of the program" not in capfd.readouterr().out


def test_programs_that_fail(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "train.ipynb", "x = 1", "y = x\ny / 0")
    with pytest.raises(EpochalError, match="cell 2, line 2: ZeroDivisionError: division by zero"):
        import_file(path, run="model")
    (tmp_path / "train.py").write_text("model = 1\n")
    with pytest.raises(EpochalError, match="the program does not import keras"):
        import_file(tmp_path / "train.py", run="model")
