"""`epochal export` and `epochal import` of a training in the cluster: its files compute the same, and train again."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
import yaml

from tests.kit import buckets, jobs
from tests.kit.jobs import DIGITS, Namespace
from tests.unit.cli.commands import epochal

RUNNER = Path(__file__).parents[1] / "kit" / "run_torch.py"
CHANGES: dict[str, Any] = {"training__epochs": 1, "training__callbacks": None}


@pytest.fixture(scope="module")
def variables(kubeconfig: str) -> dict[str, str]:
    """The variables of a user outside the cluster."""
    access_key, secret_key = buckets.credentials()
    return {
        "KUBECONFIG": kubeconfig,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_ENDPOINT_URL_S3": buckets.ENDPOINT,
    }


@pytest.fixture(scope="module")
def trained(namespace: Namespace, variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with model.onnx and model.keras of a training with the name `small`."""
    namespace.apply(jobs.digits(name="small", **CHANGES, results__exports=["onnx"]))
    namespace.complete("small")
    folder = tmp_path_factory.mktemp("trained")
    result = epochal("export", "small", "--to", "onnx", folder=folder, variables=variables)
    assert result == (0, f"{folder}/model.onnx\n", "")
    result = epochal("results", "small", "--get", "model.keras", "--out", ".", folder=folder, variables=variables)
    assert result.exit_code == 0, result.errors
    return folder


@pytest.mark.usefixtures("trained")
def test_a_script_trains_with_the_bucket(variables: dict[str, str], tmp_path: Path) -> None:
    result = epochal("export", "small", "--to", "keras", folder=tmp_path, variables=variables)
    assert result == (0, f"{tmp_path}/small.py\n", "")
    ended = subprocess.run(
        [sys.executable, "small.py"],
        cwd=tmp_path,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "model.keras").exists()


def test_the_outputs_of_each_target_are_equal(trained: Path, variables: dict[str, str], tmp_path: Path) -> None:
    torch, caffe = tmp_path / "torch", tmp_path / "caffe"
    for folder, weights in ((torch, "weights.npz"), (caffe, "net.caffemodel")):
        folder.mkdir()
        target = folder.name
        result = epochal("export", "small", "--to", target, "-o", target, folder=tmp_path, variables=variables)
        assert result.exit_code == 0, result.errors
        command = [sys.executable, str(folder / "convert.py"), str(trained / "model.keras"), str(folder / weights)]
        subprocess.run(command, check=True, timeout=180)

    images = np.random.default_rng(0).integers(0, 16, (1, 8, 8, 1)).astype("float32")
    session = onnxruntime.InferenceSession(str(trained / "model.onnx"))
    (expected,) = session.run(None, {session.get_inputs()[0].name: images})
    assert expected.shape == (1, 10)

    np.savez(torch / "inputs.npz", images)
    subprocess.run(["/usr/bin/python3", "-I", str(RUNNER), "outputs", str(torch)], check=True, timeout=60)
    with np.load(torch / "outputs.npz") as arrays:
        np.testing.assert_allclose(arrays["arr_0"], expected, atol=1e-5)

    network = cv2.dnn.readNetFromCaffe(str(caffe / "deploy.prototxt"), str(caffe / "net.caffemodel"))
    network.setInput(np.moveaxis(images, -1, 1).copy())
    np.testing.assert_allclose(network.forward(), expected, atol=1e-5)


def test_an_imported_model_is_trained_with_its_weights(
    namespace: Namespace, trained: Path, variables: dict[str, str], tmp_path: Path
) -> None:
    uri, path = f"s3://{DIGITS['spec']['data']['bucket']}/imported.weights.h5", tmp_path / "imported.yaml"
    command = ("import", str(trained / "model.keras"), "--name", "imported", "-o", path.name, "--upload", uri)
    result = epochal(*command, folder=tmp_path, variables=variables)
    assert result.exit_code == 0, result.errors
    job = yaml.safe_load(path.read_text())
    job["spec"] = jobs.digits(**CHANGES, network=job["spec"]["network"])["spec"]
    path.write_text(yaml.safe_dump(job))
    result = epochal("submit", path.name, folder=tmp_path, variables=variables)
    assert result.exit_code == 0, result.errors
    namespace.complete("imported")
    result = epochal("logs", "imported", folder=tmp_path, variables=variables)
    assert f"Initial weights: {uri}" in result.output, result.errors
