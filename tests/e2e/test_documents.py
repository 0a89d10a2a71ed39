"""The commands in the documents work, from data in a bucket to a model that predicts."""

import re
import shlex
import subprocess
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

import numpy as np
import pytest

from tests.kit.buckets import SECRET
from tests.kit.documents import blocks, run_by_heading
from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import kubectl, port_forward, wait

SECONDS = 480
pytestmark = pytest.mark.timeout(SECONDS + 120)
README, DATA, MODELS = "README.md", "docs/data.md", "docs/models.md"
FIRST = "A first TrainingJob"
REACH = "Reach MinIO from a laptop"
PAGES = [
    *blocks(DATA, "sh", under=REACH),
    *blocks(DATA, "sh", "python", under="Upload to the bucket: minio, aws, mc"),
    *blocks(README, "sh", under=FIRST),
    *blocks("docs/status.md", "sh"),
    *blocks(MODELS, "sh", "python"),
]
"""In the order in which a newcomer reads them."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("newcomer")


@pytest.fixture(scope="module")
def printed(namespace: Namespace, kubeconfig: str, folder: Path) -> dict[str, str]:
    """The output of all blocks, by the heading above them."""
    kubectl("delete", "secret", SECRET, "--namespace", namespace.name)
    return run_by_heading(PAGES, folder, timeout=SECONDS, KUBECONFIG=kubeconfig)


def test_the_first_training_completes(printed: dict[str, str]) -> None:
    assert printed[FIRST].count("trainingjob.epochal.dev/digits condition met") == 2
    assert "Completed" in printed[FIRST]
    assert "condition met" in printed["In scripts"]


def test_the_model_predicts(printed: dict[str, str], folder: Path) -> None:
    predicted = [int(digit) for digit in re.findall(r"\d", printed["Predict with Keras"])]
    assert (predicted == np.load(folder / "data/digits.npz")["y_test"]).mean() > 0.9


def test_the_evaluation_names_the_misread_samples(printed: dict[str, str]) -> None:
    accuracy, *mistakes = printed["Why does the model misread samples?"].strip().splitlines()
    assert float(accuracy) > 0.9
    assert all(re.fullmatch(r"digits\.npz\[x_test\] \d+ \d read as \d", mistake) for mistake in mistakes)


def test_the_model_answers_without_keras(printed: dict[str, str]) -> None:
    difference, message = printed["ONNX and SavedModel"].strip().splitlines()
    assert float(difference.split()[-1]) < 1e-4
    assert message.startswith("model.onnx has the same outputs as Keras")


def test_the_model_is_shared_by_a_presigned_url(printed: dict[str, str], folder: Path) -> None:
    def fetched() -> bytes:
        try:
            with urllib.request.urlopen(printed["Presigned URL: share a model"].strip()) as answer:
                return bytes(answer.read())
        except HTTPError:
            raise
        except OSError:
            return b""  # Nothing listens there yet.

    with port_forward("minio", "minio", "9000"):
        assert wait("the address", fetched, seconds=30) == (folder / "model.keras").read_bytes()


def test_runs_are_listed_with_the_best_first(printed: dict[str, str]) -> None:
    header, *rows = printed["Compare runs"].partition("NAME")[2].splitlines()
    assert header.split() == ["STATE", "RATE", "BATCH", "EPOCH", "METRIC", "ACCURACY", "BEST"]
    assert [row.split()[:4] for row in rows] == [
        ["digits", "Complete", "0.003", "32"],
        ["digits-slow", "Complete", "0.0001", "32"],
    ]


def test_the_log_is_read_from_the_results(printed: dict[str, str], namespace: Namespace) -> None:
    assert "Epoch 1/8" in printed["Read the log"]
    assert printed["Read the log"].splitlines()[-1] == namespace.status()["results"]["log"]


def test_kubectl_wait_ends_for_a_failed_training_too(printed: dict[str, str], namespace: Namespace) -> None:
    namespace.apply(digits("wrong", data__train={"object": "digits.npy"}))
    lines = "".join(part.text for part in blocks(README, "sh", under=FIRST)).splitlines()
    waits = [line.replace("tj/digits", "tj/wrong") for line in lines if line.startswith("kubectl wait ")]
    commands = [[*shlex.split(line, comments=True), "--namespace", namespace.name] for line in waits]
    assert [subprocess.run(command, check=False, timeout=180).returncode for command in commands] == [0, 1]
    assert namespace.status("wrong")["state"] == "Failed"
