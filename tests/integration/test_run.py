"""The program as people start it: a TrainingJob, a folder with data, a folder for results."""

import csv
import errno
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml
from epochal_api.data_summary import DATA, DataSummary
from epochal_api.evaluation import Evaluation
from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV
from epochal_api.trainingjob.report import Termination, decode_termination
from epochal_lib.digests import sha256
from epochal_trainer.commands import app
from epochal_trainer.reporting.termination_message import TerminationMessage
from epochal_trainer.run import Folders, run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]
from typer.testing import CliRunner

from tests.kit.s3_server import Service

from .conftest import FEATURES, LABELS, restored_process
from .test_reporter import Operator

pytestmark = pytest.mark.usefixtures("process_is_restored")


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
            "results": {"bucket": "results", "prefix": "models", "exports": [], "evaluation": False},
            **spec,
        },
    }


def command(folder: Path, document: Any) -> list[str]:
    (folder / "job.yaml").write_text(yaml.safe_dump(document))
    return [sys.executable, "-m", "epochal_trainer", "run", str(folder / "job.yaml")]


def train(folder: Path, document: Any) -> int:
    """Trains in this process with data and results in folders, and returns the exit code."""
    command(folder, document)
    return run(folder / "job.yaml", Folders(folder / "data", folder / "results"))


def test_a_run_stores_its_results(folder: Path) -> None:
    folders = ["--data", str(folder / "data"), "--results", str(folder / "results")]
    # The first attempt is the last one, and has an evaluation like any other.
    document = job(results={"bucket": "results", "prefix": "models", "exports": []}, backoffLimit=0)
    ended = subprocess.run(
        [*command(folder, document), *folders], check=False, capture_output=True, text=True, timeout=120
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
    assert list(summary["seconds"]) == [
        *("import", "start", "network", "storage", "data", "training", "test", "results", "evaluation"),
    ]
    evaluation = Evaluation.model_validate_json((results / "evaluation.json").read_bytes())
    assert evaluation.model.sha256 == kept["sha256"]
    assert (evaluation.data, evaluation.samples) == ("test", len(LABELS))
    assert evaluation.evaluated + evaluation.skipped == len(LABELS)
    if not evaluation.skipped:
        assert evaluation.classes is not None
        assert evaluation.classes.accuracy == pytest.approx(figures["accuracy"])
    assert (results / "confusion.png").exists()
    assert not (results / "attempts/evaluating").exists()
    assert summary["checkpoints"]["taken"] >= 1
    assert summary["checkpoints"]["bytes"] > 0
    assert set(summary["checkpoints"]) == {"taken", "bytes", "captureSeconds", "writeSeconds", "bestSeconds"}
    assert [warning["reason"] for warning in summary["warnings"]] == ["Leakage"]  # the test data are the training data
    data = DataSummary.model_validate_json((results / DATA).read_text())
    assert (data.train.samples, data.train.features.dtype, data.train.features.shape) == (72, "float32", [6])
    assert [(each.set, each.other, each.found) for each in data.shared] == [
        *[("validation", "train", 0), ("test", "train", 72), ("test", "validation", 18)]
    ]
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
    assert max(len(line) for line in log.splitlines() if "Warning, " not in line) <= 100 + len(str(folder)) + 100

    for part, tag in (("train", "epoch_loss"), ("validation", "epoch_accuracy")):
        events = EventAccumulator(str(results / "tensorboard" / part), size_guidance={"tensors": 0})
        events.Reload()
        assert [event.step for event in events.Tensors(tag)] == [1, 2, 3]


@pytest.mark.parametrize("bucket", ["folder", "service"])
@pytest.mark.usefixtures("operator", "termination_log")
def test_the_history_is_stored_while_the_training_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, bucket: str
) -> None:
    service = Service()
    for key in ("tiny.npz", "test.npz"):
        service.put(key, (folder / "data" / key).read_bytes())

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
def test_a_failure_has_a_reason_and_a_code(
    folder: Path, capsys: pytest.CaptureFixture[str], spec: dict[str, Any], code: int, reason: str
) -> None:
    assert train(folder, job(**spec)) == code
    printed = capsys.readouterr().out
    assert f"  {reason}: " in printed
    assert "Traceback" not in printed
    stored = [path.read_text() for path in folder.rglob("training.log")]
    assert len(stored) == (0 if reason == "InvalidSpec" else 1)  # without a spec there is no place for it
    assert all(f"  {reason}: " in log for log in stored)


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


def test_each_attempt_logs_the_warnings_and_they_change_nothing(
    folder: Path, termination_log: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(folder / "data/tiny.npz", x=FEATURES, y=np.sort(LABELS))
    command(folder, job(**QUIET))
    folders = Folders(folder / "data", folder / "results")
    expected = ["MetricMismatch", "MissingClasses", "Leakage", "ChanceLevel"]
    with restored_process(), monkeypatch.context() as patch:
        patch.setattr(keras.callbacks.ModelCheckpoint, "on_train_end", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        assert run(folder / "job.yaml", folders) == 143
    first = capsys.readouterr().out
    assert run(folder / "job.yaml", folders) == 0
    second = capsys.readouterr().out
    assert "Resuming from" in second
    for printed in (first, second):
        assert re.findall(r"Warning, (\w+): ", printed) == expected
    assert 'spec.data.validation: {split: "0.2", stratify: true}' in second
    (summary,) = (json.loads(path.read_text()) for path in folder.rglob("summary.json"))
    assert [warning["reason"] for warning in summary["warnings"]] == expected
    last = termination(termination_log).report
    assert last is not None
    assert [warning.dump() for warning in last.warnings or []] == summary["warnings"]
    assert summary["metrics"]["loss"] == pytest.approx(np.log(2))


def test_a_failing_check_does_not_fail_the_training(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    for check in ("check_last_layer", "check_metrics", "check_classes", "check_better_than_chance"):
        monkeypatch.setattr(f"epochal_trainer.training.checks.{check}", broken)
    assert train(folder, job()) == 0
    assert capsys.readouterr().out.count("An optional check failed") >= 4


def test_too_little_memory_ends_the_run_before_keras_is_imported(
    folder: Path, termination_log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command(folder, job())
    monkeypatch.setattr("epochal_lib.cgroups.limit", lambda: 64 * 2**20)
    assert run(folder / "job.yaml", Folders(folder / "data", folder / "results")) == 64
    assert termination(termination_log).reason == "OutOfMemory"
    assert "the memory limit of the container is 64 MiB" in termination(termination_log).message
    (log,) = folder.rglob("results/**/training.log")
    assert "OutOfMemory: the memory limit" in log.read_text()


def test_indices_are_checked_before_training(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layers = [{"layer": "Embedding", "input_dim": 2, "output_dim": 1}, {"layer": "Flatten"}, LAYERS[1]]
    assert train(folder, job(network={"input": {"shape": [6]}, "layers": layers})) == 65
    printed = capsys.readouterr().out
    assert "InvalidData: tiny.npz[x] holds " in printed
    assert "spec.network.layers[0] (Embedding, 'embedding_0') has input_dim 2: " in printed
    assert "Training: " not in printed


def test_buckets_need_credentials(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command(folder, job(storage={"secretRef": {"name": "x"}, "endpoint": "http://127.0.0.1:1"}))
    assert run(folder / "job.yaml", None) == 77
    assert "CredentialsRefused: " in capsys.readouterr().out


def test_a_configured_certificate_authority_must_exist(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    storage: dict[str, Any] = {"secretRef": {"name": "x"}, "endpoint": "https://127.0.0.1:1", "timeoutSeconds": 1}
    storage["caConfigMapRef"] = {"name": "our-ca", "key": "root.pem"}
    command(folder, job(storage=storage))
    assert run(folder / "job.yaml", None) == 64
    assert "the ConfigMap our-ca must exist and have the key root.pem" in capsys.readouterr().out


@pytest.fixture
def termination_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file for the last words, as in a pod."""
    path = tmp_path / "termination-log"
    path.touch()
    monkeypatch.setattr("epochal_trainer.run.TerminationMessage", lambda: TerminationMessage(path))
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


def termination(termination_log: Path) -> Termination:
    found = decode_termination(termination_log.read_text())
    assert found is not None
    return found


def test_a_storage_that_never_answers_is_reported_meanwhile(
    folder: Path, operator: Operator, termination_log: Path
) -> None:
    command(folder, stored_at(NOWHERE, 10))
    assert run(folder / "job.yaml", None) == 64
    first = operator.reports[0]
    assert (first["attempt"], first["stage"], first["waiting"]["reason"]) == (0, "Loading", "EndpointUnreachable")
    assert "the connection was refused: check spec.storage.endpoint" in first["waiting"]["message"]
    assert termination(termination_log).reason == "EndpointUnreachable"
    assert re.search(r"tried for 1\ds, ", termination(termination_log).message), (
        "as long as it is to try, and no try less"
    )
    last = termination(termination_log).report
    assert last is not None
    assert last.attempt == 0
    assert last.waiting is not None, "it never answered, so nobody may say that it does again"


def test_sigterm_ends_the_wait_for_the_storage(folder: Path, operator: Operator, termination_log: Path) -> None:
    command(folder, stored_at(NOWHERE, 3600))

    def stop() -> None:
        while not operator.reports:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    stopping = threading.Thread(target=stop)
    stopping.start()
    assert run(folder / "job.yaml", None) == 143
    stopping.join()
    assert termination(termination_log).reason == "Terminated"


def test_sigterm_at_the_end_of_training_leaves_the_results_to_the_next_attempt(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command(folder, job())
    folders = Folders(folder / "data", folder / "results")
    with restored_process(), monkeypatch.context() as patch:
        patch.setattr(keras.callbacks.ModelCheckpoint, "on_train_end", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        assert run(folder / "job.yaml", folders) == 143
    assert not list(folder.rglob("summary.json"))
    assert run(folder / "job.yaml", folders) == 0
    (summary,) = (json.loads(path.read_text()) for path in folder.rglob("summary.json"))
    assert (summary["attempt"], summary["epochs"]) == (2, 3)


def test_credentials_are_in_no_output(
    folder: Path, operator: Operator, termination_log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service()
    message = f"no {ACCESS_KEY}, {SECRET_KEY} or {quote(SECRET_KEY, safe='')}"
    service.faults = [lambda _, handler: handler.refuse(503, "SlowDown", message) or True]  # type: ignore[func-returns-value]
    try:
        command(folder, stored_at(service.endpoint, 10))
        assert run(folder / "job.yaml", None) == 64
    finally:
        service.stop()
    written = [capsys.readouterr().out, termination_log.read_text(), json.dumps(operator.reports)]
    for text in written:
        assert "no ***, *** or ***" in text
        assert not any(secret in text for secret in (ACCESS_KEY, SECRET_KEY, quote(SECRET_KEY, safe="")))


@pytest.mark.parametrize(
    ("error", "code", "reason", "message"),
    [
        (
            MemoryError("no room"),
            1,
            "OutOfMemory",
            r"MemoryError: no room; the container's peak memory use was .*, and ",
        ),
        (np._core._exceptions._ArrayMemoryError((10**9,), np.dtype("f8")), 1, "OutOfMemory", "Unable to allocate"),  # type: ignore[attr-defined]
        (
            tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"),
            1,
            "OutOfMemory",
            "limits it to|no memory limit",
        ),
        (
            tf.errors.ResourceExhaustedError(None, None, "OOM when allocating on /job:localhost/device:GPU:0 by BFC"),
            1,
            "OutOfMemory",
            "the GPU is out of memory: use a smaller spec.training.batchSize",
        ),
        (tf.errors.ResourceExhaustedError(None, None, "x; No space left on device"), 74, "ScratchFull", "is full"),
        (OSError(errno.ENOSPC, "full"), 74, "ScratchFull", "the disk of .* is full"),
        (RuntimeError("HDF5: No space left on device"), 74, "ScratchFull", "more ephemeral storage"),
        (ZeroDivisionError("x"), 1, "Crashed", "ZeroDivisionError: x; the traceback is in the trainer's log$"),
    ],
)
def test_a_crash_has_its_traceback_and_its_reason(  # noqa: PLR0917 - fixtures and cases
    folder: Path,
    termination_log: Path,
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
    assert termination(termination_log).reason == reason
    assert re.search(message, termination(termination_log).message)
    signal.raise_signal(signal.SIGTERM)  # Too late to end in another way.


def test_a_failed_training_reports_its_position(folder: Path, termination_log: Path) -> None:
    training = {"epochs": 3, "batchSize": 8, "loss": "mse", "optimizer": {"name": "SGD", "learning_rate": 1e30}}
    layers = [{"layer": "Dense", "units": 1}]
    assert train(folder, job(training=training, network={"input": {"shape": [6]}, "layers": layers})) == 65
    assert termination(termination_log).reason == "NonFiniteLoss"
    assert termination(termination_log).position is not None


def test_both_folders_or_none(folder: Path) -> None:
    result = CliRunner().invoke(app, [*command(folder, job())[3:], "--data", str(folder)])
    assert result.exit_code == 2
    assert "--data and --results must be used together" in result.output


def test_version() -> None:
    assert CliRunner().invoke(app, ["version"]).output == f"{version('epochal-trainer')}\n"
