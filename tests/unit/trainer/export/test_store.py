"""Files that are stored after an export. No error fails the training."""

import errno
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.signature import ExportedFile, Signature, TensorSpec
from epochal_api.trainingjob.network import INPUT
from epochal_api.trainingjob.report import Export, ExportedModel
from epochal_trainer.data.samples import OUTPUT, Samples, SourceArray
from epochal_trainer.data.training_data import TrainingData
from epochal_trainer.export.request import Request
from epochal_trainer.export.samples import read
from epochal_trainer.export.store import export_models, store_signature
from epochal_trainer.lib.failures import Failure, refused_failure, superseded_failure
from epochal_trainer.lib.signals import TerminationRequest
from epochal_trainer.reporting.results import EXPORTING, Results
from epochal_trainer.storage import FolderBucket

Work = Callable[[Request], Export]
SHA256 = "0" * 64
FORMS = [
    ExportedModel(name=f"{name}.onnx", model=which, format="onnx", sha256=SHA256)
    for name, which in (("model", "Last"), ("best", "Best"))
]
TRAIN = Samples.single(np.full((40, 2, 2, 1), 7, np.uint8), np.zeros(40), "x", "y")
VALIDATION = Samples.single(np.arange(120, dtype=np.uint8).reshape(30, 2, 2, 1), np.zeros(30), "x", "y")


def exported(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    work: Work,
    check: Callable[[], None] = lambda: None,
    *,
    has_retry: bool = True,
    data: TrainingData | None = None,
) -> tuple[Export, Path]:
    """Return the outcome of an export, and the folder of its results."""
    monkeypatch.setattr("epochal_trainer.export.process.run", lambda request, *_: work(request))
    scratch, bucket = folder / "scratch", folder / "bucket"
    for path in (scratch, bucket):
        path.mkdir(exist_ok=True)
    data = data or TrainingData(
        TRAIN, VALIDATION, None, {}, output_classes={OUTPUT: ("cat", "dog")}, input_columns={INPUT: ("a", "b")}
    )
    results = Results(FolderBucket(bucket), "n/j/u", check)
    names = ["model.keras", "best.keras"]
    outcome = export_models(
        names,
        ["onnx"],
        data=data,
        results=results,
        folder=scratch,
        termination_request=TerminationRequest(),
        has_retry=has_retry,
    )
    assert list(scratch.iterdir()) == []
    return outcome, bucket / "n/j/u"


def all_in_order(request: Request) -> Export:
    for name in ("model.onnx", "best.onnx", "check.npz", "signature.json", "log", "outcome.json"):
        (request.folder / name).write_text(name)
    return Export(reason="Exported", exports=FORMS, signature=SHA256)


def test_only_exported_files_are_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, results = exported(tmp_path, monkeypatch, all_in_order)
    assert (outcome.reason, outcome.exports) == ("Exported", FORMS)
    files = {path.name for path in results.rglob("*") if path.is_file()}
    assert files == {"model.onnx", "best.onnx", "check.npz", "signature.json"}


def test_the_request_has_all_models_and_validation_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[Request] = []

    def look(request: Request) -> Export:
        assert request.samples is not None
        with np.load(request.samples) as stored:
            assert stored["input:input"].shape == (16, 2, 2, 1)
            assert (stored["input:input"][[0, -1]] == VALIDATION.features[[0, -1]]).all()
        requests.append(request)
        return Export(reason="ExportFailed")

    exported(tmp_path, monkeypatch, look)
    (request,) = requests
    assert [(model.which, model.path.name) for model in request.models] == [
        ("Last", "model.keras"),
        ("Best", "best.keras"),
    ]
    assert (request.classes, request.features) == ({OUTPUT: ["cat", "dog"]}, ["a", "b"])
    assert request.image is not None
    assert (request.image.lowest, request.image.highest) == (0, 7), "as in the training set"


def test_the_request_has_samples_of_each_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[Request] = []

    def look(request: Request) -> Export:
        assert request.samples is not None
        specs = [
            TensorSpec(name="note", shape=[], dtype="str"),
            TensorSpec(name="image", shape=[2, 2, 1], dtype="int8"),
        ]
        found = read(request.samples, specs)
        assert [(name, array.shape) for name, array in found.items()] == [("note", (16,)), ("image", (16, 2, 2, 1))]
        assert found["note"][0] == "ä"
        requests.append(request)
        return Export(reason="ExportFailed")

    inputs = {"image": SourceArray(TRAIN.features, "i"), "note": SourceArray(np.array(["ä".encode()] * 40), "n")}
    outputs = {name: SourceArray(TRAIN.labels, name) for name in ("digit", "odd")}
    classes = {"odd": ("no", "yes")}
    data = TrainingData(Samples(inputs, outputs), None, None, {}, output_classes=classes)
    exported(tmp_path, monkeypatch, look, data=data)
    (request,) = requests
    assert (request.image, request.classes, request.features) == (None, {"odd": ["no", "yes"]}, None)


def die(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ends an attempt while it exports, and returns the mark that it leaves."""
    mark = tmp_path / "bucket/n/j/u" / EXPORTING

    def dies(request: Request) -> Export:
        assert mark.exists()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exported(tmp_path, monkeypatch, dies)
    return mark


def test_an_interrupted_export_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = die(tmp_path, monkeypatch)
    outcome, _ = exported(tmp_path, monkeypatch, all_in_order)
    assert outcome.reason == "Exported"
    assert not mark.exists()


@pytest.mark.parametrize(("deaths", "how"), [(2, {}), (1, {"has_retry": False})])
def test_an_export_that_could_fail_the_training_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deaths: int, how: dict[str, Any]
) -> None:
    for _ in range(deaths):
        die(tmp_path, monkeypatch)
    outcome, results = exported(tmp_path, monkeypatch, all_in_order, **how)
    assert outcome.reason == "ExportFailed"
    assert "an earlier attempt ended during the export" in outcome.message
    assert not (results / "signature.json").exists()


def test_the_last_attempt_exports_without_earlier_interruptions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert exported(tmp_path, monkeypatch, all_in_order, has_retry=False)[0].reason == "Exported"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (refused_failure("ResultsNotWritable", "the bucket is full"), "the bucket is full"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (ValueError("odd"), "ValueError: odd"),
    ],
)
def test_errors_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str) -> None:
    def fails(request: Request) -> Export:
        raise error

    outcome, results = exported(tmp_path, monkeypatch, fails)
    assert outcome.reason == "ExportFailed"
    assert message in outcome.message
    assert (outcome.exports, outcome.signature) == ([], None)
    assert not (results / EXPORTING).exists()


def test_a_model_that_keras_cannot_load_is_a_failed_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, _ = exported(tmp_path, monkeypatch, lambda _: Export(reason="NotLoaded", message="Keras cannot"))
    assert (outcome.reason, outcome.message) == ("ExportFailed", "Keras cannot")


def stored_signature(
    folder: Path, model: keras.Model, check: Callable[[], None] = lambda: None
) -> tuple[str | None, Path]:
    """Store a signature without an export, and return its digest and path."""
    (folder / "bucket").mkdir()
    (folder / "model.keras").write_bytes(b"a model")
    data = TrainingData(
        TRAIN, VALIDATION, None, {}, output_classes={OUTPUT: ("cat", "dog")}, input_columns={INPUT: ("a", "b")}
    )
    results = Results(FolderBucket(folder / "bucket"), "n/j/u", check)
    digest = store_signature(model, ["model.keras"], data=data, results=results, folder=folder)
    return digest, folder / "bucket/n/j/u/signature.json"


def network() -> keras.Model:
    last = keras.layers.Dense(2, activation="softmax", name="animal")
    return keras.Sequential([keras.Input((2, 2, 1), name="input"), keras.layers.Flatten(), last])


def test_the_signature_is_stored_without_an_export(tmp_path: Path) -> None:
    digest, path = stored_signature(tmp_path, network())
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    signature = Signature.model_validate_json(path.read_bytes())
    assert (signature.classes, signature.features, signature.probabilities) == (["cat", "dog"], ["a", "b"], True)
    assert signature.image is not None
    assert (signature.image.height, signature.image.lowest, signature.image.highest) == (2, 0, 7)
    assert [(tensor.name, tensor.shape) for tensor in signature.inputs + signature.outputs] == [
        ("input", [2, 2, 1]),
        ("animal", [2]),
    ]
    (model,) = signature.models
    keras_file = ExportedFile(name="model.keras", sha256=hashlib.sha256(b"a model").hexdigest())
    assert (model.model, model.keras, model.onnx, signature.check) == ("Last", keras_file, None, None)


def test_errors_of_the_signature_do_not_fail_the_training(tmp_path: Path) -> None:
    def full() -> None:
        raise refused_failure("ResultsNotWritable", "the bucket is full")

    of_one_size = keras.Sequential([keras.Input(batch_shape=(4, 3)), keras.layers.Dense(1)])
    for name, model, check in (("untold", of_one_size, lambda: None), ("unstored", network(), full)):
        (folder := tmp_path / name).mkdir()
        digest, path = stored_signature(folder, model, check)
        assert digest is None
        assert not path.exists()


def test_a_superseded_attempt_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def superseded_check() -> None:
        raise superseded_failure("attempt 1", "attempt 2")

    with pytest.raises(Failure, match="attempt 2 has begun since"):
        exported(tmp_path, monkeypatch, all_in_order, superseded_check)
    (tmp_path / "other").mkdir()
    with pytest.raises(Failure, match="attempt 2 has begun since"):
        stored_signature(tmp_path / "other", network(), superseded_check)
