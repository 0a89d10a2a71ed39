"""The program as people start it: a TrainingJob, a folder with data, a folder for results."""

import csv
import json
import logging
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import yaml
from epochal_trainer.__main__ import app
from epochal_trainer.run import Folders, run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]
from typer.testing import CliRunner

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
                "test": {"object": "tiny.npz"},
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
            "results": {"bucket": "results", "prefix": "models"},
            **spec,
        },
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data/tiny.npz", x=FEATURES, y=LABELS)
    return tmp_path


@pytest.fixture
def as_before() -> Iterator[None]:
    """Undoes what a run does to its process."""
    loggers = [logging.getLogger(name) for name in ("epochal_trainer", "absl")]
    before = [(logger.handlers, logger.level, logger.propagate) for logger in loggers]
    shown, signalled = warnings.showwarning, signal.getsignal(signal.SIGTERM)
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        for handler in logger.handlers:
            handler.close()
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)
    warnings.showwarning = shown
    signal.signal(signal.SIGTERM, signalled)


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
    assert found >= {"model.keras", "history.csv", "curves.png", "training.log", "summary.json", "attempts/1.json"}
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
    assert summary["metrics"]["val_loss"] == float(rows[-1]["val_loss"])
    assert summary["spec"]["training"]["epochs"] == 3
    assert set(summary["versions"]) == {"python", "epochal", "keras", "tensorflow", "numpy"}
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


@pytest.mark.usefixtures("as_before")
def test_buckets_need_credentials(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command(folder, job(storage={"secretRef": {"name": "x"}, "endpoint": "http://127.0.0.1:1"}))
    assert run(folder / "job.yaml", None) == 77
    assert "CredentialsRefused: " in capsys.readouterr().out


@pytest.mark.usefixtures("as_before")
def test_an_authority_that_is_named_must_be_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reference = {"name": "our-ca", "key": "root.pem"}
    command(
        folder,
        job(storage={"secretRef": {"name": "x"}, "endpoint": "https://127.0.0.1:1", "caConfigMapRef": reference}),
    )
    assert run(folder / "job.yaml", None) == 64
    assert "the ConfigMap our-ca must exist and have the key root.pem" in capsys.readouterr().out


@pytest.mark.usefixtures("as_before")
def test_a_crash_is_told_with_its_traceback(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise MemoryError("no room")

    command(folder, job())
    monkeypatch.setattr("epochal_trainer.network.build", broken)
    assert run(folder / "job.yaml", Folders(folder / "data", folder / "results")) == 1
    printed = capsys.readouterr().out
    assert "Traceback" in printed
    assert "MemoryError: no room" in printed


def test_both_folders_or_none(folder: Path) -> None:
    result = CliRunner().invoke(app, [*command(folder, job())[3:], "--data", str(folder)])
    assert result.exit_code == 2
    assert "--data and --results go together" in result.output


def test_version() -> None:
    assert CliRunner().invoke(app, ["version"]).output == "0.1.0\n"
