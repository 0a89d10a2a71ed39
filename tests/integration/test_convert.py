"""The init container of a ModelServer converts a .keras in a bucket to ONNX, or writes the reason why it cannot."""

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
from epochal_lib.model_server.errors import ServeError
from epochal_server.model.runtimes.keras import Keras
from epochal_server.model.runtimes.keras import load as load_keras
from epochal_server.model.runtimes.onnx import load
from epochal_trainer.convert import run
from epochal_trainer.export import process
from epochal_trainer.export.exporter import export
from epochal_trainer.export.request import Request
from epochal_trainer.export.request import Source as Model
from epochal_trainer.export.samples import write
from keras import layers

from tests.kit.s3_server import Service

pytestmark = pytest.mark.usefixtures("logs_as_before")
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
def termination_log(tmp_path: Path) -> Path:
    path = tmp_path / "termination-log"
    path.touch()
    return path


def network(*more: keras.layers.Layer) -> keras.Model:
    last = layers.Dense(3, activation="softmax", name="classes")
    return keras.Sequential([keras.Input((8, 8, 1), name="input"), *more, layers.Conv2D(2, 3), layers.Flatten(), last])


def stored(service: Service, model: keras.Model, folder: Path) -> bytes:
    path = folder / "stored.keras"
    model.save(path)
    service.put("vision/digits/1/model.keras", content := path.read_bytes())
    return content


def server_config(service: Service, content: bytes, folder: Path, **changes: Any) -> Path:
    """Writes the configuration of the server."""
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


def test_a_converted_model_answers_as_keras_does(service: Service, tmp_path: Path, termination_log: Path) -> None:
    model = network(layers.RandomRotation(0.1))
    config, folder = server_config(service, content := stored(service, model, tmp_path), tmp_path), out(tmp_path)
    assert run(config, folder, termination_log) == 0
    assert termination_log.read_text() == ""
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
    runtime = load(found.model, found.signature, 1, has_check=found.check is not None)
    assert check(runtime.run(inputs), expected, found.signature.tolerance) < 1e-5


@keras.saving.register_keras_serializable("OfTheTest")
class Halve(keras.layers.Layer):  # type: ignore[misc]
    """A layer of the code of a training."""

    def call(self, inputs: Any) -> Any:
        return inputs / 2


@keras.saving.register_keras_serializable("OfTheTest")
class Halved(keras.losses.MeanSquaredError):  # type: ignore[misc]
    """A loss of the code of a training."""


def loaded(path: Path, monkeypatch: pytest.MonkeyPatch) -> Keras:
    """Loads a model as a server, which has no classes of the test and sets its threads before TensorFlow starts."""
    with monkeypatch.context() as server:
        for registered in ("OfTheTest>Halve", "OfTheTest>Halved"):
            server.delitem(keras.saving.get_custom_objects(), registered)
        for name in ("intra", "inter"):
            server.setattr(f"tensorflow.config.threading.set_{name}_op_parallelism_threads", lambda _: None)
        return load_keras(path, None, 1, has_check=False)


def test_a_model_with_a_class_of_its_code_names_the_layer(
    service: Service, tmp_path: Path, termination_log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = server_config(service, stored(service, network(Halve(name="halve")), tmp_path), tmp_path)
    folder = out(tmp_path)
    assert run(config, folder, termination_log) == os.EX_DATAERR
    ended = json.loads(termination_log.read_text())
    assert ended["reason"] == "ModelRefused"
    assert "model.keras: the object 'halve' is a Halve, which is not a class of Keras" in ended["message"]
    assert "train with onnx in spec.results.exports" in ended["message"]
    assert list(folder.iterdir()) == []
    twice = layers.Lambda(lambda inputs: 2 * inputs, name="twice")
    for layer, found in ((Halve(name="halve"), "'halve' is a Halve"), (twice, "'twice' is a Lambda with a Python")):
        network(layer).save(tmp_path / "own.keras")
        with pytest.raises(ServeError, match=found) as refused:
            loaded(tmp_path / "own.keras", monkeypatch)
        assert refused.value.reason == "ModelRefused"


def test_a_model_with_a_loss_of_its_code_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()
    model.compile(loss=Halved())
    model.save(tmp_path / "own.keras")
    assert [spec.name for spec in loaded(tmp_path / "own.keras", monkeypatch).outputs] == ["classes"]


FEATURES = np.random.default_rng(0).integers(0, 17, (4, 8, 8, 1)).astype(np.float32)
CLASSES = ["zero", "one", "two"]


def trained(
    service: Service, folder: Path, content: bytes, change: Callable[[Any], Any] = lambda answers: answers
) -> bytes:
    """Stores the signature and the check of a training's best model, with changed answers, and returns the check."""
    samples, beside = folder / "samples.npz", folder / "beside"
    write(samples, {"input": FEATURES})
    beside.mkdir()
    (folder / "best.keras").write_bytes(content)
    models = [Model(which="Best", path=folder / "best.keras")]
    export(Request(models=models, formats=[], samples=samples, image=IMAGE, classes={"digit": CLASSES}, folder=beside))
    with np.load(beside / CHECK) as stored:
        arrays: dict[str, Any] = dict(stored)
    arrays["best:classes"] = change(arrays["best:classes"])
    np.savez(beside / CHECK, **arrays)
    check = (beside / CHECK).read_bytes()
    signature = Signature.model_validate_json((beside / SIGNATURE).read_bytes())
    signature = signature.model_copy(
        update={"check": ExportedFile(name=CHECK, sha256=hashlib.sha256(check).hexdigest())}
    )
    service.put(f"vision/digits/1/{CHECK}", check)
    service.put(f"vision/digits/1/{SIGNATURE}", signature.model_dump_json(exclude_none=True).encode())
    return check


def test_the_signature_of_the_training_is_kept(service: Service, tmp_path: Path, termination_log: Path) -> None:
    content = stored(service, network(), tmp_path)
    check = trained(service, tmp_path, content, lambda answers: answers + 1e-5)
    folder = out(tmp_path)
    assert run(server_config(service, content, tmp_path, model="Best"), folder, termination_log) == 0
    signature = Signature.model_validate_json((folder / SIGNATURE).read_bytes())
    assert (signature.image, signature.classes) == (IMAGE, CLASSES)
    assert [model.model for model in signature.models] == ["Best"]
    assert (folder / CHECK).read_bytes() == check
    assert signature.check is not None
    assert signature.check.sha256 == hashlib.sha256(check).hexdigest()


def test_a_keras_that_answers_otherwise_than_in_the_training_converts_nothing(
    service: Service, tmp_path: Path, termination_log: Path
) -> None:
    content = stored(service, network(), tmp_path)
    trained(service, tmp_path, content, lambda answers: np.roll(answers, 1, axis=1))
    folder = out(tmp_path)
    assert run(server_config(service, content, tmp_path, model="Best"), folder, termination_log) == 65
    left = json.loads(termination_log.read_text())
    assert left["reason"] == "CheckDiffers"
    assert left["message"].startswith('s3://bucket/vision/digits/1/model.keras: output "classes": differs by')
    assert list(folder.iterdir()) == []


def test_a_network_without_onnx_is_reported_with_the_layer(
    service: Service, tmp_path: Path, termination_log: Path
) -> None:
    model = network(layers.Conv2DTranspose(1, 3, strides=2, output_padding=1))
    config, folder = server_config(service, stored(service, model, tmp_path), tmp_path), out(tmp_path)
    assert run(config, folder, termination_log) == 65
    failure = json.loads(termination_log.read_text())
    assert failure["reason"] == "NotConvertible"
    assert failure["message"].startswith(
        "s3://bucket/vision/digits/1/model.keras: model.onnx: the layer 'conv2d_transpose"
    )
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"program": ("-c", "import os; os.kill(os.getpid(), 11)")}, "the export process was killed by signal 11"),
        ({"free_memory": lambda: 2**20}, "1.0 MB are free"),
    ],
)
def test_a_crashed_conversion_is_not_convertible(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: dict[str, Any], message: str
) -> None:
    (termination_log := tmp_path / "termination-log").touch()
    monkeypatch.setattr(process, "run", partial(process.run, **how))
    config, folder = server_config(service, stored(service, network(), tmp_path), tmp_path), out(tmp_path)
    assert run(config, folder, termination_log) == 65
    left = json.loads(termination_log.read_text())
    assert left["reason"] == "NotConvertible"
    assert message in left["message"]
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
def test_a_missing_model_has_its_reason(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str, code: int
) -> None:
    (termination_log := tmp_path / "termination-log").touch()
    content = stored(service, network(), tmp_path)
    config, folder = server_config(service, content, tmp_path), out(tmp_path)
    match reason:
        case "ModelNotFound":
            service.objects.clear()
        case "ModelDamaged":
            service.put("vision/digits/1/model.keras", content[:-1] + b"?")
        case "ModelRefused":
            service.put("vision/digits/1/model.keras", b"no zip")
            config = server_config(service, b"no zip", tmp_path)
        case "StorageRefused":
            monkeypatch.delenv(ACCESS_KEY_ENV)
        case "StorageUnreachable":
            service.stop()
        case "InvalidConfig":
            config.write_text("{}")
    assert run(config, folder, termination_log, seconds=0.1) == code
    assert json.loads(termination_log.read_text())["reason"] == reason
    assert list(folder.iterdir()) == []
    if reason == "StorageUnreachable":
        service.start()  # which the fixture ends


def test_the_command_reads_the_mounted_files(service: Service, tmp_path: Path) -> None:
    config, folder = server_config(service, stored(service, network(), tmp_path), tmp_path), out(tmp_path)
    command = [sys.executable, "-m", "epochal_trainer", "convert", "--config", str(config), "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=170, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in folder.iterdir()} == {"model.onnx", SIGNATURE, CHECK}
    lines = [json.loads(line)["message"] for line in done.stderr.splitlines() if line.startswith("{")]
    assert any("model.onnx has the same outputs as Keras" in line for line in lines)
