"""Trainings of a stored model and of a file of code that are killed: they end like undisturbed ones."""

import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import yaml

from tests.kit.jobs import EXAMPLES, digits_file

from .test_kill import EPOCHS, WORST, end, of, strike

CODE = """
import keras


@keras.saving.register_keras_serializable()
class Drift(keras.layers.Layer):
    \"\"\"Adds noise in the training, and the moving mean of its inputs: random numbers, and a state of its own.\"\"\"

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.seeds = keras.random.SeedGenerator()

    def build(self, shape):
        self.mean = self.add_weight(shape=(shape[-1],), initializer="zeros", trainable=False, name="mean")
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")

    def call(self, inputs, training=False):
        if training:
            self.mean.assign(0.9 * self.mean + 0.1 * keras.ops.mean(inputs, axis=0))
            inputs = inputs + keras.random.normal(keras.ops.shape(inputs), stddev=0.1, seed=self.seeds)
        return inputs * self.scale + self.mean


def build_model(spec):
    inputs = keras.Input(batch_shape=(spec["training"]["batchSize"], 8, 8, 1), name="image")
    rows = keras.layers.Reshape((8, 8))(keras.layers.Rescaling(0.0625)(inputs))
    x = keras.layers.LSTM(16, stateful=True, name="rows")(rows)
    x = Drift(name="drift")(keras.layers.Dense(16, activation="relu")(x))
    x = keras.layers.Dropout(0.2)(x)
    return keras.Model(inputs, keras.layers.Dense(10, activation="softmax", name="digit")(x))
"""
SOURCES: dict[str, dict[str, Any]] = {
    "model": {"model": {"uri": "s3://digits-data/base.keras", "freeze": ["conv*"]}},
    "code": {"code": {"object": "model.py"}},
}
TRAINING: dict[str, dict[str, Any]] = {"model": {}, "code": {"jitCompile": True}}
"""Fields of spec.training by source. XLA cannot compile the layer RandomTranslation of the stored model."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kill")
    with np.load(digits_file(path / "data")) as digits:
        # Whole batches of 32, also of the fifth for the validation: the layer with `stateful` takes no other.
        counts = {"train": 1280, "test": 352}
        arrays = {f"{kind}_{part}": digits[f"{kind}_{part}"][:n] for part, n in counts.items() for kind in "xy"}
    np.savez(path / "data/digits.npz", **arrays)
    (path / "data/model.py").write_text(CODE)
    layers = [
        keras.layers.Rescaling(0.0625),
        keras.layers.RandomTranslation(0.1, 0.1),
        keras.layers.Conv2D(8, 3, activation="relu", name="conv"),
        keras.layers.Flatten(),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(10, activation="softmax", name="digit"),
    ]
    model = keras.Sequential([keras.Input((8, 8, 1), name="image"), *layers])
    model.compile("sgd", "mse")  # the optimizer of the file is not that of the training
    model.save(path / "data/base.keras")
    return path


def start(folder: Path, source: str, results: str) -> subprocess.Popen[str]:
    document = yaml.safe_load((EXAMPLES / "digits.yaml").read_text())
    spec = document["spec"]
    del spec["network"]
    spec |= SOURCES[source]
    spec["training"] |= {
        "epochs": EPOCHS,
        "checkpoint": {"everySeconds": 1},
        "callbacks": [],
        "monitor": WORST,
        "stepsPerEpoch": 19,
    } | TRAINING[source]
    spec["results"] |= {"exports": [], "evaluation": False}
    path = folder / f"{results}.yaml"
    path.write_text(yaml.safe_dump(document))
    command = [sys.executable, "-m", "epochal_trainer", "run", str(path)]
    command += ["--data", str(folder / "data"), "--results", str(folder / results)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.usefixtures("process_is_restored")
def test_a_killed_training_ends_like_an_undisturbed_one(folder: Path, source: str, moment: random.Random) -> None:
    code, output = strike(start(folder, source, f"{source}-killed"), signal.SIGKILL, moment.randint(2, 5), moment)
    assert code == -signal.SIGKILL, output
    code, output = end(start(folder, source, f"{source}-killed"))
    assert code == 0, output
    assert "Resuming from" in output
    code, output = end(start(folder, source, f"{source}-whole"))
    assert code == 0, output
    if source == "code":
        exec(CODE, {"__name__": "code"})  # noqa: S102 - registers the class that the files contain
    weights, history, _ = of(folder / f"{source}-whole")
    resumed, same, _ = of(folder / f"{source}-killed")
    assert len(history) == EPOCHS + 1
    assert same == history
    assert len(weights) == len(resumed) > 0
    for one, other in zip(weights, resumed, strict=True):
        np.testing.assert_array_equal(one, other)
