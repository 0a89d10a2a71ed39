"""The commands in the documents that need no cluster work."""

import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from epochal_trainer.data.formats.npz_choice import choose_arrays
from PIL import Image

from tests.kit.documents import Block, blocks, run
from tests.kit.s3_server import Service

SECONDS = 150
KEY = "vision/digits/5f0c6a52/model.keras"
DATA, MODELS = "docs/data.md", "docs/models.md"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the README was followed, where it needs no cluster."""
    folder = tmp_path_factory.mktemp("trained")
    run(blocks("README.md", "sh", under="Try a TrainingJob in two minutes, without a cluster"), folder, timeout=SECONDS)
    return folder


@pytest.fixture
def service(trained: Path) -> Iterator[Service]:
    """A storage with the model in it, as a training on a cluster would leave it."""
    service = Service()
    (model,) = trained.rglob("model.keras")
    service.put(KEY, model.read_bytes())
    service.put(KEY.replace("model.keras", "training.log"), b"Epoch 1/8\n")
    service.put(KEY.replace("model.keras", "evaluation.json"), model.with_name("evaluation.json").read_bytes())
    yield service
    service.stop()


def followed(parts: list[Block], service: Service, folder: Path, trained: Path) -> list[str]:
    """Runs blocks that use a storage at localhost:9000."""
    (folder / "data").symlink_to(trained / "data")
    there = [part._replace(text=part.text.replace("localhost:9000", f"127.0.0.1:{service.port}")) for part in parts]
    assert there != parts
    folder_uri = f"s3://digits-results/{KEY}"
    return run(
        there,
        folder,
        timeout=SECONDS,
        AWS_ACCESS_KEY_ID="reader",
        AWS_SECRET_ACCESS_KEY="not-a-secret",
        MODEL=folder_uri,
        LOG=folder_uri.replace("model.keras", "training.log"),
    )


def test_a_training_needs_no_cluster(trained: Path) -> None:
    expected = {"model.keras", "history.csv", "training.log", "evaluation.json", "confusion.png", "mistakes.png"}
    assert expected <= {file.name for file in trained.rglob("results/**/*")}


def test_the_data_are_uploaded(service: Service, trained: Path, tmp_path: Path) -> None:
    followed(blocks(DATA, "python", under="Upload to the bucket: minio, aws, mc"), service, tmp_path, trained)
    assert service.objects["digits.npz"] == (trained / "data/digits.npz").read_bytes()
    made = [asked for asked in service.asked if asked.method == "PUT" and not asked.key]
    assert len(made) == 1


def test_a_model_predicts(service: Service, trained: Path, tmp_path: Path) -> None:
    (printed,) = followed(blocks(MODELS, "python", under="Predict with Keras"), service, tmp_path, trained)
    predicted = [int(digit) for digit in re.findall(r"\d", printed)]
    assert (predicted == np.load(trained / "data/digits.npz")["y_test"]).mean() > 0.9


def test_the_misread_samples_are_found(service: Service, trained: Path, tmp_path: Path) -> None:
    there = blocks(MODELS, "python", under="Why does the model misread samples?")
    (printed,) = followed(there, service, tmp_path, trained)
    accuracy, *mistakes = printed.strip().splitlines()
    assert float(accuracy) > 0.9
    labels = np.load(trained / "data/digits.npz")["y_test"]
    for mistake in mistakes:
        source, row, label, *_ = mistake.split()
        assert (source, labels[int(row)]) == ("digits.npz[x_test]", int(label))


def test_a_model_is_shared_by_a_presigned_url(service: Service, trained: Path, tmp_path: Path) -> None:
    (printed,) = followed(blocks(MODELS, "python", under="Presigned URL: share a model"), service, tmp_path, trained)
    with urllib.request.urlopen(printed.strip()) as answer:
        assert answer.read() == service.objects[KEY]
    assert "X-Amz-Expires=86400" in printed


def test_a_log_is_read(service: Service, trained: Path, tmp_path: Path) -> None:
    (printed,) = followed(blocks(MODELS, "python", under="Read the log"), service, tmp_path, trained)
    assert printed.strip() == "Epoch 1/8"


def test_data_json_is_read(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "results").symlink_to(trained / "results")
    parts = blocks(DATA, "python", under="data.json: ranges, classes and equal samples")
    (printed,) = run(parts, tmp_path, timeout=SECONDS)
    assert "test 359 samples from 0.0 to 16.0" in printed
    (log,) = trained.rglob("training.log")
    assert "Warning, " not in log.read_text()


def test_arrays_tables_and_folders_of_images_become_npz(tmp_path: Path) -> None:
    for name in ("cats", "dogs"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (40, 50), (number, 0, 0)).save(tmp_path / "pictures" / name / f"{number}.png")
    (tmp_path / "flowers.csv").write_text("length,width,class\n5.5,2.25,0\n6.5,3,2\n")
    run(blocks(DATA, "python", under="Arrays to npz"), tmp_path, timeout=SECONDS)
    iris, flowers, pictures = (np.load(tmp_path / f"{name}.npz") for name in ("iris", "flowers", "pictures"))
    assert (flowers["x"].tolist(), flowers["y"].tolist()) == ([[5.5, 2.25], [6.5, 3.0]], [0, 2])
    for role in ("train", "test"):
        features, labels = choose_arrays(iris, role, "iris.npz").required
        assert features.endswith(role)
        assert len(iris[features]) == len(iris[labels])
    assert (iris["x_train"].shape, iris["x_test"].shape) == ((120, 4), (30, 4))
    features, labels = choose_arrays(pictures, "train", "pictures.npz").required
    assert (pictures[features].shape, pictures[features].dtype) == ((6, 32, 32, 3), np.uint8)
    assert pictures["class_names"].tolist() == ["cats", "dogs"]
    assert sorted(pictures[labels]) == [0, 0, 0, 1, 1, 1]
