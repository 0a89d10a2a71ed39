"""Whole runs of the trainer, one after the other, each with what those before it have left."""

import csv
import itertools
import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import yaml
from epochal_lib.digests import sha256
from epochal_trainer.checkpoint import archive, digest
from epochal_trainer.model import network
from epochal_trainer.reporting import history_writer
from epochal_trainer.run import Folders, run
from epochal_trainer.storage import FolderBucket
from epochal_trainer.training import fit as keras_fit

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
    np.savez(tmp_path / "data/test.npz", x=FEATURES[::-1], y=LABELS[::-1])
    return tmp_path


def train_job(
    folder: Path,
    uid: str = "1",
    *,
    data: dict[str, Any] | None = None,
    best: bool | None = None,
    finish: bool = False,
    **training: Any,
) -> int:
    """Runs the trainer and returns its exit code."""
    spec = {
        "storage": {"secretRef": {"name": "none"}},
        "data": {"bucket": "data", "train": {"object": "tiny.npz"}, "test": {"object": "test.npz"}, **(data or {})},
        "network": {"input": {"shape": [6]}, "layers": LAYERS},
        "training": {"epochs": 3, "loss": "SparseCategoricalCrossentropy", **training},
        "results": {"bucket": "results", "exports": []} | ({} if best is None else {"best": best}),
        "finish": finish,
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


def test_data_that_change_while_it_trains_restart_the_epoch_and_are_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fields: dict[str, Any] = {"callbacks": [NEVER_BETTER], "batchSize": 10, "epochs": 2}
    steps = itertools.count(1)

    def stop(*_: Any, **__: Any) -> None:
        if next(steps) == 6 + 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as told:
        told.setattr(keras.callbacks.EarlyStopping, "on_train_batch_end", stop)
        assert train_job(folder, **fields) == 143
    np.savez(folder / "data/tiny.npz", x=FEATURES + 1, y=LABELS)
    capsys.readouterr()
    assert train_job(folder, **fields) == 0
    printed = capsys.readouterr().out
    assert "is from the middle of epoch 2, and" in printed
    assert "Resuming from the end of epoch 1" in printed
    (told_of,) = (one["message"] for one in summary(folder)["warnings"] if one["reason"] == "DataChanged")
    assert "after 1 finished epochs" in told_of


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
    damaged = [*(results(folder) / "checkpoints").glob("*.zip")]  # one or two: a busy machine takes them less often
    for path in damaged:
        path.write_bytes(path.read_bytes()[:-1])
    before = files(results(folder) / "checkpoints")
    assert train_job(folder, callbacks=[NEVER_BETTER]) == 65
    assert f"CheckpointDamaged: there are {len(damaged)} checkpoints in " in capsys.readouterr().out
    assert files(results(folder) / "checkpoints") == before


def test_data_that_fitted_beside_no_checkpoint_fit_beside_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = int(np.ceil(2 * (FEATURES.nbytes + LABELS.nbytes) / 0.3))
    monkeypatch.setattr("epochal_trainer.data.memory.available_memory", lambda: left)
    stopped(folder, monkeypatch)
    (newest, *_) = sorted((results(folder) / "checkpoints").glob("*.zip"), reverse=True)
    _, arrays = archive.read(newest)
    held = sum(array.nbytes for array in arrays.values())
    assert held > 1000
    monkeypatch.setattr("epochal_trainer.data.memory.available_memory", lambda: left - held)
    assert train_job(folder) == 0
    assert summary(folder)["attempt"] == 2


@pytest.mark.parametrize(
    ("during", "stored"),
    [
        (keras_fit.evaluate, {"history.csv"}),
        (history_writer.draw_curves, {"model.keras", "history.csv"}),
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
    assert "attempt 2 of pod another has begun since" in capsys.readouterr().out
    assert {path.name for path in results(folder).iterdir()} == {"attempts", "checkpoints", *stored}


def test_a_run_that_is_to_be_finished_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_job(folder, finish=True, callbacks=[NEVER_BETTER]) == 0
    found = summary(folder)
    assert (found["epochs"], found["reason"], found["spec"]["training"]["epochs"]) == (1, "FinishedEarly", 3)
    out = capsys.readouterr().out.splitlines()
    assert "Done: 1 of 3 epochs trained, finished early on request (spec.finish); model.keras holds" in out[-1]
    log = (results(folder) / "training.log").read_text()
    assert "Finished early on request (spec.finish), after epoch 1 of 3" in log

    again = {"uri": "s3://results/lab/tiny/1/"}
    assert train_job(folder, "2", finish=True, epochs=9, callbacks=[NEVER_BETTER], continueFrom=again) == 0
    assert summary(folder, "2")["epochs"] == 2, "of its own it trains one epoch at least"
    assert train_job(folder, "3", epochs=3, callbacks=[NEVER_BETTER], continueFrom=again) == 0
    assert (summary(folder, "3")["epochs"], summary(folder, "3")["reason"]) == (3, "Completed")


def test_a_stop_by_early_stopping_does_not_stop_who_trains_further(folder: Path) -> None:
    assert train_job(folder, epochs=9, callbacks=[NEVER_BETTER]) == 0
    assert summary(folder)["epochs"] == 3
    again = {"uri": "s3://results/lab/tiny/1/"}
    assert train_job(folder, "2", epochs=9, callbacks=[NEVER_BETTER], continueFrom=again) == 0
    assert summary(folder, "2")["epochs"] == 5
    assert summary(folder, "2")["best"]["epoch"] > 3  # of its own epochs


WORST = {"metric": "loss", "mode": "Max"}
"""Makes an early epoch the best one."""


def test_the_best_model_lies_beside_the_last_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_job(folder, epochs=4, monitor=WORST, metrics=["accuracy"]) == 0
    last, best = summary(folder)["models"]
    assert [(one["name"], one["epoch"]) for one in (last, best)] == [("model.keras", 4), ("best.keras", 1)]
    for one in (last, best):
        path = results(folder) / one["name"]
        model = keras.saving.load_model(path)
        assert (one["sha256"], one["weights"]) == (sha256(path), digest(model))
        figures = model.evaluate(FEATURES, LABELS, verbose=0, return_dict=True)
        assert one["test"] == pytest.approx(figures, rel=1e-5)
    assert summary(folder)["test"] == last["test"] != best["test"]
    assert summary(folder)["best"] == {
        "epoch": 1,
        "metric": "loss",
        "mode": "Max",
        "value": best["metrics"]["loss"],
    }
    log = (results(folder) / "training.log").read_text().splitlines()
    said = log[-1].split("  ", 1)[1]
    assert said.startswith("4 epochs trained; model.keras holds epoch 4 (loss ")
    assert "; best.keras holds epoch 1, the best (loss " in said
    assert capsys.readouterr().out.rstrip().endswith(f"Done: {said}")


def test_a_training_goes_on_from_the_best_weights_of_another(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_job(folder, epochs=4, monitor=WORST) == 0
    best = {"uri": "s3://results/lab/tiny/1/", "from": "Best"}
    assert train_job(folder, "2", epochs=1, continueFrom=best) == 64
    assert "spec.training.epochs: found 1, and 1 were trained in" in capsys.readouterr().out
    assert train_job(folder, "2", epochs=3, monitor=WORST, continueFrom=best) == 0
    assert summary(folder, "2")["epochs"] == 3
    assert summary(folder, "2")["best"]["epoch"] > 1, "what is best is told of its own epochs"
    rows = (results(folder, "2") / "history.csv").read_text().splitlines()
    assert rows[1] == (results(folder) / "history.csv").read_text().splitlines()[1]

    assert train_job(folder, "3", epochs=4, best=False, monitor=WORST) == 0
    assert train_job(folder, "4", epochs=9, continueFrom=best | {"uri": "s3://results/lab/tiny/3/"}) == 64
    assert "the weights of the best epoch 1 were not kept" in capsys.readouterr().out


def test_no_epoch_is_called_the_best_where_the_training_before_had_a_better_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is it once the trainer was killed and goes on."""
    assert train_job(folder, epochs=2, monitor=WORST) == 0
    again = {"uri": "s3://results/lab/tiny/1/"}

    def kill(_: Any, epoch: int, logs: Any = None) -> None:
        del logs
        if epoch == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as killed:
        killed.setattr(keras.callbacks.EarlyStopping, "on_epoch_end", kill)
        assert train_job(folder, "2", epochs=5, monitor=WORST, callbacks=[NEVER_BETTER], continueFrom=again) == 143
    assert train_job(folder, "2", epochs=5, monitor=WORST, callbacks=[NEVER_BETTER], continueFrom=again) == 0
    log = (results(folder, "2") / "training.log").read_text().splitlines()
    assert "; best.keras holds epoch 3, the best of epochs 3-5 (loss " in log[-1]
    assert re.search(r"; epoch 1 of the training before \(loss [0-9.]+\) was better: .*/lab/tiny/1/?$", log[-1])
    (line,) = (line for line in log if "Epoch 3/5" in line)
    assert "best since epoch 3" in line


def test_the_last_epoch_is_enough_where_it_is_as_good_as_the_best(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    still = {"name": "SGD", "learning_rate": 0}
    fields: dict[str, Any] = {"metrics": ["accuracy"], "monitor": {"metric": "accuracy"}}
    assert train_job(folder, epochs=3, optimizer=still, **fields) == 0
    assert [(one["name"], one["epoch"]) for one in summary(folder)["models"]] == [("model.keras", 3)]
    assert summary(folder)["best"]["epoch"] == 1
    assert "; model.keras holds epoch 3, as good as epoch 1, the best (accuracy " in capsys.readouterr().out
    best = {"uri": "s3://results/lab/tiny/1/", "from": "Best"}
    assert train_job(folder, "2", epochs=4, continueFrom=best) == 0
    assert "Resuming from the end of epoch 3 " in capsys.readouterr().out


def test_a_training_by_parts_leaves_what_one_at_once_does(folder: Path) -> None:
    fields: dict[str, Any] = {"epochs": 6, "monitor": WORST, "callbacks": [NEVER_BETTER | {"patience": 9}]}
    assert train_job(folder, "whole", **fields) == 0
    before: dict[str, Any] = {}
    for uid, after in (("1", 1), ("2", 3), ("3", None)):
        assert train_job(folder, uid, stopAfterEpoch=after, **fields, **before) == 0
        assert summary(folder, uid)["reason"] == ("StoppedAfterEpoch" if after else "Completed")
        before = {"continueFrom": {"uri": f"s3://results/lab/tiny/{uid}/"}}
    whole, last = summary(folder, "whole"), summary(folder, "3")
    assert last["best"] == whole["best"], "the best epoch is one of another part"
    files = [one["sha256"] for one in last["models"]]  # which hold the time of their writing
    assert last["models"] == [one | {"sha256": there} for one, there in zip(whole["models"], files, strict=True)]
    tables = [_without_seconds(results(folder, uid) / "history.csv") for uid in ("whole", "3")]
    assert tables[0] == tables[1]

    assert train_job(folder, "4", epochs=7, monitor=WORST, continueFrom={"uri": "s3://results/lab/tiny/2/"}) == 0
    assert summary(folder, "4")["best"]["epoch"] > 3, "of another training only its own epochs count"


def test_a_part_that_has_no_epoch_left_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_job(folder, stopAfterEpoch=2) == 0
    assert train_job(folder, "2", stopAfterEpoch=2, continueFrom={"uri": "s3://results/lab/tiny/1/"}) == 64
    assert "spec.training.stopAfterEpoch: found 2, and 2 epochs were trained in" in capsys.readouterr().out


def _without_seconds(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"monitor": WORST, "best": False}, "epoch 1 was better (loss {}), but is not there: spec.results.best is"),
        ({"epochs": 1}, "1 epoch trained; model.keras holds epoch 1 (loss "),
        (
            {
                "callbacks": [
                    {"callback": "EarlyStopping", "monitor": "loss", "mode": "max", "restore_best_weights": True}
                ]
            },
            "model.keras holds epoch 1, the best (loss ",
        ),
    ],
    ids=["not asked for", "one epoch", "restored"],
)
def test_one_model_is_left_where_there_is_no_other(folder: Path, fields: dict[str, Any], said: str) -> None:
    assert train_job(folder, **fields) == 0
    (only,) = summary(folder)["models"]
    assert only["name"] == "model.keras"
    assert not (results(folder) / "best.keras").exists()
    assert said.split("{}", maxsplit=1)[0] in (results(folder) / "training.log").read_text().splitlines()[-1]


def test_a_storage_that_gives_back_another_model_is_told_and_tried_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    download = FolderBucket.download

    def other(bucket: FolderBucket, key: str, path: Path) -> str:
        if not key.endswith(".keras"):
            return download(bucket, key, path)
        path.write_bytes(b"theirs")
        return sha256(path)

    with monkeypatch.context() as changed:
        changed.setattr(FolderBucket, "download", other)
        assert train_job(folder) == os.EX_TEMPFAIL
    assert "StorageError: " in capsys.readouterr().out
    assert train_job(folder) == 0
    assert (summary(folder)["attempt"], summary(folder)["epochs"]) == (2, 3)


def test_a_file_that_does_not_hold_what_was_evaluated_is_our_fault(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save = keras.Model.save

    def spoiled(model: keras.Model, path: Path) -> None:
        weights = model.get_weights()
        model.set_weights([weight + 1 for weight in weights])
        save(model, path)
        model.set_weights(weights)

    monkeypatch.setattr(keras.Model, "save", spoiled)
    assert train_job(folder) == 1
    assert "that is a fault of Epochal, or of Keras, and none of spec, data or storage" in capsys.readouterr().out


def test_what_is_monitored_must_be_measured(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_job(folder, metrics=["accuracy"], monitor={"metric": "val_accuracy"}) == 64
    printed = capsys.readouterr().out
    assert "InvalidTraining: spec.training.monitor.metric: must be one of loss, accuracy, found 'val_acc" in printed
