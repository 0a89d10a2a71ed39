"""Runs of the trainer, one after another, each with the results of those before."""

import csv
import itertools
import json
import os
import re
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import yaml
from epochal_api.data_summary import DATA
from epochal_lib.digests import sha256
from epochal_trainer.checkpoint import archive, digest
from epochal_trainer.model import network
from epochal_trainer.reporting import history_writer
from epochal_trainer.reporting.reporter import Reporter
from epochal_trainer.run import Folders, run
from epochal_trainer.storage import FolderBucket
from epochal_trainer.training import fit as keras_fit

from .conftest import restored_process

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
    source: dict[str, Any] | None = None,
    exports: Sequence[str] = (),
    **training: Any,
) -> int:
    """Runs the trainer and returns its exit code."""
    spec = {
        "storage": {"secretRef": {"name": "none"}},
        "data": {"bucket": "data", "train": {"object": "tiny.npz"}, "test": {"object": "test.npz"}, **(data or {})},
        **(source or {"network": {"input": {"shape": [6]}, "layers": LAYERS}}),
        "training": {"epochs": 3, "loss": "SparseCategoricalCrossentropy", **training},
        "results": {"bucket": "results", "exports": [*exports], "evaluation": bool(exports)}
        | ({} if best is None else {"best": best}),
        "finish": finish,
    }
    metadata = {"name": "tiny", "namespace": "lab", "uid": uid}
    job = {"apiVersion": "epochal.dev/v1alpha1", "kind": "TrainingJob", "metadata": metadata, "spec": spec}
    (folder / "job.yaml").write_text(yaml.safe_dump(job))
    with restored_process():
        return run(folder / "job.yaml", Folders(folder / "data", folder / "results"))


def results(folder: Path, uid: str = "1") -> Path:
    return folder / "results/lab/tiny" / uid


def summary(folder: Path, uid: str = "1") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((results(folder, uid) / "summary.json").read_text())
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stopped(folder: Path, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    """Runs the trainer until SIGTERM at the end of its second epoch."""

    def stop(_: Any, epoch: int, logs: Any = None) -> None:
        del logs
        if epoch == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(keras.callbacks.EarlyStopping, "on_epoch_end", stop)
        assert train_job(folder, callbacks=[NEVER_BETTER], **fields) == 143


def test_sample_weights_and_a_random_split_stay_the_same_after_a_restart(
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
    data = resumed["data"]
    assert data == whole["data"]
    assert (data["train"], data["validation"], data["test"]) == (48, 12, 60)
    assert data["division"] == {"shuffle": True, "stratify": True, "seed": 3}
    assert sorted(data["classWeights"]) == ["0", "1"]
    assert all(resumed[name] == whole[name] for name in ("metrics", "best", "test"))
    models = [keras.saving.load_model(results(folder, uid) / "model.keras") for uid in ("whole", "1")]
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(one, other)

    again = {"uri": "s3://results/lab/tiny/whole/"}
    capsys.readouterr()
    assert train_job(folder, "2", epochs=4, continueFrom=again, **fields) == 0
    assert "may hold samples that were trained on, so" not in capsys.readouterr().out
    assert train_job(folder, "3", epochs=4, continueFrom=again, **{**fields, "seed": 4}) == 0
    assert "may hold samples that were trained on, so" in capsys.readouterr().out
    assert "ValidationSeen" in [warning["reason"] for warning in summary(folder, "3")["warnings"]]


def test_changed_data_restart_the_epoch_with_a_warning(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fields: dict[str, Any] = {"callbacks": [NEVER_BETTER], "batchSize": 10, "epochs": 2}
    steps = itertools.count(1)

    def stop(*_: Any, **__: Any) -> None:
        if next(steps) == 6 + 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(keras.callbacks.EarlyStopping, "on_train_batch_end", stop)
        assert train_job(folder, **fields) == 143
    np.savez(folder / "data/tiny.npz", x=FEATURES + 1, y=LABELS)
    capsys.readouterr()
    assert train_job(folder, **fields) == 0
    printed = capsys.readouterr().out
    assert "is from the middle of epoch 2, and" in printed
    assert "Resuming from the end of epoch 1" in printed
    (message,) = (warning["message"] for warning in summary(folder)["warnings"] if warning["reason"] == "DataChanged")
    assert "after 1 finished epochs" in message


def test_a_checkpoint_of_another_network_ends_the_run_and_is_kept(
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


CODE = """
import keras

@keras.saving.register_keras_serializable()
class Scale(keras.layers.Layer):
    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer="glorot_uniform")

    def call(self, inputs):
        return inputs * self.factor

@keras.saving.register_keras_serializable()
class Entropy(keras.losses.SparseCategoricalCrossentropy):
    pass

def build_model(spec):
    inputs = keras.Input((6,), name="table")
    hidden = keras.layers.Dropout(0.2)(Scale()(inputs))
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(hidden))
"""


def saved_model() -> keras.Model:
    """Returns a model with a layer to freeze, one with moving averages, and random numbers."""
    parts = [
        keras.layers.Dense(8, name="conv1"),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(2, activation="softmax"),
    ]
    return keras.Sequential([keras.Input((6,)), *parts])


@pytest.mark.parametrize("kind", ["code", "model"])
def test_a_network_from_a_file_resumes_unless_the_file_has_changed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    fields: dict[str, Any] = {"metrics": ["accuracy"]}
    if kind == "code":
        file, name = folder / "data/model.py", "model.py"
        file.write_text(CODE)
        fields |= {"source": {"code": {"object": name}}, "loss": "Entropy"}
    else:
        file, name = folder / "results/base.keras", "s3://results/base.keras"
        file.parent.mkdir()
        saved_model().save(file)
        fields |= {"source": {"model": {"uri": name, "freeze": ["conv*"]}}}
    exports = ["onnx"] if kind == "code" else []  # its process needs the code, too
    assert train_job(folder, "whole", callbacks=[NEVER_BETTER], exports=exports, **fields) == 0
    stopped(folder, monkeypatch, **fields)
    content = file.read_bytes()
    if kind == "code":
        file.write_text(CODE.replace("0.2", "0.3"))
    else:
        saved_model().save(file)
    capsys.readouterr()
    assert train_job(folder, callbacks=[NEVER_BETTER], **fields) == 64
    assert f"CheckpointMismatch: {name} has changed since the checkpoint of attempt 1" in capsys.readouterr().out
    file.write_bytes(content)
    assert train_job(folder, callbacks=[NEVER_BETTER], **fields) == 0
    whole, resumed = summary(folder, "whole"), summary(folder)
    assert resumed["models"][0]["weights"] == whole["models"][0]["weights"]
    assert all(resumed[key] == whole[key] for key in ("metrics", "best", "test", "network"))
    assert resumed["digests"]["network"] == {name: sha256(file)}
    assert whole["network"]["layers"] == (3 if kind == "code" else 4)
    if kind == "code":
        assert whole["export"]["reason"] == "Exported", whole["export"]
        assert (results(folder, "whole") / "evaluation.json").exists()
    else:
        trained, base = keras.saving.load_model(results(folder) / "model.keras"), keras.saving.load_model(file)
        for index, (one, other) in enumerate(zip(trained.get_weights(), base.get_weights(), strict=True)):
            assert np.array_equal(one, other) == (index < 2), "only conv1 is frozen"


def test_damaged_checkpoints_end_the_run_and_are_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped(folder, monkeypatch)
    damaged = [*(results(folder) / "checkpoints").glob("*.zip")]  # one or two: a busy machine takes them less often
    for path in damaged:
        path.write_bytes(path.read_bytes()[:-1])
    before = files(results(folder) / "checkpoints")
    assert train_job(folder, callbacks=[NEVER_BETTER]) == 65
    assert f"CheckpointDamaged: none of the {len(damaged)} checkpoints in " in capsys.readouterr().out
    assert files(results(folder) / "checkpoints") == before


def test_data_that_fit_without_a_checkpoint_fit_with_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_a_superseded_attempt_stores_no_results(
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
    assert {path.name for path in results(folder).iterdir()} == {"attempts", "checkpoints", DATA, *stored}


def test_a_run_with_finish_reports_it(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stages: list[tuple[str | None, str | None]] = []

    def recording(method: Callable[..., None]) -> Callable[..., None]:
        def call(reporter: Reporter, **changes: Any) -> None:
            if "start_stage" in changes:
                stages.append((changes.get("stage"), changes["start_stage"]))
            method(reporter, **changes)

        return call

    for name in ("set_fields", "send"):
        monkeypatch.setattr(Reporter, name, recording(getattr(Reporter, name)))
    assert train_job(folder, finish=True, callbacks=[NEVER_BETTER]) == 0
    starting = ["BuildingNetwork", "RestoringCheckpoint", "LoadingData", "ComputingFirstStep"]
    in_order = [stages for stages, _ in itertools.groupby(stages)]
    assert [stage for _, stage in in_order[:4]] == starting
    assert in_order[4:] == [("Training", None), ("Storing", None)]
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


def test_early_stopping_does_not_end_a_continued_training(folder: Path) -> None:
    assert train_job(folder, epochs=9, callbacks=[NEVER_BETTER]) == 0
    assert summary(folder)["epochs"] == 3
    again = {"uri": "s3://results/lab/tiny/1/"}
    assert train_job(folder, "2", epochs=9, callbacks=[NEVER_BETTER], continueFrom=again) == 0
    assert summary(folder, "2")["epochs"] == 5
    assert summary(folder, "2")["best"]["epoch"] > 3  # of its own epochs


def test_early_stopping_starts_again_with_other_data(folder: Path) -> None:
    np.savez(folder / "data/a.npz", x=FEATURES, y=LABELS)
    np.savez(folder / "data/b.npz", x=FEATURES, y=(FEATURES[:, 1] > 0).astype("uint8"))
    callbacks = [
        {"callback": "EarlyStopping", "patience": 2, "restore_best_weights": True},
        {"callback": "ModelCheckpoint", "filepath": "best.keras", "save_best_only": True},
    ]
    fields: dict[str, Any] = {"callbacks": callbacks, "optimizer": {"name": "SGD", "learning_rate": 0.1}}
    for uid, name, epochs, start in (("1", "a", 9, {}), ("2", "b", 20, {"uri": "s3://results/lab/tiny/1/"})):
        data = {"train": {"object": f"{name}.npz"}, "validation": {"split": "0.2"}}
        more: dict[str, Any] = {"continueFrom": start} if start else {}
        assert train_job(folder, uid, data=data, epochs=epochs, **fields, **more) == 0
    assert summary(folder, "2")["epochs"] > summary(folder, "1")["epochs"] + 2
    models = [summary(folder, uid)["models"][0]["weights"] for uid in ("1", "2")]
    assert models[0] != models[1]
    saved = [digest(keras.saving.load_model(results(folder, uid) / "callbacks/best.keras")) for uid in ("1", "2")]
    assert saved[0] != saved[1]


def test_a_finished_training_with_averaged_weights_continues_from_the_plain_weights(folder: Path) -> None:
    swap = {"callback": "SwapEMAWeights", "swap_on_epoch": True}
    fields: dict[str, Any] = {"callbacks": [swap], "optimizer": {"name": "SGD", "use_ema": True, "ema_momentum": 0.9}}
    assert train_job(folder, "whole", epochs=4, **fields) == 0
    assert train_job(folder, "1", epochs=2, **fields) == 0
    assert train_job(folder, "2", epochs=4, continueFrom={"uri": "s3://results/lab/tiny/1/"}, **fields) == 0
    models = [summary(folder, uid)["models"][0]["weights"] for uid in ("whole", "2")]
    assert models[0] == models[1]


WORST = {"metric": "loss", "mode": "Max"}
"""Makes an early epoch the best one."""


def test_the_best_model_lies_beside_the_last_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_job(folder, epochs=4, monitor=WORST, metrics=["accuracy"]) == 0
    last, best = summary(folder)["models"]
    assert [(item["name"], item["epoch"]) for item in (last, best)] == [("model.keras", 4), ("best.keras", 1)]
    for item in (last, best):
        path = results(folder) / item["name"]
        model = keras.saving.load_model(path)
        assert (item["sha256"], item["weights"]) == (sha256(path), digest(model))
        figures = model.evaluate(FEATURES, LABELS, verbose=0, return_dict=True)
        assert item["test"] == pytest.approx(figures, rel=1e-5)
    assert summary(folder)["test"] == last["test"] != best["test"]
    assert summary(folder)["best"] == {
        "epoch": 1,
        "metric": "loss",
        "mode": "Max",
        "value": best["metrics"]["loss"],
    }
    log = (results(folder) / "training.log").read_text().splitlines()
    line = log[-1].split("  ", 1)[1]
    assert line.startswith("4 epochs trained; model.keras holds epoch 4 (loss ")
    assert "; best.keras holds epoch 1, the best (loss " in line
    assert capsys.readouterr().out.rstrip().endswith(f"Done: {line}")


def test_a_training_continues_from_the_best_weights_of_another(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_job(folder, epochs=4, monitor=WORST) == 0
    best = {"uri": "s3://results/lab/tiny/1/", "from": "Best"}
    assert train_job(folder, "2", epochs=1, continueFrom=best) == 64
    assert "spec.training.epochs: found 1, but 1 epochs were trained in" in capsys.readouterr().out
    assert train_job(folder, "2", epochs=3, monitor=WORST, continueFrom=best) == 0
    assert summary(folder, "2")["epochs"] == 3
    assert summary(folder, "2")["best"]["epoch"] > 1, "what is best is told of its own epochs"
    rows = (results(folder, "2") / "history.csv").read_text().splitlines()
    assert rows[1] == (results(folder) / "history.csv").read_text().splitlines()[1]

    assert train_job(folder, "3", epochs=4, best=False, monitor=WORST) == 0
    assert train_job(folder, "4", epochs=9, continueFrom=best | {"uri": "s3://results/lab/tiny/3/"}) == 64
    assert "the weights of the best epoch 1 were not kept" in capsys.readouterr().out


def test_a_better_epoch_of_the_training_before_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after the trainer was killed and resumed."""
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
    assert re.search(r"; epoch 1 of the earlier training \(loss [0-9.]+\) was better: .*/lab/tiny/1/?$", log[-1])
    (line,) = (line for line in log if "Epoch 3/5" in line)
    assert "best since epoch 3" in line


def test_no_best_model_is_stored_if_the_last_epoch_is_as_good(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    still = {"name": "SGD", "learning_rate": 0}
    fields: dict[str, Any] = {"metrics": ["accuracy"], "monitor": {"metric": "accuracy"}}
    assert train_job(folder, epochs=3, optimizer=still, **fields) == 0
    assert [(model["name"], model["epoch"]) for model in summary(folder)["models"]] == [("model.keras", 3)]
    assert summary(folder)["best"]["epoch"] == 1
    assert "; model.keras holds epoch 3, as good as epoch 1, the best (accuracy " in capsys.readouterr().out
    best = {"uri": "s3://results/lab/tiny/1/", "from": "Best"}
    assert train_job(folder, "2", epochs=4, continueFrom=best) == 0
    assert "Resuming from the end of epoch 3 " in capsys.readouterr().out


def test_a_training_in_parts_has_the_results_of_one_run(folder: Path) -> None:
    fields: dict[str, Any] = {"epochs": 6, "monitor": WORST, "callbacks": [NEVER_BETTER | {"patience": 9}]}
    assert train_job(folder, "whole", **fields) == 0
    before: dict[str, Any] = {}
    for uid, after in (("1", 1), ("2", 3), ("3", None)):
        assert train_job(folder, uid, stopAfterEpoch=after, **fields, **before) == 0
        assert summary(folder, uid)["reason"] == ("StoppedAfterEpoch" if after else "Completed")
        before = {"continueFrom": {"uri": f"s3://results/lab/tiny/{uid}/"}}
    whole, last = summary(folder, "whole"), summary(folder, "3")
    assert last["best"] == whole["best"], "the best epoch is one of another part"
    files = [model["sha256"] for model in last["models"]]  # which hold the time of their writing
    assert last["models"] == [one | {"sha256": there} for one, there in zip(whole["models"], files, strict=True)]
    tables = [_without_seconds(results(folder, uid) / "history.csv") for uid in ("whole", "3")]
    assert tables[0] == tables[1]

    assert train_job(folder, "4", epochs=7, monitor=WORST, continueFrom={"uri": "s3://results/lab/tiny/2/"}) == 0
    assert summary(folder, "4")["best"]["epoch"] > 3, "of another training only its own epochs count"


def test_a_part_that_has_no_epoch_left_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_job(folder, stopAfterEpoch=2) == 0
    assert train_job(folder, "2", stopAfterEpoch=2, continueFrom={"uri": "s3://results/lab/tiny/1/"}) == 64
    assert "spec.training.stopAfterEpoch: found 2, but 2 epochs were trained in" in capsys.readouterr().out


def _without_seconds(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"monitor": WORST, "best": False}, "epoch 1 was better (loss {}), but is not stored: spec.results.best is"),
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
def test_one_model_is_stored_if_there_is_no_other(folder: Path, fields: dict[str, Any], line: str) -> None:
    assert train_job(folder, **fields) == 0
    (only,) = summary(folder)["models"]
    assert only["name"] == "model.keras"
    assert not (results(folder) / "best.keras").exists()
    assert line.split("{}", maxsplit=1)[0] in (results(folder) / "training.log").read_text().splitlines()[-1]


def test_a_storage_that_returns_another_model_fails_the_attempt_only(
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


def test_a_stored_model_other_than_the_evaluated_one_is_an_internal_error(
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
    assert "this is a bug of Epochal or of Keras, not a problem of spec, data or storage" in capsys.readouterr().out


def test_the_monitored_metric_must_exist(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_job(folder, metrics=["accuracy"], monitor={"metric": "val_accuracy"}) == 64
    printed = capsys.readouterr().out
    assert "InvalidTraining: spec.training.monitor.metric: must be one of loss, accuracy, found 'val_acc" in printed
