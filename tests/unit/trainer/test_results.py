import json
import math
from pathlib import Path

import pytest
from epochal_trainer.buckets import FolderBucket
from epochal_trainer.curves import draw
from epochal_trainer.epochs import Epoch
from epochal_trainer.results import Results, readable, to_json


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
