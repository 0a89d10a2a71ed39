"""Exported scripts and notebooks: their weights equal those of the trainer, bit for bit."""

import gzip
import inspect
import json
import pickle
import runpy
import shutil
import struct
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import keras
import nbformat
import numpy as np
import pytest
import yaml
from epochal.exporters import export
from epochal.exporters.keras.network import RECURRENT, SEVERAL_ARGUMENTS
from epochal_api.catalogue.classes import catalogue
from epochal_api.trainingjob.spec import TrainingJob, parse
from epochal_trainer.run import Folders, run
from nbclient import NotebookClient

pytestmark = pytest.mark.usefixtures("process_is_restored")

RANDOM = np.random.default_rng(5)
SAMPLES = 80
TABLE = RANDOM.normal(size=(SAMPLES, 6)).astype("float32")
LABELS = (TABLE[:, 0] > 0.4).astype("uint8") + (TABLE[:, 1] > 0)
IMAGES = RANDOM.integers(0, 256, size=(SAMPLES, 6, 6)).astype("uint8")
TOKENS = RANDOM.integers(0, 300, size=(SAMPLES, 5)).astype("int32")
TEXTS = np.array([f"word{index % 7} word{index % 3}" for index in range(SAMPLES)])
CODE = """
import keras

@keras.saving.register_keras_serializable()
def own_loss(y_true, y_pred):
    return keras.ops.square(y_true - y_pred)

def build_model(spec):
    inputs = keras.Input((6,), name="table")
    hidden = keras.layers.Dense(spec["training"]["batchSize"] // 2)(inputs)
    return keras.Model([inputs], [keras.layers.Dense(1)(keras.layers.Dropout(0.2)(hidden))])
"""
SOFTMAX = {"layer": "Dense", "units": 3, "activation": "softmax", "name": "classes"}
SPARSE = "SparseCategoricalCrossentropy"
END = {"validation": {"split": "0.25"}}


def network(*layers: dict[str, Any], shape: list[int] | None = None, **fields: Any) -> dict[str, Any]:
    return {"input": {"shape": [6] if shape is None else shape}, "layers": list(layers), **fields}


CASES: dict[str, dict[str, Any]] = {
    "dropout and batch normalization": {
        "data": {"train": {"object": "table.npz"}, **END, "test": {"object": "test.npz"}},
        "network": network(
            {"layer": "Dense", "units": 8, "kernel_regularizer": {"name": "L2", "l2": 0.01}},
            {"layer": "BatchNormalization"},
            {"layer": "Activation", "activation": "relu"},
            {"layer": "Dropout", "rate": 0.3},
            {"layer": "GaussianNoise", "stddev": 0.1},
            SOFTMAX,
        ),
        "training": {"loss": SPARSE, "metrics": ["accuracy", "SparseTopKCategoricalAccuracy"]},
    },
    "balanced classes, a stratified draw": {
        "data": {"train": {"object": "table.npz"}, "shuffle": True, "validation": {"split": "0.3", "stratify": True}},
        "network": network(
            {"layer": "Dense", "units": 8, "kernel_initializer": {"name": "HeNormal"}, "activation": "tanh"}, SOFTMAX
        ),
        "training": {"loss": SPARSE, "classWeight": "Balanced", "optimizer": {"name": "SGD", "momentum": 0.9}},
    },
    "class weights and sample weights": {
        "data": {"train": {"object": "weighted.npz"}, "validation": {"object": "test.npz"}},
        "network": network({"layer": "AlphaDropout", "rate": 0.2}, SOFTMAX),
        "training": {
            "loss": SPARSE,
            "classWeight": {"0": "0.5", "2": 3},
            "callbacks": [{"callback": "ReduceLROnPlateau", "patience": 0, "min_delta": 10}],
        },
    },
    "early stopping": {
        "data": {"train": {"object": "table.npz"}, "shuffle": True, **END},
        "network": network({"layer": "Dropout", "rate": 0.4}, SOFTMAX),
        "training": {
            "epochs": 12,
            "loss": {"name": SPARSE},
            "optimizer": {"name": "Adam", "learning_rate": 0.5},
            "callbacks": [
                {"callback": "EarlyStopping", "patience": 1, "restore_best_weights": True},
                {"callback": "ModelCheckpoint", "filepath": "best {epoch}.keras"},
            ],
        },
    },
    "images as idx": {
        "data": {"prefix": "idx/", "train": {"features": "images.gz", "labels": "labels"}},
        "network": network(
            {"layer": "Rescaling", "scale": 0.004},
            {"layer": "Conv2D", "filters": 4, "kernel_size": [3, 3], "padding": "same"},
            {"layer": "RandomFlip"},
            {"layer": "MaxPooling2D"},
            {"layer": "Flatten"},
            SOFTMAX,
            shape=[6, 6, 1],
        ),
        "training": {"loss": SPARSE, "batchSize": 20, "optimizer": {"name": "Adam", "clipnorm": 0.5}},
    },
    "several inputs and outputs": {
        "data": {"train": {"object": "graph.npz"}, **END},
        "network": {
            "inputs": [{"name": "left", "shape": [5], "dtype": "int32"}, {"name": "right", "shape": [5]}],
            "layers": [
                {"layer": "Embedding", "input_dim": 300, "output_dim": 4, "name": "words", "inputs": ["left"]},
                {"use": "words", "name": "again", "inputs": ["right"]},
                {"layer": "SimpleRNN", "units": 3, "return_state": True, "name": "first", "inputs": ["words"]},
                {"layer": "SimpleRNN", "units": 3, "name": "second", "inputs": ["again", "first:1"]},
                {
                    "layer": "MultiHeadAttention",
                    "num_heads": 2,
                    "key_dim": 2,
                    "name": "attention",
                    "inputs": ["words", "again"],
                },
                {"layer": "Flatten", "name": "flatten"},
                {"layer": "Concatenate", "name": "both", "inputs": ["first:0", "second", "flatten"]},
                {"layer": "Dense", "units": 3, "activation": "softmax", "name": "digit", "inputs": ["both"]},
                {"layer": "Dense", "units": 1, "name": "sum", "inputs": ["second"]},
            ],
            "outputs": ["digit", "sum"],
        },
        "training": {
            "outputs": [
                {"name": "sum", "loss": "mse", "weight": "0.3"},
                {"name": "digit", "loss": SPARSE, "metrics": ["accuracy"]},
            ]
        },
    },
    "mixed_bfloat16": {
        "data": {"train": {"object": "tokens.npz"}},
        "network": network(
            {"layer": "Identity"},
            {"layer": "Embedding", "input_dim": 300, "output_dim": 4},
            {"layer": "Flatten"},
            {"layer": "Dense", "units": 8},
            {"layer": "Reshape", "target_shape": [8]},
            SOFTMAX,
            shape=[5],
        ),
        "training": {"loss": SPARSE, "precision": "mixed_bfloat16"},
    },
    "mixed_float16": {
        "data": {"train": {"object": "table.npz"}},
        "network": network({"layer": "Dense", "units": 8}, {"layer": "Dropout", "rate": 0.3}, SOFTMAX),
        "training": {"loss": SPARSE, "precision": "mixed_float16", "optimizer": "adam"},
    },
    "steps and stops": {
        "data": {"train": {"object": "table.npz"}, **END},
        "network": network({"layer": "Dropout", "rate": 0.3}, SOFTMAX),
        "training": {
            "epochs": 7,
            "stepsPerEpoch": 3,
            "validationEveryEpochs": 2,
            "stopAfterEpoch": 5,
            "loss": SPARSE,
            "optimizer": {
                "name": "SGD",
                "learning_rate": {"name": "CosineDecay", "initial_learning_rate": 1, "decay_steps": 20},
                "gradient_accumulation_steps": 2,
            },
        },
    },
    "a pickle of one-hot rows": {
        "data": {"train": {"object": "rows"}, "format": "auto"},
        "network": network({"layer": "SpatialDropout1D", "rate": 0.5}, {"layer": "Flatten"}, SOFTMAX, shape=[6, 1]),
        "training": {"loss": "CategoricalCrossentropy", "classWeight": "Balanced"},
    },
    "code": {
        "data": {"train": {"object": "numbers.npz"}},
        "code": {"object": "code.py"},
        "training": {"loss": "own_loss", "metrics": ["mae"]},
    },
    "a saved model": {
        "data": {"train": {"object": "table.npz"}, **END},
        "model": {"uri": "s3://data/start.keras", "freeze": ["first*"]},
        "training": {"loss": SPARSE, "metrics": ["accuracy"]},
    },
    "initial weights": {
        "data": {"train": {"object": "table.npz"}},
        "network": network(
            {"layer": "Normalization", "name": "scale"},
            {"layer": "Dense", "units": 8, "name": "first"},
            {"layer": "Dropout", "rate": 0.2, "name": "drop"},
            {"layer": "Dense", "units": 3, "activation": "softmax", "name": "last"},
            weights={"uri": "s3://data/start.keras", "layers": ["first", "scale"]},
        ),
        "training": {"loss": SPARSE},
    },
    "initial weights as h5": {
        "data": {"train": {"object": "table.npz"}},
        "network": network(
            {"layer": "Normalization", "name": "scale"},
            {"layer": "Dense", "units": 8, "name": "first"},
            {"layer": "Dense", "units": 3, "activation": "softmax", "name": "second"},
            weights={"uri": "s3://models/start.weights.h5", "layers": ["f*"]},
        ),
        "training": {"loss": SPARSE},
    },
    "a saved model with several outputs": {
        "data": {"train": {"object": "outputs.npz"}},
        "model": {"uri": "s3://models/outputs.keras"},
        "training": {
            "outputs": [
                {"name": "pair_1", "loss": "mse", "metrics": ["mae"]},
                {"name": "pair", "loss": SPARSE, "weight": "0.5"},
            ]
        },
    },
    "texts": {
        "data": {"train": {"object": "texts.npz"}},
        "network": {
            "input": {"shape": [], "dtype": "string"},
            "layers": [
                {"layer": "TextVectorization", "output_sequence_length": 3},
                {"layer": "Embedding", "input_dim": 20, "output_dim": 4},
                {"layer": "GlobalAveragePooling1D"},
                SOFTMAX,
            ],
        },
        "training": {"loss": SPARSE},
    },
    "averages of weights": {
        "data": {"train": {"object": "table.npz"}, **END},
        "network": network({"layer": "Normalization"}, SOFTMAX),
        "training": {
            "epochs": 9,
            "loss": SPARSE,
            "optimizer": {"name": "Adam", "use_ema": True, "ema_momentum": 0.5, "learning_rate": 1},
            "callbacks": [{"callback": "SwapEMAWeights"}, {"callback": "EarlyStopping", "patience": 0}],
        },
    },
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the objects of all trainings."""
    folder = tmp_path_factory.mktemp("data")
    np.savez(folder / "table.npz", x=TABLE, y=LABELS)
    np.savez(folder / "test.npz", features=TABLE[::-2] + 1, labels=LABELS[::-2])
    np.savez(folder / "weighted.npz", x=TABLE, y=LABELS, sample_weight=np.linspace(0.1, 2, SAMPLES))
    np.savez(folder / "numbers.npz", x=TABLE.astype(">f8"), y=TABLE.sum(axis=1))
    np.savez(folder / "tokens.npz", x=TOKENS, y=LABELS)
    np.savez(folder / "texts.npz", x=TEXTS, y=LABELS)
    sums = TOKENS.sum(axis=1) / 500
    weights = np.linspace(0.5, 1, SAMPLES)
    np.savez(folder / "graph.npz", left=TOKENS, right=TOKENS[::-1], digit=LABELS, sum=sums, sample_weight=weights)
    (folder / "rows").write_bytes(pickle.dumps((TABLE, np.eye(3, dtype="uint8")[LABELS]), protocol=2))
    (folder / "idx").mkdir()
    (folder / "idx/images.gz").write_bytes(gzip.compress(idx(IMAGES)))
    (folder / "idx/labels").write_bytes(idx(LABELS.astype("uint8")))
    (folder / "code.py").write_text(CODE)
    np.savez(folder / "outputs.npz", table=TABLE, pair=LABELS, pair_1=TABLE.sum(axis=1))
    save_models(folder)
    return folder


def save_models(folder: Path) -> None:
    """Saves the models that trainings start from; those in `models` stand for another bucket."""
    (folder / "models").mkdir()
    inputs = keras.Input((6,), name="table")
    scale = keras.layers.Normalization(name="scale")
    scale.adapt(TABLE[:40])
    hidden = keras.layers.Dense(8, name="first")(scale(inputs))
    kind = keras.layers.Dense(3, activation="softmax", name="second")(hidden)
    start = keras.Model(inputs, kind)
    start.save(folder / "start.keras")
    start.save_weights(folder / "models/start.weights.h5")
    inner = keras.Input((8,))
    pair = [keras.layers.Dense(3, activation="softmax")(inner), keras.layers.Dense(1)(inner)]
    outputs = keras.Model(inner, pair, name="pair")(hidden)
    keras.Model(inputs, outputs).save(folder / "models/outputs.keras")


def idx(array: np.ndarray[Any, Any]) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def job_of(case: dict[str, Any]) -> TrainingJob:
    return parse(document_of(case))


def document_of(case: dict[str, Any]) -> dict[str, Any]:
    spec = {
        "storage": {"secretRef": {"name": "none"}},
        **case,
        "data": {"bucket": "data", **case["data"]},
        "training": {"epochs": 2, "batchSize": 16, "seed": 11, **case["training"]},
        "results": {"bucket": "results", "exports": [], "evaluation": False},
    }
    return {"apiVersion": "epochal.dev/v1alpha1", "kind": "TrainingJob", "metadata": {"name": "tiny"}, "spec": spec}


@cache
def trained(name: str, data: Path) -> list[np.ndarray[Any, Any]]:
    """Returns the weights of the trainer's model.keras for a case."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "job.yaml").write_text(yaml.safe_dump(document_of(CASES[name])))
        shutil.copytree(data / "models", folder / "results")  # other buckets than that of the data
        assert run(folder / "job.yaml", Folders(data, folder / "results")) == 0
        keras.saving.get_custom_objects().clear()
        (path,) = folder.glob("results/default/**/model.keras")
        return weights_of(keras.saving.load_model(path, compile=False))


def weights_of(model: keras.Model) -> list[np.ndarray[Any, Any]]:
    return [np.array(weight) for weight in model.get_weights()]


def assert_equal(found: list[np.ndarray[Any, Any]], expected: list[np.ndarray[Any, Any]]) -> None:
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_layers_are_called_as_by_the_trainer() -> None:
    several, recurrent = set(), set()
    for name, described in catalogue().modules["keras.layers"].classes.items():
        if described.refused:
            continue
        every = inspect.signature(getattr(keras.layers, name).call).parameters
        required = [
            each for each in every.values() if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
        ]
        several |= {name} if len(required) - ("self" in every) > 1 else set()
        recurrent |= {name} if "initial_state" in every else set()
    assert several == SEVERAL_ARGUMENTS
    assert recurrent == RECURRENT


@pytest.mark.parametrize("name", CASES)
def test_a_script_gives_the_weights_of_the_trainer(
    name: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((file, content),) = export(job_of(CASES[name]), "keras").items()
    (tmp_path / file).write_bytes(content)
    expected = trained(name, data)
    models = ["--models", str(data / "models")] if b"--models" in content else []
    monkeypatch.setattr(sys, "argv", [file, "--data", str(data), "--results", str(tmp_path / "results"), *models])
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    keras.utils.clear_session(free_memory=False)
    variables = runpy.run_path(str(tmp_path / file))
    assert_equal(weights_of(variables["model"]), expected)
    assert (tmp_path / "results/model.keras").exists()


def test_a_script_in_a_process_of_its_own(data: Path, tmp_path: Path) -> None:
    name = "dropout and batch normalization"
    (tmp_path / "tiny.py").write_bytes(export(job_of(CASES[name]), "keras")["tiny.py"])
    arguments = ["tiny.py", "--data", str(data)]
    ended = subprocess.run(
        [sys.executable, *arguments], cwd=tmp_path, check=False, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    assert "Test: {'accuracy': " in ended.stdout
    found = weights_of(keras.saving.load_model(tmp_path / "model.keras", compile=False))
    assert_equal(found, trained(name, data))


def test_a_simple_script_trains(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES["class weights and sample weights"]
    source = export(job_of(case), "keras", simple=True)["tiny.py"]
    assert b"stateless_shuffle" not in source
    (tmp_path / "tiny.py").write_bytes(source)
    monkeypatch.setattr(sys, "argv", ["tiny.py", "--data", str(data), "--results", str(tmp_path)])
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert len(runpy.run_path(str(tmp_path / "tiny.py"))["history"].history["val_loss"]) == 2


def test_a_notebook_gives_the_weights_of_the_trainer(data: Path, tmp_path: Path) -> None:
    name = "early stopping"
    content = export(job_of(CASES[name]), "notebook")["tiny.ipynb"].decode()
    cells = content.replace('DATA = \\"s3://data\\"', f"DATA = {json.dumps(json.dumps(str(data)))[1:-1]}")
    assert cells != content
    notebook = nbformat.reads(cells, as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert any("image/png" in output.get("data", {}) for output in notebook.cells[-1].outputs)
    found = weights_of(keras.saving.load_model(tmp_path / "model.keras", compile=False))
    assert_equal(found, trained(name, data))
