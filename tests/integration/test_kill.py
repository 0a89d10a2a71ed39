"""Trainings that are killed: real processes, real signals, at moments that differ from run to run.

They train in mixed precision: its scale of the loss is one more state to resume from. The network has two inputs, one
of texts, and two outputs. One of them starts with weights from a file. Both states of an LSTM go through one layer.
"""

import csv
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import yaml
from epochal_api.data_summary import DATA, DataSummary
from epochal_api.evaluation import EVALUATION, Evaluation
from epochal_api.signature import CHECK, SIGNATURE, Signature
from epochal_lib.digests import sha256

from tests.kit.jobs import EXAMPLES, digits_file

EPOCHS = 16
PATIENT = {"callback": "EarlyStopping", "monitor": "val_loss", "patience": EPOCHS, "restore_best_weights": True}
GROWING_SCALE = {"name": "LossScaleOptimizer", "inner_optimizer": {"name": "Adam"}, "dynamic_growth_steps": 3}
WORST = {"metric": "loss", "mode": "Max"}
"""Makes the first epoch the best one: its weights must survive all later epochs."""


NETWORK: dict[str, Any] = {
    "inputs": [{"name": "image", "shape": [8, 8, 1]}, {"name": "note", "shape": [], "dtype": "string"}],
    "layers": [
        {"layer": "Rescaling", "scale": 0.0625, "inputs": ["image"]},
        {"layer": "Conv2D", "filters": 16, "kernel_size": 3, "activation": "relu"},
        {"layer": "Flatten"},
        {"layer": "Dropout", "rate": 0.2, "name": "pixels"},
        {
            "layer": "StringLookup",
            "name": "words",
            "max_tokens": 3,
            "output_mode": "one_hot",
            "pad_to_max_tokens": True,
            "inputs": ["note"],
        },
        {"layer": "Reshape", "target_shape": [8, 8], "inputs": ["image"]},
        {"layer": "LSTM", "name": "lstm", "units": 4, "return_state": True},
        {"layer": "Dense", "name": "state", "units": 4, "inputs": ["lstm:1"]},
        {"use": "state", "name": "again", "inputs": ["lstm:2"]},
        {"layer": "Concatenate", "name": "both", "inputs": ["pixels", "words", "state", "again"]},
        {"layer": "Dense", "name": "digit", "units": 10, "activation": "softmax"},
        {"layer": "Dense", "name": "odd", "units": 1, "activation": "sigmoid", "inputs": ["both"]},
    ],
    "outputs": ["digit", "odd"],
    "weights": {"uri": "s3://digits-data/base.keras", "layers": ["digit"]},
}
OUTPUTS = [
    {"name": "digit", "loss": "SparseCategoricalCrossentropy", "metrics": ["accuracy"]},
    {"name": "odd", "loss": "BinaryCrossentropy", "metrics": ["accuracy"], "weight": "0.5"},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kill")
    with np.load(digits_file(path / "data")) as digits:
        arrays: dict[str, Any] = {}
        for part in ("train", "test"):
            images, labels = digits[f"x_{part}"], digits[f"y_{part}"]
            notes = np.where(images.reshape(len(images), -1).mean(axis=1) > 5, "dark", "light")
            named = {"image": images, "note": notes, "digit": labels, "odd": labels % 2}
            arrays |= {f"{name}_{part}": array for name, array in named.items()}
    np.savez(path / "data/digits.npz", **arrays)
    inputs = keras.Input((587,))
    keras.Model(inputs, keras.layers.Dense(10, name="digit")(inputs)).save(path / "data/base.keras")
    return path


def start(folder: Path, results: str, exports: Sequence[str] = (), **training: Any) -> subprocess.Popen[str]:
    document = yaml.safe_load((EXAMPLES / "digits.yaml").read_text())
    document["spec"]["network"] = NETWORK
    del document["spec"]["training"]["loss"], document["spec"]["training"]["metrics"]
    document["spec"]["training"] |= {
        "outputs": OUTPUTS,
        "epochs": EPOCHS,
        "checkpoint": {"everySeconds": 1},
        "callbacks": [PATIENT],
        "monitor": WORST,
        "precision": "mixed_float16",
        "optimizer": GROWING_SCALE,
        "stepsPerEpoch": 19,
        "validationEveryEpochs": 2,
    } | training
    document["spec"]["results"] |= {"exports": [*exports], "evaluation": results == "whole"}
    path = folder / f"{results}.yaml"
    path.write_text(yaml.safe_dump(document))
    command = [sys.executable, "-m", "epochal_trainer", "run", str(path)]
    command += ["--data", str(folder / "data"), "--results", str(folder / results)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    with process:
        output, _ = process.communicate(timeout=300)
    return process.returncode, output


def strike(
    process: subprocess.Popen[str], number: signal.Signals, epoch: int, moment: random.Random
) -> tuple[int, str]:
    """Sends a signal at a random moment after an epoch."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if f"Epoch {epoch:>2}/{EPOCHS}" in line:
            time.sleep(moment.uniform(0, 0.15))
            process.send_signal(number)
            break
    code, rest = end(process)
    return code, "".join(seen) + rest


def of(folder: Path) -> tuple[list[Any], list[list[str]], str]:
    """Returns the results of a training: weights of both models, history without seconds, log."""
    (results,) = (folder / "default/digits").iterdir()
    rows = list(csv.reader((results / "history.csv").read_text().splitlines()))
    models = [keras.saving.load_model(results / name) for name in ("model.keras", "best.keras")]
    weights = [weight for model in models for weight in model.get_weights()]
    return weights, [row[:1] + row[2:] for row in rows], (results / "training.log").read_text()


def models(folder: Path) -> list[dict[str, Any]]:
    """Returns the models in the summary without the digests of their files, which contain the time."""
    (results,) = (folder / "default/digits").iterdir()
    found: list[dict[str, Any]] = json.loads((results / "summary.json").read_text())["models"]
    return [{name: value for name, value in item.items() if name != "sha256"} for item in found]


def test_a_killed_training_ends_like_an_undisturbed_one(folder: Path, moment: random.Random) -> None:
    code, output = strike(start(folder, "killed"), signal.SIGKILL, moment.randint(2, 4), moment)
    assert code == -signal.SIGKILL, output
    code, output = strike(start(folder, "killed"), signal.SIGTERM, moment.randint(6, 8), moment)
    assert code == 143, output
    assert "Resuming from" in output
    code, output = end(start(folder, "killed"))
    assert code == 0, output
    assert "checkpoint of attempt 2)" in output
    code, output = end(start(folder, "whole"))
    assert code == 0, output

    weights, history, _ = of(folder / "whole")
    resumed, same, log = of(folder / "killed")
    for one, other in zip(weights, resumed, strict=True):
        np.testing.assert_array_equal(one, other)
    assert same == history
    (results,) = (folder / "whole/default/digits").iterdir()
    evaluation = Evaluation.model_validate_json((results / EVALUATION).read_bytes())
    assert list(evaluation.outputs or {}) == ["digit", "odd"]
    summary = json.loads((results / "summary.json").read_text())
    assert summary["digests"]["network"] == {"s3://digits-data/base.keras": sha256(folder / "data/base.keras")}
    data = DataSummary.model_validate_json((results / DATA).read_bytes())
    assert {name: array.dtype for name, array in (data.train.inputs or {}).items()} == {
        "image": "uint8",
        "note": "string",
    }
    assert {"digit_loss", "odd_accuracy", "val_odd_loss"} <= {*history[0]}
    assert models(folder / "killed") == models(folder / "whole")
    assert [(model["name"], model["epoch"] == 1) for model in models(folder / "whole")] == [
        ("model.keras", False),
        ("best.keras", True),
    ]
    assert [log.count(f"Epoch {epoch:>2}/{EPOCHS} ") for epoch in range(1, EPOCHS + 1)] == [1] * EPOCHS
    assert log.count("Resuming from") == 2


def test_a_finished_training_can_be_continued(folder: Path) -> None:
    (before,) = (folder / "whole/default/digits").iterdir()
    uri = f"s3://digits-results/default/digits/{before.name}/"
    code, output = end(start(folder, "whole", ["onnx", "savedmodel"], epochs=EPOCHS + 2, continueFrom={"uri": uri}))
    assert code == 0, output
    assert f"Resuming from the end of epoch {EPOCHS}" in output
    (after,) = set((folder / "whole/default/digits").iterdir()) - {before}
    rows = (after / "history.csv").read_text().splitlines()
    assert rows[: EPOCHS + 1] == (before / "history.csv").read_text().splitlines()
    assert len(rows) == EPOCHS + 3
    signature = Signature.model_validate_json((after / SIGNATURE).read_bytes())
    assert [(spec.name, spec.shape, spec.dtype) for spec in signature.inputs] == [
        ("image", [8, 8, 1], "float32"),
        ("note", [], "str"),
    ]
    assert [(spec.name, spec.shape, spec.probabilities) for spec in signature.outputs] == [
        ("digit", [10], True),
        ("odd", [1], True),
    ]
    assert all(files.onnx is not None for files in signature.models)
    with np.load(after / CHECK) as check:
        assert {*check["input:note"].tolist()} == {"dark", "light"}
        assert {check[name].shape for name in ("last:digit", "best:odd")} == {(16, 10), (16, 1)}
