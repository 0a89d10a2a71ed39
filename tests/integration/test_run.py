"""The program as people start it: a TrainingJob, a folder with data, a folder for results."""

import csv
import errno
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml
from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV
from epochal_api.trainingjob.report import Termination, decode_termination
from epochal_lib.digests import sha256
from epochal_trainer.__main__ import app
from epochal_trainer.reporting.last_words import LastWords
from epochal_trainer.run import Folders, run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]
from typer.testing import CliRunner

from tests.kit.s3_server import Service

from .conftest import undone
from .test_reporter import Operator

FEATURES = np.random.default_rng(0).normal(size=(90, 6)).astype("float32")
LABELS = (FEATURES[:, 0] > 0).astype("uint8")


def job(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "epochal.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": "tiny", "namespace": "lab"},
        "spec": {
            "storage": {"secretRef": {"name": "none"}},
            "data": {
                "bucket": "data",
                "train": {"object": "tiny.npz"},
                "validation": {"split": "0.2"},
                "test": {"object": "test.npz"},
            },
            "network": {
                "input": {"shape": [6]},
                "layers": [{"layer": "Normalization"}, {"layer": "Dense", "units": 2, "activation": "softmax"}],
            },
            "training": {
                "epochs": 3,
                "loss": "SparseCategoricalCrossentropy",
                "metrics": ["accuracy"],
                "callbacks": [{"callback": "ModelCheckpoint", "filepath": "{epoch}.keras"}],
            },
            "results": {"bucket": "results", "prefix": "models", "exports": []},
            **spec,
        },
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data/tiny.npz", x=FEATURES, y=LABELS)
    np.savez(tmp_path / "data/test.npz", x=FEATURES[::-1], y=LABELS[::-1])
    return tmp_path


def command(folder: Path, document: Any) -> list[str]:
    (folder / "job.yaml").write_text(yaml.safe_dump(document))
    return [sys.executable, "-m", "epochal_trainer", "run", str(folder / "job.yaml")]


def test_a_run_leaves_its_results(folder: Path) -> None:
    folders = ["--data", str(folder / "data"), "--results", str(folder / "results")]
    ended = subprocess.run(
        [*command(folder, job()), *folders], check=False, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == ""
    (results,) = (folder / "results/models/lab/tiny").iterdir()
    found = {path.relative_to(results).as_posix() for path in results.rglob("*") if path.is_file()}
    assert found >= {"model.keras", "history.csv", "curves.png", "training.log", "summary.json"}
    assert len(list(results.glob("attempts/1-*.json"))) == 1
    assert found >= {f"callbacks/{epoch}.keras" for epoch in (1, 2, 3)}

    rows = list(csv.DictReader((results / "history.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert list(rows[0]) == [
        *("epoch", "seconds", "learning_rate", "loss", "accuracy", "val_loss", "val_accuracy"),
    ]
    model = keras.saving.load_model(results / "model.keras")
    figures = model.evaluate(FEATURES, LABELS, verbose=0, return_dict=True)
    summary = json.loads((results / "summary.json").read_text())
    assert summary["test"] == pytest.approx(figures, rel=1e-5)
    kept = summary["models"][0]
    assert (kept["name"], kept["epoch"], kept["test"]) == ("model.keras", 3, summary["test"])
    assert kept["metrics"] == summary["metrics"]
    assert kept["sha256"] == summary["digests"]["model"] == sha256(results / "model.keras")
    assert summary["metrics"]["val_loss"] == float(rows[-1]["val_loss"])
    assert summary["spec"]["training"]["epochs"] == 3
    assert set(summary["versions"]) == {"python", "epochal", "keras", "tensorflow", "numpy"}
    assert list(summary["seconds"]) == ["import", "start", "network", "storage", "data", "training", "test", "results"]
    assert summary["checkpoints"]["taken"] >= 1
    assert summary["checkpoints"]["bytes"] > 0
    assert set(summary["checkpoints"]) == {"taken", "bytes", "captureSeconds", "writeSeconds", "bestSeconds"}
    assert summary["warnings"] == []
    assert len(summary["digests"]["model"]) == len(summary["digests"]["data"]["tiny.npz"]) == 64

    log = (results / "training.log").read_text()
    assert log in ended.stdout
    for line in (
        "72 × 6 float32, 2 classes",
        "Adapted to the training set: normalization_0",
        "Epoch 3/3",
        "Test  loss",
    ):
        assert line in log
    assert max(map(len, log.splitlines())) <= 100 + len(str(folder)) + 100

    for part, tag in (("train", "epoch_loss"), ("validation", "epoch_accuracy")):
        events = EventAccumulator(str(results / "tensorboard" / part), size_guidance={"tensors": 0})
        events.Reload()
        assert [event.step for event in events.Tensors(tag)] == [1, 2, 3]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("bucket", ["folder", "service"])
@pytest.mark.usefixtures("as_before", "operator", "words")
def test_the_history_is_there_while_the_training_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, bucket: str
) -> None:
    service = Service()
    for key in ("tiny.npz", "test.npz"):
        service.objects[key] = (folder / "data" / key).read_bytes()
        service.etags[key] = hashlib.md5(service.objects[key], usedforsecurity=False).hexdigest()

    def stored() -> list[bytes]:
        with service.lock:
            there = [content for key, content in service.objects.items() if key.endswith("/history.csv")]
        return there + [path.read_bytes() for path in folder.rglob("history.csv") if path.is_relative_to(results)]

    results = folder / "results"
    seen: list[bytes] = []

    def wait(_: Any, epoch: int, logs: Any = None) -> None:
        del logs
        end = time.monotonic() + 20
        while epoch == 0 and not (found := stored()):
            assert time.monotonic() < end
            time.sleep(0.01)
        seen.extend(found if epoch == 0 else [])

    monkeypatch.setattr(keras.callbacks.ModelCheckpoint, "on_epoch_end", wait)
    document = stored_at(service.endpoint, 60)
    document["spec"]["data"]["bucket"] = document["spec"]["results"]["bucket"] = "bucket"
    command(folder, document)
    try:
        folders = Folders(folder / "data", results) if bucket == "folder" else None
        assert run(folder / "job.yaml", folders) == 0
        assert [content.splitlines()[-1][:2] for content in seen] == [b"1,"]
        (content,) = stored()
    finally:
        service.stop()
    assert [line[:2] for line in content.splitlines()[1:]] == [b"1,", b"2,", b"3,"]


LAYERS = [{"layer": "Reshape", "target_shape": [5]}, {"layer": "Dense", "units": 2}]


@pytest.mark.parametrize(
    ("spec", "code", "reason"),
    [
        ({"training": {"epochs": 0, "loss": "mse"}}, 64, "InvalidSpec"),
        ({"network": {"input": {"shape": [6]}, "layers": LAYERS}}, 64, "InvalidNetwork"),
        ({"training": {"loss": "Entropy"}}, 64, "InvalidTraining"),
        ({"data": {"bucket": "data", "train": {"object": "missing.npz"}}}, 65, "ObjectNotFound"),
        ({"network": {"input": {"shape": [7]}, "layers": LAYERS[1:]}}, 65, "ShapeMismatch"),
    ],
)
@pytest.mark.usefixtures("as_before")
def test_a_failure_has_a_reason_and_a_code(
    folder: Path, capsys: pytest.CaptureFixture[str], spec: dict[str, Any], code: int, reason: str
) -> None:
    command(folder, job(**spec))
    assert run(folder / "job.yaml", Folders(folder / "data", folder / "results")) == code
    printed = capsys.readouterr().out
    assert f"  {reason}: " in printed
    assert "Traceback" not in printed
    stored = list(folder.rglob("training.log"))
    assert len(stored) == (1 if code == 65 else 0)


QUIET: dict[str, Any] = {
    "network": {
        "input": {"shape": [6]},
        "layers": [{"layer": "Dense", "units": 2, "kernel_initializer": "zeros"}],
    },
    "training": {
        "epochs": 3,
        "batchSize": 1,
        "optimizer": {"name": "SGD", "learning_rate": 1e-30},
        "loss": {"name": "SparseCategoricalCrossentropy", "from_logits": True},
        "metrics": ["CategoricalAccuracy"],
        "callbacks": [{"callback": "ModelCheckpoint", "filepath": "{epoch}.keras"}],
    },
}
"""A network that never learns, and a figure that means nothing."""


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.usefixtures("as_before")
def test_quiet_mistakes_are_told_by_each_attempt_and_change_nothing(
    folder: Path, words: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(folder / "data/tiny.npz", x=FEATURES, y=np.sort(LABELS))
    command(folder, job(**QUIET))
    folders = Folders(folder / "data", folder / "results")
    expected = ["MetricMismatch", "MissingClasses", "ChanceLevel"]
    with undone(), monkeypatch.context() as told:
        told.setattr(keras.callbacks.ModelCheckpoint, "on_train_end", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        assert run(folder / "job.yaml", folders) == 143
    first = capsys.readouterr().out
    assert run(folder / "job.yaml", folders) == 0
    second = capsys.readouterr().out
    assert "Going on from" in second
    for printed in (first, second):
        assert re.findall(r"Warning, (\w+): ", printed) == expected
    assert 'spec.data.validation: {split: "0.2", stratify: true}' in second
    (summary,) = (json.loads(path.read_text()) for path in folder.rglob("summary.json"))
    assert [one["reason"] for one in summary["warnings"]] == expected
    last = said(words).report
    assert last is not None
    assert [one.dump() for one in last.warnings or []] == summary["warnings"]
    assert summary["metrics"]["loss"] == pytest.approx(np.log(2))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.usefixtures("as_before")
def test_a_check_that_breaks_breaks_no_training(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    for check in ("check_last_layer", "check_metrics", "check_classes", "check_chance"):
        monkeypatch.setattr(f"epochal_trainer.training.checks.{check}", broken)
    command(folder, job())
    assert run(folder / "job.yaml", Folders(folder / "data", folder / "results")) == 0
    assert capsys.readouterr().out.count("A check that only warns has failed") >= 4


@pytest.mark.usefixtures("as_before")
def test_too_little_memory_ends_it_before_keras_is_imported(
    folder: Path, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command(folder, job())
    monkeypatch.setattr("epochal_lib.cgroups.limit", lambda: 64 * 2**20)
    assert run(folder / "job.yaml", Folders(folder / "data", folder / "results")) == 64
    assert said(words).reason == "OutOfMemory"
    assert "the container may take 64 MiB of memory" in said(words).message


@pytest.mark.usefixtures("as_before")
def test_indices_are_looked_at_before_training(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layers = [{"layer": "Embedding", "input_dim": 2, "output_dim": 1}, {"layer": "Flatten"}, LAYERS[1]]
    command(folder, job(network={"input": {"shape": [6]}, "layers": layers}))
    assert run(folder / "job.yaml", Folders(folder / "data", folder / "results")) == 65
    printed = capsys.readouterr().out
    assert "InvalidData: tiny.npz[x] holds " in printed
    assert "spec.network.layers[0] (Embedding, 'embedding_0') has input_dim 2: " in printed
    assert "Training: " not in printed


@pytest.mark.usefixtures("as_before")
def test_buckets_need_credentials(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command(folder, job(storage={"secretRef": {"name": "x"}, "endpoint": "http://127.0.0.1:1"}))
    assert run(folder / "job.yaml", None) == 77
    assert "CredentialsRefused: " in capsys.readouterr().out


@pytest.mark.usefixtures("as_before")
def test_an_authority_that_is_named_must_come(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    storage: dict[str, Any] = {"secretRef": {"name": "x"}, "endpoint": "https://127.0.0.1:1", "timeoutSeconds": 1}
    storage["caConfigMapRef"] = {"name": "our-ca", "key": "root.pem"}
    command(folder, job(storage=storage))
    assert run(folder / "job.yaml", None) == 64
    assert "the ConfigMap our-ca must exist and have the key root.pem" in capsys.readouterr().out


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file for the last words, as in a pod."""
    path = tmp_path / "termination-log"
    path.touch()
    monkeypatch.setattr("epochal_trainer.run.LastWords", lambda: LastWords(path))
    return path


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operator]:
    """An operator that takes the reports, and the credentials that one hands out."""
    (tmp_path / "operator").mkdir()
    running = Operator(tmp_path / "operator")
    monkeypatch.setattr("epochal_trainer.run._endpoint", lambda: running.endpoint)
    monkeypatch.setenv(ACCESS_KEY_ENV, ACCESS_KEY)
    monkeypatch.setenv(SECRET_KEY_ENV, SECRET_KEY)
    yield running
    running.stop()


ACCESS_KEY, SECRET_KEY = "an-access-key", "a/secret+key"
NOWHERE = "http://127.0.0.1:1"


def stored_at(endpoint: str, seconds: int) -> dict[str, Any]:
    return job(storage={"secretRef": {"name": "x"}, "endpoint": endpoint, "timeoutSeconds": seconds})


def said(words: Path) -> Termination:
    found = decode_termination(words.read_text())
    assert found is not None
    return found


@pytest.mark.usefixtures("as_before")
def test_a_storage_that_never_answers_is_told_while_it_is_waited_for(
    folder: Path, operator: Operator, words: Path
) -> None:
    command(folder, stored_at(NOWHERE, 10))
    assert run(folder / "job.yaml", None) == 64
    first = operator.reports[0]
    assert (first["attempt"], first["stage"], first["waiting"]["reason"]) == (0, "Loading", "EndpointUnreachable")
    assert "the connection was refused: check spec.storage.endpoint" in first["waiting"]["message"]
    assert said(words).reason == "EndpointUnreachable"
    assert re.search(r"tried for 1\ds, ", said(words).message), "as long as it is to try, and no try less"
    last = said(words).report
    assert last is not None
    assert last.attempt == 0
    assert last.waiting is not None, "it never answered, so nobody may say that it does again"


@pytest.mark.usefixtures("as_before")
def test_who_is_told_to_stop_waits_no_longer(folder: Path, operator: Operator, words: Path) -> None:
    command(folder, stored_at(NOWHERE, 3600))

    def stop() -> None:
        while not operator.reports:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    stopping = threading.Thread(target=stop)
    stopping.start()
    assert run(folder / "job.yaml", None) == 143
    stopping.join()
    assert said(words).reason == "Terminated"


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.usefixtures("as_before")
def test_who_is_told_to_stop_as_training_ends_leaves_the_rest_to_the_next(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command(folder, job())
    folders = Folders(folder / "data", folder / "results")
    with undone(), monkeypatch.context() as told:
        told.setattr(keras.callbacks.ModelCheckpoint, "on_train_end", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        assert run(folder / "job.yaml", folders) == 143
    assert not list(folder.rglob("summary.json"))
    assert run(folder / "job.yaml", folders) == 0
    (summary,) = (json.loads(path.read_text()) for path in folder.rglob("summary.json"))
    assert (summary["attempt"], summary["epochs"]) == (2, 3)


@pytest.mark.usefixtures("as_before")
def test_credentials_are_in_nothing_that_is_written(
    folder: Path, operator: Operator, words: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service()
    told = f"no {ACCESS_KEY}, {SECRET_KEY} or {quote(SECRET_KEY, safe='')}"
    service.faults = [lambda _, handler: handler.refuse(503, "SlowDown", told) or True]  # type: ignore[func-returns-value]
    try:
        command(folder, stored_at(service.endpoint, 10))
        assert run(folder / "job.yaml", None) == 64
    finally:
        service.stop()
    written = [capsys.readouterr().out, words.read_text(), json.dumps(operator.reports)]
    for text in written:
        assert "no ***, *** or ***" in text
        assert not any(secret in text for secret in (ACCESS_KEY, SECRET_KEY, quote(SECRET_KEY, safe="")))


@pytest.mark.parametrize(
    ("error", "code", "reason", "message"),
    [
        (MemoryError("no room"), 1, "OutOfMemory", r"MemoryError: no room; the container took .* at its peak, and "),
        (np._core._exceptions._ArrayMemoryError((10**9,), np.dtype("f8")), 1, "OutOfMemory", "Unable to allocate"),  # type: ignore[attr-defined]
        (
            tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"),
            1,
            "OutOfMemory",
            "may take|has no limit",
        ),
        (
            tf.errors.ResourceExhaustedError(None, None, "OOM when allocating on /job:localhost/device:GPU:0 by BFC"),
            1,
            "OutOfMemory",
            "the GPU has no memory left: take a smaller spec.training.batchSize",
        ),
        (tf.errors.ResourceExhaustedError(None, None, "x; No space left on device"), 74, "ScratchFull", "no room left"),
        (OSError(errno.ENOSPC, "full"), 74, "ScratchFull", "there is no room left at"),
        (RuntimeError("HDF5: No space left on device"), 74, "ScratchFull", "more ephemeral storage"),
        (ZeroDivisionError("x"), 1, "Crashed", "ZeroDivisionError: x; the trainer's log holds the traceback$"),
    ],
)
@pytest.mark.usefixtures("as_before")
def test_a_crash_is_told_with_its_traceback_and_its_reason(  # noqa: PLR0917 - fixtures and cases
    folder: Path,
    words: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    code: int,
    reason: str,
    message: str,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    command(folder, job())
    monkeypatch.setattr("epochal_trainer.model.network.build", broken)
    assert run(folder / "job.yaml", Folders(folder / "data", folder / "results")) == code
    printed = capsys.readouterr().out
    assert "Traceback" in printed
    assert str(error) in printed
    assert said(words).reason == reason
    assert re.search(message, said(words).message)
    signal.raise_signal(signal.SIGTERM)  # Too late to end in another way.


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.usefixtures("as_before")
def test_a_failed_training_tells_where_it_was(folder: Path, words: Path) -> None:
    training = {"epochs": 3, "batchSize": 8, "loss": "mse", "optimizer": {"name": "SGD", "learning_rate": 1e30}}
    layers = [{"layer": "Dense", "units": 1}]
    command(folder, job(training=training, network={"input": {"shape": [6]}, "layers": layers}))
    assert run(folder / "job.yaml", Folders(folder / "data", folder / "results")) == 65
    assert said(words).reason == "NonFiniteLoss"
    assert said(words).position is not None


def test_both_folders_or_none(folder: Path) -> None:
    result = CliRunner().invoke(app, [*command(folder, job())[3:], "--data", str(folder)])
    assert result.exit_code == 2
    assert "--data and --results go together" in result.output


def test_version() -> None:
    assert CliRunner().invoke(app, ["version"]).output == "0.1.0\n"
