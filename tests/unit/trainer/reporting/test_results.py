import json
import math
from pathlib import Path

import pytest
from epochal_api.pod import NOT_RETRIED
from epochal_lib.digests import sha256
from epochal_trainer.lib.failures import Failure, bad_data, refused_failure
from epochal_trainer.reporting.attempts import Attempts
from epochal_trainer.reporting.best import Monitor
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.reporting.history_writer import draw_curves
from epochal_trainer.reporting.results import Results, to_json
from epochal_trainer.storage import FolderBucket
from matplotlib.axes import Axes
from matplotlib.figure import Figure


def results_in(bucket: FolderBucket) -> Results:
    return Results(bucket, "n/j/u", check=lambda: None)


def test_a_folder_is_stored_with_its_folders(tmp_path: Path) -> None:
    (tmp_path / "from/deep").mkdir(parents=True)
    (tmp_path / "from/deep/file").write_text("x")
    results_in(FolderBucket(tmp_path)).store_folder(tmp_path / "from", "callbacks")
    assert (tmp_path / "n/j/u/callbacks/deep/file").read_text() == "x"


def test_exists_until_deleted(tmp_path: Path) -> None:
    results = results_in(FolderBucket(tmp_path))
    results.put("attempts/exporting-not", b"")
    assert not results.exists("attempts/exporting")
    results.put("attempts/exporting", b"")
    assert results.exists("attempts/exporting")
    results.delete("attempts/exporting")
    results.delete("attempts/exporting")
    assert not results.exists("attempts/exporting")
    assert (tmp_path / "n/j/u/attempts/exporting-not").exists()


def test_the_results_of_a_later_attempt_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "bucket").mkdir()
    (tmp_path / "mine").write_text("mine")
    bucket = FolderBucket(tmp_path / "bucket")
    earlier, later = (Attempts(bucket, "n/j/u", pod) for pod in ("earlier", "later"))
    earlier.begin("spec")
    results = Results(bucket, "n/j/u", earlier.check)
    results.store(tmp_path / "mine", "model.keras")
    later.begin("spec")
    with pytest.raises(Failure) as caught:
        results.store(tmp_path / "mine", "history.csv")
    assert caught.value.reason == "Superseded"
    assert not (tmp_path / "bucket/n/j/u/history.csv").exists()


def test_nan_and_infinity_are_null_in_json() -> None:
    assert json.loads(to_json({"a": [math.nan, 1.0, {"b": math.inf}]})) == {"a": [None, 1.0, {"b": None}]}


@pytest.mark.parametrize("count", [1, 40])
def test_curves_are_drawn(tmp_path: Path, count: int) -> None:
    names = ("loss", "val_loss", "accuracy", "val_accuracy", "auc")
    epochs = [Epoch(number, 1.0, None, dict.fromkeys(names, 1 / number)) for number in range(1, count + 1)]
    draw_curves(epochs, tmp_path / "curves.png", title="n/j", monitor=Monitor("loss"))
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("monitor", "marked"),
    [(Monitor("val_accuracy", "Max"), [("accuracy", 2)]), (Monitor("val_loss"), [("loss", 3)]), (Monitor("auc"), [])],
)
def test_the_best_epoch_is_marked_in_the_panel_of_the_monitor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, monitor: Monitor, marked: list[tuple[str, int]]
) -> None:
    found: list[tuple[Axes, int]] = []

    def mark(axes: Axes, epoch: int, **line: str) -> None:
        assert line["label"] == f"best: epoch {epoch}"
        found.append((axes, epoch))

    monkeypatch.setattr(Axes, "axvline", mark)
    monkeypatch.setattr(Figure, "savefig", lambda *_, **__: None)  # it takes a second
    rows = [(3.0, 0.1), (2.0, 0.9), (1.0, 0.5)]
    epochs = [
        Epoch(number, 1.0, None, {"loss": loss, "val_loss": loss, "accuracy": accuracy, "val_accuracy": accuracy})
        for number, (loss, accuracy) in enumerate(rows, 1)
    ]
    draw_curves(epochs, tmp_path / "curves.png", title="n/j", monitor=monitor)
    assert [(axes.get_title(), epoch) for axes, epoch in found] == marked


class Other(FolderBucket):
    """A bucket that returns other content than was stored."""

    error: Failure | None = None

    def download(self, _: str, path: Path) -> str:
        if self.error is not None:
            raise self.error
        path.write_text("theirs")
        return sha256(path)


def test_a_stored_file_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_text("mine")
    results = results_in(FolderBucket(tmp_path))
    results.store(path, "model.keras")
    assert results.read_back("model.keras", path) == sha256(path)
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (None, "differs from .* uploaded: expected SHA-256 .*, found .* check whether the storage"),
        (bad_data("ObjectNotFound", "it is missing"), "differs from .* uploaded: it is missing"),
        (bad_data("ObjectChanged", "it has changed"), "differs from .* uploaded: it has changed"),
    ],
)
def test_different_content_on_read_back_is_retried(tmp_path: Path, error: Failure | None, message: str) -> None:
    bucket = Other(tmp_path)
    bucket.error = error
    (tmp_path / "model.keras").write_text("mine")
    results = results_in(bucket)
    results.store(tmp_path / "model.keras", "model.keras")
    with pytest.raises(Failure, match=message) as caught:
        results.read_back("model.keras", tmp_path / "model.keras")
    assert caught.value.reason == "StorageError"
    assert caught.value.exit_code not in NOT_RETRIED


def test_a_refused_read_back_raises_the_failure_of_the_storage(tmp_path: Path) -> None:
    bucket = Other(tmp_path)
    bucket.error = refused_failure("CredentialsRefused", "may not be read")
    (tmp_path / "model.keras").write_text("mine")
    with pytest.raises(Failure, match="may not be read") as caught:
        results_in(bucket).read_back("model.keras", tmp_path / "model.keras")
    assert caught.value.reason == "CredentialsRefused"
