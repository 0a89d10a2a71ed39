import json
import math
from pathlib import Path

import pytest
from epochal_trainer.buckets import FolderBucket
from epochal_trainer.curves import draw
from epochal_trainer.epochs import Epoch
from epochal_trainer.failures import Failure
from epochal_trainer.results import Results, readable, to_json


def test_attempts_are_counted(tmp_path: Path) -> None:
    results = Results(FolderBucket(tmp_path), "n/j/u")
    assert [results.begin_attempt("spec") for _ in range(12)] == list(range(1, 13))
    assert json.loads((tmp_path / "n/j/u/attempts/12.json").read_text())["attempt"] == 12
    assert Results(FolderBucket(tmp_path), "n/j/other").begin_attempt("spec") == 1


def test_only_the_last_attempt_may_store_its_results(tmp_path: Path) -> None:
    old, new = Results(FolderBucket(tmp_path), "n/j/u"), Results(FolderBucket(tmp_path), "n/j/u")
    old.begin_attempt("spec")
    old.check_last()
    new.begin_attempt("spec")
    new.check_last()
    with pytest.raises(Failure, match="this is attempt 1, and attempt 2 has begun since"):
        old.check_last()


def test_a_bucket_that_is_not_there_is_found_before_training(tmp_path: Path) -> None:
    with pytest.raises(Failure) as caught:
        Results(FolderBucket(tmp_path / "missing"), "n/j/u").begin_attempt("spec")
    assert caught.value.reason == "BucketNotFound"


def test_a_folder_is_stored_with_its_folders(tmp_path: Path) -> None:
    (tmp_path / "from/deep").mkdir(parents=True)
    (tmp_path / "from/deep/file").write_text("x")
    (tmp_path / "to").mkdir()
    Results(FolderBucket(tmp_path / "to"), "n/j/u").store_folder(tmp_path / "from", "callbacks")
    assert (tmp_path / "to/n/j/u/callbacks/deep/file").read_text() == "x"


def test_json_holds_no_number_that_json_does_not_have() -> None:
    assert json.loads(to_json({"a": [math.nan, 1.0, {"b": math.inf}]})) == {"a": [None, 1.0, {"b": None}]}


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (23_100, "23.1 kB"), (4_600_000, "4.6 MB")])
def test_readable(count: int, text: str) -> None:
    assert readable(count) == text


@pytest.mark.parametrize("count", [1, 40])
def test_curves_are_drawn(tmp_path: Path, count: int) -> None:
    names = ("loss", "val_loss", "accuracy", "val_accuracy", "auc")
    epochs = [Epoch(number, 1.0, None, dict.fromkeys(names, 1 / number)) for number in range(1, count + 1)]
    draw(epochs, tmp_path / "curves.png", title="n/j")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
