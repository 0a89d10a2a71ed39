"""Export of networks to ONNX and SavedModel, and a training whose export fails."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest
from epochal_api.pod import SECRET_KEY_ENV
from epochal_api.signature import CHECK, SIGNATURE, ImageSpec, Signature
from epochal_api.storage import ExportFormat
from epochal_api.trainingjob.report import Export
from epochal_lib.digests import sha256
from epochal_trainer.export.exporter import NotLoaded, export
from epochal_trainer.export.request import Request, Source
from epochal_trainer.run import Folders, run
from keras import layers

from .conftest import FEATURES, restored_process
from .test_run import command, job


@pytest.fixture(autouse=True)
def in_float32() -> Iterator[None]:
    yield
    keras.config.set_dtype_policy("float32")


def chain(shape: tuple[int | None, ...], *made: keras.layers.Layer, dtype: str = "float32") -> keras.Model:
    return keras.Sequential([keras.Input(shape, dtype=dtype, name="input"), *made])


def attention() -> keras.Model:
    start = keras.Input((9, 8), name="input")
    mixed = layers.LayerNormalization()(start + layers.MultiHeadAttention(2, 4)(start, start))
    pooled = layers.GlobalAveragePooling1D()(layers.Dense(8, activation="gelu")(mixed))
    return keras.Model(start, layers.Dense(3, activation="softmax")(pooled))


def u_net() -> keras.Model:
    start = keras.Input((16, 16, 3), name="input")
    high = layers.Conv2D(4, 3, padding="same", activation="relu")(start)
    low = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.MaxPooling2D()(high))
    up = [layers.Conv2DTranspose(4, 2, strides=2, padding="same")(low), layers.UpSampling2D()(low)]
    return keras.Model(start, layers.Conv2D(1, 1, activation="sigmoid")(layers.Concatenate()([high, *up])))


def several() -> keras.Model:
    left, right = keras.Input((4,), name="left"), keras.Input((None,), name="right", dtype="int32")
    second = keras.Input((4,), name="second")
    _, _, state = layers.LSTM(3, return_state=True)(layers.Embedding(9, 2)(right))
    shared = layers.Dense(3)
    both = layers.Concatenate()([shared(left), state, shared(second)])
    return keras.Model(
        {"right": right, "left": left, "second": second},
        [layers.Dense(1, name="value")(both), layers.Dense(2, name="more")(both)],
    )


def words() -> keras.Model:
    note, count = keras.Input((), name="note", dtype="string"), keras.Input((), name="count")
    looked_up = layers.StringLookup(vocabulary=["of", "a"], output_mode="one_hot")(note)
    embedded = layers.Flatten()(layers.Embedding(4, 2)(layers.StringLookup(vocabulary=["of", "a"])(note)))
    both = layers.Concatenate()([looked_up, layers.Reshape((1,))(count), embedded])
    return keras.Model([note, count], [layers.Dense(2, name="more")(both), layers.Identity(name="same")(note)])


def two_branches() -> keras.Model:
    start = keras.Input((8, 8, 3))
    fails = layers.Conv2DTranspose(3, 3, strides=2, output_padding=1)(layers.Conv2D(2, 1)(start))
    longer = layers.Conv2D(2, 1)(layers.Conv2D(2, 1)(layers.Conv2D(2, 1)(start)))
    return keras.Model(start, [layers.GlobalMaxPooling2D()(branch) for branch in (fails, longer)])


def augmentation() -> Iterator[keras.layers.Layer]:
    yield layers.RandomFlip()
    for kind in (layers.RandomRotation, layers.RandomZoom, layers.RandomErasing):
        yield kind(0.3)
    yield layers.RandomTranslation(0.2, 0.2)
    for kind in (layers.RandomBrightness, layers.RandomContrast, layers.RandomHue, layers.RandomSharpness):
        yield kind(0.3, value_range=(0, 1)) if kind is not layers.RandomContrast else kind(0.3)
    yield layers.GaussianNoise(0.3)


def policy(name: str, build: Callable[[], keras.Model]) -> keras.Model:
    keras.config.set_dtype_policy(name)
    return build()


def convolutions() -> keras.Model:
    return chain(
        (12, 12, 1),
        layers.RandomRotation(0.1),
        layers.Conv2D(4, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.Flatten(),
        layers.Dense(2, activation="softmax", dtype="float32"),
    )


NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "convolutions": convolutions,
    "gelu": lambda: chain((8,), layers.Dense(4, activation="gelu"), layers.Dense(2, activation="sigmoid")),
    "celu": lambda: chain((8,), layers.Dense(4, activation="celu"), layers.Dense(2)),
    "augmentation": lambda: chain((12, 12, 3), *augmentation(), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(2)),
    "augmentation in a model of its own": lambda: chain(
        (12, 12, 3), chain((12, 12, 3), *augmentation()), layers.Flatten()
    ),
    "LSTM": lambda: chain((9, 4), layers.LSTM(5), layers.Dense(2)),
    "GRU both ways": lambda: chain((None, 4), layers.Bidirectional(layers.GRU(3, dropout=0.2)), layers.Dense(2)),
    "masked": lambda: chain(
        (9,), layers.Embedding(2, 4, mask_zero=True), layers.LSTM(5), layers.Dense(2), dtype="int32"
    ),
    "ConvLSTM": lambda: chain((3, 8, 8, 1), layers.ConvLSTM2D(2, 3), layers.Flatten(), layers.Dense(2)),
    "attention": attention,
    "U-Net": u_net,
    "of any size": lambda: chain((None, None, 1), layers.Conv2D(2, 3), layers.GlobalMaxPooling2D(), layers.Dense(2)),
    "several inputs and outputs": several,
    "normalization": lambda: chain((2,), layers.Normalization(mean=[1, 2], variance=[3, 4]), layers.Dense(2)),
    "buckets": lambda: chain((2,), layers.Discretization([0.3, 0.5]), layers.Embedding(3, 2), layers.Flatten()),
    "numbers looked up": lambda: chain(
        (2,), layers.IntegerLookup(vocabulary=[0, 7]), layers.Embedding(4, 2), layers.Flatten(), dtype="int64"
    ),
    "words looked up": words,
    "antialias": lambda: chain((12, 14, 3), layers.Resizing(5, 7, antialias=True), layers.Flatten(), layers.Dense(2)),
    "bicubic": lambda: chain((6, 6, 3), layers.Resizing(5, 9, interpolation="bicubic"), layers.Flatten()),
    "lanczos": lambda: chain((6, 6, 3), layers.UpSampling2D(interpolation="lanczos3"), layers.Flatten()),
    "mixed_float16": lambda: policy("mixed_float16", convolutions),
    "mixed_bfloat16": lambda: policy("mixed_bfloat16", attention),
    "bfloat16": lambda: policy("bfloat16", convolutions),
    "float64": lambda: policy("float64", convolutions),
}


def exported(
    model: keras.Model, folder: Path, formats: list[ExportFormat] | None = None, image: ImageSpec | None = None
) -> tuple[Export, Path]:
    """Returns the outcome of an export, and the folder of its files."""
    path, out = folder / "model.keras", folder / "out"
    model.save(path)
    keras.config.set_dtype_policy("float32")
    out.mkdir()
    request = Request(
        models=[Source(which="Last", path=path)], formats=formats or ["onnx"], samples=None, image=image, folder=out
    )
    return export(request), out


LARGE = [
    *("convolutions", "gelu", "LSTM", "masked", "attention", "U-Net"),
    *("several inputs and outputs", "words looked up", "mixed_float16"),
]
"""Networks whose weights are also inputs of the graph: with layers that repeat, share weights or have tables."""


@pytest.mark.parametrize(
    ("name", "weights"), [*((name, "small") for name in NETWORKS), *((name, "large") for name in LARGE)]
)
def test_an_onnx_model_answers_as_keras_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, weights: str
) -> None:
    monkeypatch.setattr("epochal_trainer.export.tracing.LARGE_BYTES", 0 if weights == "large" else 2**30)
    outcome, out = exported(NETWORKS[name](), tmp_path)
    assert outcome.reason == "Exported", outcome.message
    signature = Signature.model_validate_json((out / SIGNATURE).read_bytes())
    assert outcome.signature == sha256(out / SIGNATURE)
    (files,) = signature.models
    assert files.keras.sha256 == sha256(tmp_path / "model.keras")
    assert files.onnx is not None
    assert files.onnx.sha256 == sha256(out / "model.onnx") == outcome.exports[0].sha256
    session = onnxruntime.InferenceSession(out / "model.onnx")
    assert [tensor.name for tensor in session.get_inputs()] == [tensor.name for tensor in signature.inputs]
    assert [output.name for output in session.get_outputs()] == [output.name for output in signature.outputs]
    assert all(output.dtype == ("str" if output.name == "same" else "float32") for output in signature.outputs)
    with np.load(out / CHECK) as check:
        inputs = {tensor.name: check[f"input:{tensor.name}"] for tensor in signature.inputs}
        expected = [check[f"last:{output.name}"] for output in signature.outputs]
    for found, wanted in zip(session.run(None, inputs), expected, strict=True):
        if wanted.dtype.kind == "U":
            assert (found == wanted).all()
        else:
            assert np.abs(found - wanted).max() <= signature.tolerance * max(1, np.abs(wanted).max())
    assert {path.name for path in out.iterdir()} == {"model.onnx", SIGNATURE, CHECK}


NOT_CONVERTIBLE: dict[str, tuple[Callable[[], keras.Model], str]] = {
    "no such operation": (
        lambda: chain((2,), layers.Hashing(4), layers.Embedding(4, 2), layers.Flatten(), dtype="int32"),
        "(Hashing) needs TensorFlow's StringToHashBucketFast",
    ),
    "within another model": (
        lambda: chain((2,), chain((2,), layers.Hashing(4), dtype="int32"), layers.Embedding(4, 2), dtype="int32"),
        "(Hashing) needs TensorFlow's StringToHashBucketFast",
    ),
    "not understood": (
        lambda: chain((2000,), layers.MelSpectrogram(fft_length=256), layers.Flatten()),
        "(MelSpectrogram) cannot be converted to ONNX",
    ),
    "not computed": (two_branches, "(Conv2DTranspose) cannot be loaded by ONNX Runtime"),
    "of any size": (
        lambda: chain((None, None, 3), layers.Resizing(7, 5, antialias=True), layers.Flatten(), layers.Dense(2)),
        "(Resizing) cannot be converted to ONNX",
    ),
}


@pytest.mark.parametrize("name", NOT_CONVERTIBLE)
def test_a_layer_without_onnx_is_named(tmp_path: Path, name: str) -> None:
    build, message = NOT_CONVERTIBLE[name]
    outcome, out = exported(build(), tmp_path)
    assert outcome.reason == "NotExportable"
    assert message in outcome.message
    assert str(tmp_path) not in outcome.message
    assert outcome.exports == []
    signature = Signature.model_validate_json((out / SIGNATURE).read_bytes())
    assert signature.models[0].onnx is None, "Keras answers, and by the same signature"
    assert {path.name for path in out.iterdir()} == {SIGNATURE, CHECK}


def test_a_network_with_a_fixed_batch_size_is_not_exported(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input(batch_shape=(4, 5, 3), name="input"), layers.LSTM(3, stateful=True)])
    outcome, out = exported(model, tmp_path)
    assert outcome.reason == "NotExportable"
    assert outcome.message == "'input' has the shape (4, 5, 3), but its first axis must be the batch"
    assert list(out.iterdir()) == []


def test_a_model_with_other_answers_is_not_stored_and_its_layer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(graph: Any, node: Any, name: str, _: object) -> None:
        (taken,), outputs = node.input, list(node.output)
        dtype, shape = graph.get_dtype(outputs[0]), graph.get_shape(outputs[0])
        graph.remove_node(node.name)
        graph.make_node("Tanh", [taken], outputs=outputs, name=name, dtypes=[dtype], shapes=[shape])

    monkeypatch.setattr("epochal_trainer.export.operations._erfc", wrong)
    model = chain(
        (8,), layers.Dense(4), layers.Dense(4, activation="gelu", name="second"), layers.Dense(2, name="last")
    )
    outcome, out = exported(model, tmp_path)
    assert outcome.reason == "ExportDiffers"
    assert outcome.message.startswith('model.onnx: output "last": differs by ')
    assert outcome.message.endswith(", first in the layer 'second' (Dense)")
    assert not (out / "model.onnx").exists()


@pytest.mark.parametrize("name", ["convolutions", "several inputs and outputs", "words looked up", "mixed_bfloat16"])
def test_a_saved_model_answers_as_keras_does(tmp_path: Path, name: str) -> None:
    outcome, _ = exported(NETWORKS[name](), tmp_path, ["savedmodel"])
    assert outcome.reason == "Exported", outcome.message
    assert [item.name for item in outcome.exports] == ["model.savedmodel.zip"]


def test_the_signature_describes_the_image_and_the_output(tmp_path: Path) -> None:
    image = ImageSpec(height=12, width=12, channels=1, lowest=0, highest=255)
    _, out = exported(convolutions(), tmp_path, image=image)
    signature = Signature.model_validate_json((out / SIGNATURE).read_bytes())
    assert (signature.probabilities, signature.image, signature.classes) == (True, image, None)
    with np.load(out / CHECK) as check:
        assert check["input:input"].max() > 200


@pytest.mark.parametrize("damage", [b"", b"no zip", None])
def test_a_model_that_keras_cannot_load_is_not_exported(tmp_path: Path, damage: bytes | None) -> None:
    path = tmp_path / "model.keras"
    convolutions().save(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if damage is None else damage)
    request = Request(
        models=[Source(which="Last", path=path)], formats=["onnx"], samples=None, image=None, folder=tmp_path
    )
    with pytest.raises(NotLoaded, match=r"Keras cannot load model\.keras: "):
        export(request)


def test_the_innermost_error_of_keras_is_reported(tmp_path: Path) -> None:
    # Keras 3.15 stores a range of RandomShear that it refuses when it reads it back.
    with pytest.raises(NotLoaded) as raised:
        exported(chain((12, 12, 3), layers.RandomShear(0.3), layers.Flatten()), tmp_path)
    assert str(raised.value).startswith("Keras cannot load model.keras: The `factor` argument should be a number")


RESULTS = "results/models/lab/tiny/1"


def trained(folder: Path, document: dict[str, Any]) -> Path:
    """Trains in this process, and returns the folder of results."""
    document["metadata"]["uid"] = "1"
    command(folder, document)
    with restored_process():
        assert run(folder / "job.yaml", Folders(folder / "data", folder / "results")) == 0
    return folder / RESULTS


def train(folder: Path, document: dict[str, Any]) -> tuple[Path, "subprocess.Popen[str]"]:
    """Starts a training, and returns the folder of its results, which does not exist yet, and the process."""
    document["metadata"]["uid"] = "1"
    folders = ["--data", str(folder / "data"), "--results", str(folder / "results")]
    process = subprocess.Popen(
        [*command(folder, document), *folders], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return folder / RESULTS, process


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    with process:
        output, _ = process.communicate(timeout=300)
    return process.returncode, output


def summary(results: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((results / "summary.json").read_text())
    return found


def exporting_job(**spec: Any) -> dict[str, Any]:
    return job(results={"bucket": "results", "prefix": "models", "evaluation": False}, **spec)


BEST_FIRST: dict[str, Any] = {
    "training": {
        "epochs": 3,
        "loss": "SparseCategoricalCrossentropy",
        "monitor": {"metric": "loss", "mode": "Max"},
    }
}


def test_a_training_exports_each_model_with_a_signature(folder: Path) -> None:
    results = trained(folder, exporting_job(**BEST_FIRST))
    signature = Signature.model_validate_json((results / SIGNATURE).read_bytes())
    assert [(tensor.name, tensor.shape, tensor.dtype) for tensor in signature.inputs] == [("input", [6], "float32")]
    assert [(output.name, output.shape) for output in signature.outputs] == [("dense_1", [2])]
    assert (signature.probabilities, signature.image) == (True, None)
    assert [(item.model, item.keras.name, item.onnx and item.onnx.name) for item in signature.models] == [
        ("Last", "model.keras", "model.onnx"),
        ("Best", "best.keras", "best.onnx"),
    ]
    for item in signature.models:
        assert item.onnx is not None
        assert item.keras.sha256 == sha256(results / item.keras.name)
        assert item.onnx.sha256 == sha256(results / item.onnx.name)
        (answers,) = onnxruntime.InferenceSession(results / item.onnx.name).run(None, {"input": FEATURES})
        model = keras.saving.load_model(results / item.keras.name)
        assert np.abs(answers - model.predict(FEATURES, verbose=0)).max() < 1e-5
    with np.load(results / CHECK) as check:
        assert sorted(check) == ["best:dense_1", "input:input", "last:dense_1"]
        assert (check["input:input"] == FEATURES[72:][np.linspace(0, 17, 16).astype(int)]).all(), (
            "of the validation set"
        )
        assert np.abs(check["best:dense_1"] - check["last:dense_1"]).max() > 1e-4
    export_summary = summary(results)["export"]
    assert (export_summary["reason"], export_summary["signature"]) == ("Exported", sha256(results / SIGNATURE))
    assert [item["name"] for item in export_summary["exports"]] == ["model.onnx", "best.onnx"]
    assert all(item["difference"] < 1e-5 for item in export_summary["exports"])
    assert "Exported: model.onnx has the same outputs as Keras" in (results / "training.log").read_text()
    assert not (results / "attempts/exporting").exists()


@pytest.mark.parametrize("why", ["not wanted", "more to come"])
def test_without_exports_or_before_the_last_part_nothing_is_exported(folder: Path, why: str) -> None:
    document = exporting_job()
    document["spec"]["results"]["evaluation"] = why == "more to come"
    if why == "not wanted":
        document["spec"]["results"]["exports"] = []
    else:
        document["spec"]["training"]["stopAfterEpoch"] = 1
    results = trained(folder, document)
    assert summary(results)["export"] is None
    assert not list(results.glob("*.onnx"))
    assert not list(results.glob("evaluation.json"))
    signature = Signature.model_validate_json((results / SIGNATURE).read_bytes())
    assert [model.keras.sha256 for model in signature.models] == [sha256(results / "model.keras")]


def test_a_network_without_onnx_is_trained(folder: Path) -> None:
    untold = {"layer": "Conv2DTranspose", "filters": 2, "kernel_size": 3, "strides": 2, "output_padding": 1}
    last = {"layer": "Dense", "units": 2, "activation": "softmax"}
    made: list[Any] = [{"layer": "Reshape", "target_shape": [2, 3, 1]}, untold, {"layer": "Flatten"}, last]
    network = {"input": {"shape": [6]}, "layers": made}
    results = trained(folder, exporting_job(network=network))
    export_summary = summary(results)["export"]
    assert export_summary["reason"] == "NotExportable"
    assert "model.onnx: the layer 'conv2dtranspose_1' (Conv2DTranspose) " in export_summary["message"]
    signature = Signature.model_validate_json((results / SIGNATURE).read_bytes())
    assert signature.models[0].onnx is None


def exporting(results: Path, process: "subprocess.Popen[str]") -> int:
    """Waits for the process that exports, and returns its id."""
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            with suppress(FileNotFoundError):
                if Path(f"/proc/{child}/cwd").readlink().name.startswith("export-"):  # it has its request
                    return int(child)
        time.sleep(0.01)
    raise AssertionError(process.stdout and process.stdout.read())


def test_a_killed_export_process_fails_the_export_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_KEY_ENV, "secret-of-the-storage")
    results, process = train(folder, exporting_job())
    pid = exporting(results, process)
    child, end = Path(f"/proc/{pid}"), time.monotonic() + 20
    while (score := (child / "oom_score_adj").read_text().strip()) != "1000" and time.monotonic() < end:
        time.sleep(0.01)
    environment, command_line = (child / "environ").read_text(), (child / "cmdline").read_text()
    os.kill(pid, signal.SIGKILL)
    code, output = ended(process)
    assert code == 0, output
    assert score == "1000"
    assert "secret-of-the-storage" not in environment
    assert "epochal_trainer.export" not in command_line, "it imports TensorFlow again"
    export_summary = summary(results)["export"]
    assert export_summary["reason"] == "ExportFailed"
    assert "the export process was killed by signal 9" in export_summary["message"]
    assert (results / "model.keras").exists()
    assert Signature.model_validate_json((results / SIGNATURE).read_bytes()).models[0].onnx is None
    assert not (results / "attempts/exporting").exists()


@pytest.mark.parametrize(("backoff_limit", "reason"), [(3, "Exported"), (1, "ExportFailed")])
def test_an_attempt_after_a_killed_export(folder: Path, backoff_limit: int, reason: str) -> None:
    document = exporting_job(backoffLimit=backoff_limit)
    results, process = train(folder, document)
    child = exporting(results, process)
    process.kill()
    assert ended(process)[0] == -signal.SIGKILL
    end = time.monotonic() + 20
    while Path(f"/proc/{child}").exists():
        assert time.monotonic() < end, "it ends with its trainer"
        time.sleep(0.01)
    assert not (results / "summary.json").exists()
    results = trained(folder, document)
    export_summary = summary(results)["export"]
    assert export_summary["reason"] == reason
    signature = Signature.model_validate_json((results / SIGNATURE).read_bytes())
    assert (signature.models[0].onnx is not None) == (reason == "Exported")
    if reason == "ExportFailed":
        assert export_summary["message"].startswith("an earlier attempt ended during the export")
