import json
import math
from pathlib import Path

import pytest
from epochal_trainer.lib.failures import Failure
from epochal_trainer.reporting.attempts import Attempts
from epochal_trainer.reporting.curves import draw
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.reporting.results import Results, to_json
from epochal_trainer.storage import FolderBucket


def test_a_folder_is_stored_with_its_folders(tmp_path: Path) -> None:
    (tmp_path / "from/deep").mkdir(parents=True)
    (tmp_path / "from/deep/file").write_text("x")
    (tmp_path / "to").mkdir()
    results = Results(FolderBucket(tmp_path / "to"), "n/j/u", check=lambda: None)
    results.store_folder(tmp_path / "from", "callbacks")
    assert (tmp_path / "to/n/j/u/callbacks/deep/file").read_text() == "x"


def test_nothing_is_stored_over_the_results_of_a_later_attempt(tmp_path: Path) -> None:
    """Its node was cut off while it stored, somebody deleted that, and it came back when the next one had ended."""
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


def test_json_holds_no_number_that_json_does_not_have() -> None:
    assert json.loads(to_json({"a": [math.nan, 1.0, {"b": math.inf}]})) == {"a": [None, 1.0, {"b": None}]}


@pytest.mark.parametrize("count", [1, 40])
def test_curves_are_drawn(tmp_path: Path, count: int) -> None:
    names = ("loss", "val_loss", "accuracy", "val_accuracy", "auc")
    epochs = [Epoch(number, 1.0, None, dict.fromkeys(names, 1 / number)) for number in range(1, count + 1)]
    draw(epochs, tmp_path / "curves.png", title="n/j")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
