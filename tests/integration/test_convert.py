"""The init container of a ModelServer: from a .keras in a bucket to what the server finds, or to why there is none."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest
from epochal_api.modelserver.config import ServerConfig, Source, StorageConfig
from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV
from epochal_api.signature import CHECK, SIGNATURE, ExportedFile, ImageSpec, Signature
from epochal_lib.model_server import files
from epochal_lib.model_server.answers import check, samples
from epochal_server.model.runtimes.onnx import load
from epochal_trainer.convert import run
from epochal_trainer.export import child
from epochal_trainer.export.exporter import export
from epochal_trainer.export.request import Request
from epochal_trainer.export.request import Source as Model
from epochal_trainer.export.samples import write
from keras import layers

from tests.kit.s3_server import Service

pytestmark = [
    # Keras 3.15 under numpy 2.4: https://numpy.org/devdocs/numpy_2_0_migration_guide.html
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.usefixtures("logs_as_before"),
]
IMAGE = ImageSpec(height=8, width=8, channels=1, lowest=0, highest=16)


@pytest.fixture
def logs_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epochal_trainer.convert.configure", lambda _: None)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv(ACCESS_KEY_ENV, "an-access-key")
    monkeypatch.setenv(SECRET_KEY_ENV, "a/secret+key")
    running = Service()
    yield running
    running.stop()


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "termination-log"
    path.touch()
    return path


def network(*more: keras.layers.Layer) -> keras.Model:
    last = layers.Dense(3, activation="softmax", name="classes")
    return keras.Sequential([keras.Input((8, 8, 1), name="input"), *more, layers.Conv2D(2, 3), layers.Flatten(), last])


def stored(service: Service, model: keras.Model, folder: Path) -> bytes:
    """Stores a model in the bucket, and returns its content."""
    path = folder / "stored.keras"
    model.save(path)
    put(service, "vision/digits/1/model.keras", content := path.read_bytes())
    return content


def put(service: Service, key: str, content: bytes) -> None:
    service.objects[key] = content
    service.etags[key] = hashlib.md5(content, usedforsecurity=False).hexdigest()


def told(service: Service, content: bytes, folder: Path, **changes: Any) -> Path:
    """Writes what a server is told."""
    uri = {"uri": "s3://bucket/vision/digits/1/model.keras", "sha256": hashlib.sha256(content).hexdigest()}
    config = ServerConfig(
        name="digits",
        namespace="vision",
        source=Source(**uri | changes),
        storage=StorageConfig(endpoint=service.endpoint),
        path="model.onnx",
    )
    path = folder / "server.json"
    path.write_text(config.model_dump_json(exclude_defaults=True))
    return path


def out(folder: Path) -> Path:
    made = folder / "model"
    made.mkdir()
    return made


def test_a_model_without_signature_is_converted_as_the_server_takes_it_and_answers_as_keras_does(
    service: Service, tmp_path: Path, words: Path
) -> None:
    model = network(layers.RandomRotation(0.1))
    config, folder = told(service, content := stored(service, model, tmp_path), tmp_path), out(tmp_path)
    assert run(config, folder, words) == 0
    assert words.read_text() == ""
    assert {path.name for path in folder.iterdir()} == {"model.onnx", SIGNATURE, CHECK}
    signature = Signature.model_validate_json((folder / SIGNATURE).read_bytes())
    assert (signature.image, signature.classes, signature.probabilities) == (None, None, True)
    assert signature.models[0].keras.sha256 == hashlib.sha256(content).hexdigest()
    images = np.random.default_rng(0).random((5, 8, 8, 1), np.float32)
    (answers,) = onnxruntime.InferenceSession(folder / "model.onnx").run(None, {"input": images})
    assert np.abs(answers - np.asarray(model(images, training=False))).max() < 1e-5

    read = ServerConfig.model_validate_json(config.read_bytes())
    found = files.converted(folder / read.path, read.source)
    assert found.signature is not None
    assert found.check is not None
    inputs, expected = samples(found.check, found.signature, found.which)
    runtime = load(found.model, found.signature, 1, checked=found.check is not None)
    assert check(runtime.run(inputs), expected, found.signature.tolerance) < 1e-5


FEATURES = np.random.default_rng(0).integers(0, 17, (4, 8, 8, 1)).astype(np.float32)
CLASSES = ["zero", "one", "two"]


def trained(
    service: Service, folder: Path, content: bytes, change: Callable[[Any], Any] = lambda answers: answers
) -> bytes:
    """Stores what a training tells of a model that is its best, and returns the check.

    Args:
        service: Takes it.
        folder: Takes files on the way.
        content: The model.
        change: Makes what Keras answered then out of what it answers now.
    """
    samples, beside = folder / "samples.npz", folder / "beside"
    write(samples, {"input": FEATURES})
    beside.mkdir()
    (folder / "best.keras").write_bytes(content)
    models = [Model(which="Best", path=folder / "best.keras")]
    export(Request(models=models, formats=[], samples=samples, image=IMAGE, classes=CLASSES, folder=beside))
    with np.load(beside / CHECK) as stored:
        arrays: dict[str, Any] = dict(stored)
    arrays["best:classes"] = change(arrays["best:classes"])
    np.savez(beside / CHECK, **arrays)
    check = (beside / CHECK).read_bytes()
    told = Signature.model_validate_json((beside / SIGNATURE).read_bytes())
    told = told.model_copy(update={"check": ExportedFile(name=CHECK, sha256=hashlib.sha256(check).hexdigest())})
    put(service, f"vision/digits/1/{CHECK}", check)
    put(service, f"vision/digits/1/{SIGNATURE}", told.model_dump_json(exclude_none=True).encode())
    return check


def test_what_its_training_told_of_it_goes_on(service: Service, tmp_path: Path, words: Path) -> None:
    content = stored(service, network(), tmp_path)
    check = trained(service, tmp_path, content, lambda answers: answers + 1e-5)
    folder = out(tmp_path)
    assert run(told(service, content, tmp_path, model="Best"), folder, words) == 0
    signature = Signature.model_validate_json((folder / SIGNATURE).read_bytes())
    assert (signature.image, signature.classes) == (IMAGE, CLASSES)
    assert [one.model for one in signature.models] == ["Best"]
    assert (folder / CHECK).read_bytes() == check
    assert signature.check is not None
    assert signature.check.sha256 == hashlib.sha256(check).hexdigest()


def test_a_keras_that_answers_otherwise_than_in_the_training_converts_nothing(
    service: Service, tmp_path: Path, words: Path
) -> None:
    content = stored(service, network(), tmp_path)
    trained(service, tmp_path, content, lambda answers: np.roll(answers, 1, axis=1))
    folder = out(tmp_path)
    assert run(told(service, content, tmp_path, model="Best"), folder, words) == 65
    left = json.loads(words.read_text())
    assert left["reason"] == "CheckDiffers"
    assert left["message"].startswith('s3://bucket/vision/digits/1/model.keras: output "classes": differs by')
    assert list(folder.iterdir()) == []


def test_what_has_no_onnx_is_told_with_the_layer(service: Service, tmp_path: Path, words: Path) -> None:
    model = network(layers.Conv2DTranspose(1, 3, strides=2, output_padding=1))
    config, folder = told(service, stored(service, model, tmp_path), tmp_path), out(tmp_path)
    assert run(config, folder, words) == 65
    said = json.loads(words.read_text())
    assert said["reason"] == "NotConvertible"
    assert said["message"].startswith(
        "s3://bucket/vision/digits/1/model.keras: model.onnx: the layer 'conv2d_transpose"
    )
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"program": ("-c", "import os; os.kill(os.getpid(), 11)")}, "its process was killed by signal 11"),
        ({"left": lambda: 2**20}, "1.0 MB of memory are left for the export"),
    ],
)
def test_whatever_the_conversion_dies_of_keras_may_serve_the_model(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: dict[str, Any], said: str
) -> None:
    (words := tmp_path / "termination-log").touch()
    monkeypatch.setattr(child, "run", partial(child.run, **how))
    config, folder = told(service, stored(service, network(), tmp_path), tmp_path), out(tmp_path)
    assert run(config, folder, words) == 65
    left = json.loads(words.read_text())
    assert left["reason"] == "NotConvertible"
    assert said in left["message"]
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("ModelNotFound", 65),
        ("ModelDamaged", 65),
        ("ModelRefused", 65),
        ("StorageRefused", 77),
        ("StorageUnreachable", 69),
        ("InvalidConfig", 64),
    ],
)
def test_why_there_is_no_model_is_told(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str, code: int
) -> None:
    (words := tmp_path / "termination-log").touch()
    content = stored(service, network(), tmp_path)
    config, folder = told(service, content, tmp_path), out(tmp_path)
    match reason:
        case "ModelNotFound":
            service.objects.clear()
        case "ModelDamaged":
            put(service, "vision/digits/1/model.keras", content[:-1] + b"?")
        case "ModelRefused":
            put(service, "vision/digits/1/model.keras", b"no zip")
            config = told(service, b"no zip", tmp_path)
        case "StorageRefused":
            monkeypatch.delenv(ACCESS_KEY_ENV)
        case "StorageUnreachable":
            service.stop()
        case "InvalidConfig":
            config.write_text("{}")
    assert run(config, folder, words, seconds=0.1) == code
    assert json.loads(words.read_text())["reason"] == reason
    assert list(folder.iterdir()) == []
    if reason == "StorageUnreachable":
        service.start()  # which the fixture ends


def test_the_command_reads_what_the_operator_mounts(service: Service, tmp_path: Path) -> None:
    config, folder = told(service, stored(service, network(), tmp_path), tmp_path), out(tmp_path)
    command = [sys.executable, "-m", "epochal_trainer", "convert", "--config", str(config), "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=170, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in folder.iterdir()} == {"model.onnx", SIGNATURE, CHECK}
    lines = [json.loads(line)["message"] for line in done.stderr.splitlines() if line.startswith("{")]
    assert any("model.onnx answers as Keras does" in line for line in lines)
