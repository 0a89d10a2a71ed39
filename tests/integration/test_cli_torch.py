"""Exports to torch give the outputs of Keras, with Debian's PyTorch in its own process."""

import ast
import gzip
import runpy
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from epochal.exporters.torch import export
from epochal_api.trainingjob.spec import TrainingJob, parse
from epochal_trainer.model.network import build

from tests.kit.exported import draw_inputs, draw_weights, outputs_of, run_file
from tests.kit.torch_networks import TRAININGS, all_networks, job

PYTHON = "/usr/bin/python3"
RUNNER = Path(__file__).parents[1] / "kit" / "run_torch.py"
NETWORKS = all_networks()


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[list[Any], list[Any]]]:
    """The outputs of Keras and of torch for each network."""
    folder = tmp_path_factory.mktemp("torch")
    expected = {}
    for name, network in NETWORKS.items():
        training_job = parse(job(network))
        assert training_job.spec.network is not None
        model = build(training_job.spec.network, seed=0, memory=2**32)
        draw_weights(model)
        (folder / name).mkdir()
        for file, content in export(training_job).items():
            (folder / name / file).write_bytes(content)
        convert = run_file((folder / name / "convert.py").read_text())["convert"]
        np.savez(folder / name / "weights.npz", **convert(model))
        inputs = draw_inputs(training_job.spec.network)
        np.savez(folder / name / "inputs.npz", *inputs)
        expected[name] = outputs_of(model, inputs)
    subprocess.run(
        [PYTHON, "-I", str(RUNNER), "outputs", *(str(folder / name) for name in NETWORKS)], check=True, timeout=120
    )
    found = {}
    for name in NETWORKS:
        with np.load(folder / name / "outputs.npz") as arrays:
            found[name] = [arrays[key] for key in arrays.files]
    return {name: (expected[name], found[name]) for name in NETWORKS}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_outputs_are_those_of_keras(name: str, outputs: Mapping[str, tuple[list[Any], list[Any]]]) -> None:
    expected, found = outputs[name]
    assert [each.shape for each in found] == [each.shape for each in expected]
    for left, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-5)


def test_the_converter_reads_a_stored_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training_job = parse(job(NETWORKS["digits"]))
    assert training_job.spec.network is not None
    model = build(training_job.spec.network, seed=0, memory=2**32)
    model.save(tmp_path / "model.keras")
    (tmp_path / "convert.py").write_bytes(export(training_job)["convert.py"])
    monkeypatch.setattr("sys.argv", ["convert.py", str(tmp_path / "model.keras"), str(tmp_path / "weights.npz")])
    runpy.run_path(str(tmp_path / "convert.py"), run_name="__main__")
    with np.load(tmp_path / "weights.npz") as arrays:
        np.testing.assert_array_equal(arrays["dense_9.weight"], model.get_layer("dense_9").get_weights()[0].T)


def samples_of(training_job: TrainingJob, count: int) -> dict[str, Any]:
    """Samples of which the sum of the first input decides the label."""
    draw = np.random.default_rng(3)
    network = training_job.spec.network
    assert network is not None
    arrays: dict[str, Any] = {}
    for item in network.input_list:
        shape = [count, *item.shape]
        drawn = draw.normal(0, 1, shape) if "float" in item.dtype else draw.integers(0, 20, shape)
        arrays[item.name if network.inputs else "x"] = drawn.astype(item.dtype)
    first = next(iter(arrays.values())).reshape(count, -1)
    odd = (first.mean(axis=1) > first.mean()).astype("int64")
    for each in training_job.spec.training.output_list(network.output_names):
        labels = np.eye(3)[odd] if each.loss.name == "CategoricalCrossentropy" else odd
        arrays[each.name if network.outputs else "y"] = labels
    return arrays


def idx(array: np.ndarray[Any, Any], kind: int, dtype: str) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, kind, array.ndim]) + sizes + array.astype(dtype).tobytes()


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[str]]:
    """The lines of the training of each network with settings."""
    folder = tmp_path_factory.mktemp("trainings")
    for name, training in TRAININGS.items():
        document = job(NETWORKS[name], **{"epochs": 4, "batchSize": 16, **training})
        test_set = {"features": "images.gz", "labels": "labels"} if name == "digits" else {"object": "test.npz"}
        document["spec"]["data"] |= {"validation": {"split": "0.25"}, "test": test_set}
        training_job = parse(document)
        (folder / name).mkdir()
        for file, content in export(training_job).items():
            (folder / name / file).write_bytes(content)
        np.savez(folder / name / "data.npz", **samples_of(training_job, 160))
        test = samples_of(training_job, 20)
        np.savez(folder / name / "test.npz", **test)
        if name == "digits":
            (folder / name / "images.gz").write_bytes(gzip.compress(idx(test["x"], 0x0D, ">f4")))
            (folder / name / "labels").write_bytes(idx(test["y"], 0x08, "u1"))
    command = [PYTHON, "-I", str(RUNNER), "train", *(str(folder / name) for name in TRAININGS)]
    subprocess.run(command, check=True, timeout=120)
    return {name: (folder / name / "log.txt").read_text().splitlines() for name in TRAININGS}


@pytest.mark.parametrize("name", TRAININGS)
def test_the_training_script_trains(name: str, logs: Mapping[str, list[str]]) -> None:
    *epochs, test = (ast.literal_eval(line[line.index("{") :]) for line in logs[name])
    assert epochs[-1]["loss"] < epochs[0]["loss"]
    assert {"val_loss"} < set(epochs[-1])
    assert np.isfinite(list(test.values())).all()
