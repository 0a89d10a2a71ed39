"""Whole runs of the trainer, one after the other, each with what those before it have left."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import yaml
from epochal_trainer.checkpoint import archive
from epochal_trainer.model import network
from epochal_trainer.reporting import curves
from epochal_trainer.run import Folders, run
from epochal_trainer.training import loop

from .conftest import undone

# Keras 3.15 under numpy 2.4: https://numpy.org/devdocs/numpy_2_0_migration_guide.html
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

FEATURES = np.random.default_rng(0).normal(size=(60, 6)).astype("float32")
LABELS = (FEATURES[:, 0] > 0).astype("uint8")
LAYERS = [{"layer": "Dense", "units": 8}, {"layer": "Dense", "units": 2, "activation": "softmax"}]
NEVER_BETTER = {"callback": "EarlyStopping", "monitor": "loss", "min_delta": 100, "patience": 2}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data/tiny.npz", x=FEATURES, y=LABELS)
    return tmp_path


def train_job(folder: Path, uid: str = "1", *, data: dict[str, Any] | None = None, **training: Any) -> int:
    """Runs the trainer and returns its exit code."""
    spec = {
        "storage": {"secretRef": {"name": "none"}},
        "data": {"bucket": "data", "train": {"object": "tiny.npz"}, "test": {"object": "tiny.npz"}, **(data or {})},
        "network": {"input": {"shape": [6]}, "layers": LAYERS},
        "training": {"epochs": 3, "loss": "SparseCategoricalCrossentropy", **training},
        "results": {"bucket": "results"},
    }
    metadata = {"name": "tiny", "namespace": "lab", "uid": uid}
    job = {"apiVersion": "epochal.dev/v1alpha1", "kind": "TrainingJob", "metadata": metadata, "spec": spec}
    (folder / "job.yaml").write_text(yaml.safe_dump(job))
    with undone():
        return run(folder / "job.yaml", Folders(folder / "data", folder / "results"))


def results(folder: Path, uid: str = "1") -> Path:
    return folder / "results/lab/tiny" / uid


def summary(folder: Path, uid: str = "1") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((results(folder, uid) / "summary.json").read_text())
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stopped(folder: Path, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    """Runs the trainer until it is told to stop, as its second epoch ends."""

    def stop(_: Any, epoch: int, logs: Any = None) -> None:
        del logs
        if epoch == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as told:
        told.setattr(keras.callbacks.EarlyStopping, "on_epoch_end", stop)
        assert train_job(folder, callbacks=[NEVER_BETTER], **fields) == 143


def test_weights_and_a_drawn_division_go_on_as_they_were(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    order = np.argsort(LABELS, kind="stable")
    weights = np.arange(60) % 4
    np.savez(folder / "data/tiny.npz", x=FEATURES[order], y=LABELS[order], sample_weight=weights)
    division = {"validation": {"split": "0.2", "stratify": True}, "shuffle": True}
    fields: dict[str, Any] = {"data": division, "classWeight": "Balanced", "seed": 3}
    assert train_job(folder, "whole", callbacks=[NEVER_BETTER], **fields) == 0
    stopped(folder, monkeypatch, **fields)
    assert train_job(folder, callbacks=[NEVER_BETTER], **fields) == 0
    whole, resumed = summary(folder, "whole"), summary(folder)
    assert resumed["attempt"] == 2
    told = resumed["data"]
    assert told == whole["data"]
    assert (told["train"], told["validation"], told["test"]) == (48, 12, 60)
    assert told["division"] == {"shuffle": True, "stratify": True, "seed": 3}
    assert sorted(told["classWeights"]) == ["0", "1"]
    assert all(resumed[name] == whole[name] for name in ("metrics", "best", "test"))
    models = [keras.saving.load_model(results(folder, uid) / "model.keras") for uid in ("whole", "1")]
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(one, other)

    again = {"uri": "s3://results/lab/tiny/whole/"}
    capsys.readouterr()
    assert train_job(folder, "2", epochs=4, continueFrom=again, **fields) == 0
    assert "may hold samples that were trained on there" not in capsys.readouterr().out
    assert train_job(folder, "3", epochs=4, continueFrom=again, **{**fields, "seed": 4}) == 0
    assert "may hold samples that were trained on there" in capsys.readouterr().out
    assert "ValidationSeen" in [one["reason"] for one in summary(folder, "3")["warnings"]]


def test_a_checkpoint_that_does_not_fit_ends_it_and_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped(folder, monkeypatch)
    before = files(results(folder) / "checkpoints")
    build = network.build

    def otherwise(described: Any, **arguments: Any) -> keras.Model:
        wider = described.layers[0].model_copy(update={"units": 9})
        return build(described.model_copy(update={"layers": [wider, *described.layers[1:]]}), **arguments)

    monkeypatch.setattr("epochal_trainer.model.network.build", otherwise)
    (folder / "data/tiny.npz").unlink()  # No data are needed to tell.
    assert train_job(folder, callbacks=[NEVER_BETTER]) == 64
    assert "CheckpointMismatch: the checkpoint of attempt 1 in " in capsys.readouterr().out
    assert files(results(folder) / "checkpoints") == before


def test_checkpoints_that_cannot_be_read_end_it_and_are_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped(folder, monkeypatch)
    for path in (results(folder) / "checkpoints").glob("*.zip"):
        path.write_bytes(path.read_bytes()[:-1])
    before = files(results(folder) / "checkpoints")
    assert train_job(folder, callbacks=[NEVER_BETTER]) == 65
    assert "CheckpointDamaged: there are 2 checkpoints in " in capsys.readouterr().out
    assert files(results(folder) / "checkpoints") == before


def test_data_that_fitted_beside_no_checkpoint_fit_beside_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = int(np.ceil(2 * (FEATURES.nbytes + LABELS.nbytes) / 0.3))
    monkeypatch.setattr("epochal_trainer.data.memory.available", lambda: left)
    stopped(folder, monkeypatch)
    (newest, *_) = sorted((results(folder) / "checkpoints").glob("*.zip"), reverse=True)
    _, arrays = archive.read(newest)
    held = sum(array.nbytes for array in arrays.values())
    assert held > 1000
    monkeypatch.setattr("epochal_trainer.data.memory.available", lambda: left - held)
    assert train_job(folder) == 0
    assert summary(folder)["attempt"] == 2


@pytest.mark.parametrize(
    ("during", "stored"),
    [
        (loop.evaluate, {"history.csv"}),
        (curves.draw, {"model.keras", "history.csv"}),
    ],
    ids=["the test", "storing"],
)
def test_an_attempt_whose_place_was_taken_stores_no_results(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    during: Callable[..., Any],
    stored: set[str],
) -> None:
    def taken(*args: Any, **more: Any) -> Any:
        (results(folder) / "attempts/2-another.json").write_text("{}")
        return during(*args, **more)

    monkeypatch.setattr(f"{during.__module__}.{during.__name__}", taken)
    assert train_job(folder) == 143
    assert "and attempt 2 of pod another has begun since" in capsys.readouterr().out
    assert {path.name for path in results(folder).iterdir()} == {"attempts", "checkpoints", *stored}


def test_a_stop_by_early_stopping_does_not_stop_who_trains_further(folder: Path) -> None:
    assert train_job(folder, epochs=9, callbacks=[NEVER_BETTER]) == 0
    assert summary(folder)["epochs"] == 3
    again = {"uri": "s3://results/lab/tiny/1/"}
    assert train_job(folder, "2", epochs=9, callbacks=[NEVER_BETTER], continueFrom=again) == 0
    assert summary(folder, "2")["epochs"] == 5
