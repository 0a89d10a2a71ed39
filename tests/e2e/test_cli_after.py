"""The commands after a training on the cluster: its log, its results, and predictions through the API server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.kit import buckets
from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import apply, kubectl
from tests.kit.servers import RESOURCES, Server

SECONDS = 240
KEYS, KEY = "keys", "a-key-of-at-least-16"


def epochal(kubeconfig: str, folder: Path, *arguments: str) -> str:
    ended = subprocess.run(
        [str(Path(sys.executable).parent / "epochal"), *arguments],
        cwd=folder,
        env={**os.environ, "KUBECONFIG": kubeconfig, "EPOCHAL_STORAGE_ENDPOINT": buckets.ENDPOINT},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def followed(namespace: Namespace, kubeconfig: str, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The log of a training of two epochs, followed from before its pod existed."""
    namespace.apply(digits(training__epochs=2, training__callbacks=None, results__exports=["onnx"]))
    lines = epochal(kubeconfig, tmp_path_factory.mktemp("work"), "logs", "digits", "--follow").splitlines()
    namespace.complete()
    return lines


def test_the_log_is_the_same_from_the_pod_and_from_the_bucket(
    namespace: Namespace, kubeconfig: str, tmp_path: Path, followed: list[str]
) -> None:
    assert any("Training: 2 epochs" in line for line in followed)
    assert epochal(kubeconfig, tmp_path, "logs", "digits").splitlines() == followed
    kubectl("delete", "pods", "--all", "--namespace", namespace.name, "--wait")
    stored = epochal(kubeconfig, tmp_path, "logs", "digits").splitlines()
    # The pod also has lines of standard error, and those after the trainer has stored its log.
    rest = iter(followed)
    assert all(line in rest for line in stored)
    assert any("Training: 2 epochs" in line for line in stored)


@pytest.mark.usefixtures("followed")
def test_results_are_listed_downloaded_plotted_and_compared(kubeconfig: str, tmp_path: Path) -> None:
    assert "model.keras" in epochal(kubeconfig, tmp_path, "results", "digits")
    epochal(kubeconfig, tmp_path, "results", "digits", "--get", "*.csv", "--out", "got")
    assert len((tmp_path / "got" / "history.csv").read_text().splitlines()) == 3
    assert "val_loss" in epochal(kubeconfig, tmp_path, "plot", "digits")


@pytest.mark.usefixtures("followed")
def test_a_server_with_a_key_answers_through_the_api_server(
    namespace: Namespace, kubeconfig: str, tmp_path: Path
) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": KEYS}, "stringData": {"first": KEY}}
    apply(secret, namespace=namespace.name)
    epochal(kubeconfig, tmp_path, "serve", "digits", "--write-only")
    manifest = yaml.safe_load((tmp_path / "digits-server.yaml").read_text())
    manifest["spec"] |= {"auth": {"secretRef": {"name": KEYS}}, "resources": RESOURCES}
    (tmp_path / "server.yaml").write_text(yaml.safe_dump(manifest))
    assert "digits" in epochal(kubeconfig, tmp_path, "submit", "server.yaml")
    Server(namespace.name, "digits").wait_ready()
    epochal(kubeconfig, tmp_path, "results", "digits", "--get", "check.npz")
    lines = epochal(kubeconfig, tmp_path, "predict", "digits", "check.npz", "--output", "json").splitlines()
    with np.load(tmp_path / "check.npz") as check:
        name = next(name for name in sorted(check.files) if name.startswith(("best:", "last:")))
        expected = check[name]
    answers = [json.loads(line)["outputs"][name.partition(":")[2]]["values"] for line in lines]
    np.testing.assert_allclose(np.array(answers, np.float32), expected, atol=1e-4)
