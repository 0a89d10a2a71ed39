"""The model with the best weights of a training, and the errors without one."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from epochal_trainer.checkpoint.best_model import BestModel, best_model
from epochal_trainer.lib.failures import Failure
from epochal_trainer.storage import FolderBucket

CONTENT = b"weights"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def model(name: str, epoch: int, sha256: str = DIGEST, val_loss: float = 0.5) -> dict[str, Any]:
    return {"name": name, "epoch": epoch, "sha256": sha256, "metrics": {"val_loss": val_loss}}


BEST, LAST, RESTORED = model("best.keras", 9), model("model.keras", 20), model("model.keras", 9)


def found_in(tmp_path: Path, summary: Any, *files: str) -> BestModel | None:
    folder = tmp_path / "bucket/lab/old/1"
    folder.mkdir(parents=True)
    if summary is not None:
        (folder / "summary.json").write_text(summary if isinstance(summary, str) else json.dumps(summary))
    for name in files:
        (folder / name).write_bytes(CONTENT)
    return best_model(FolderBucket(tmp_path / "bucket"), "lab/old/1", tmp_path / "scratch", 20)


@pytest.mark.parametrize(
    ("models", "best", "found"),
    [
        ([LAST, BEST], 9, (9, "best.keras")),
        ([LAST], 20, None),
        ([LAST], None, None),
        ([RESTORED], 9, (9, "model.keras")),
        ([LAST, model("best.keras", 20)], 20, None),
        ([LAST, BEST, model("../../x", 3)], 9, (9, "best.keras")),
        ([model("model.keras", 20, val_loss=0.1)], 9, None),
        ([model("model.keras", 15, val_loss=0.1)], 9, (15, "model.keras")),
    ],
    ids=[
        "another epoch",
        "the last",
        "none is known",
        "restored",
        "the last, twice",
        "a model of another name",
        "the last is as good",
        "restored, as good",
    ],
)
def test_the_best_model_is_found(
    tmp_path: Path, models: list[Any], best: int | None, found: tuple[int, str] | None
) -> None:
    summary = {"models": models, "best": best and {"epoch": best, "metric": "val_loss", "value": 0.1}, "epochs": 20}
    found_model = found_in(tmp_path, summary, "best.keras", "model.keras")
    assert (found_model and (found_model.epoch, found_model.uri.rsplit("/", 1)[1])) == found
    if found_model is not None:
        assert found_model.file.path.read_bytes() == CONTENT
        assert found_model.file.path.suffix == ".keras"


@pytest.mark.parametrize(
    ("summary", "files", "reason", "message"),
    [
        (None, [], "InvalidTraining", "summary.json is missing, .* Write from: Last"),
        ({"epochs": 20}, [], "DamagedData", "models: is required"),
        (
            {"models": [LAST], "best": {"epoch": 9}},
            ["model.keras"],
            "InvalidTraining",
            r"best epoch 9 were not kept \(spec.results.best of that training\). Write from: Last",
        ),
        ({"models": [LAST, BEST]}, [], "InvalidTraining", "best.keras does not exist. Write from: Last"),
        ({"models": [model("best.keras", 9, "0" * 64)]}, ["best.keras"], "DamagedData", f"has the SHA-256 {DIGEST}"),
        ("{", [], "DamagedData", "cannot parse .*summary.json"),
        ({"models": [{"name": "best.keras", "epoch": 0}]}, [], "DamagedData", r"models\[0\].epoch: must be at"),
    ],
    ids=["none", "no models", "not kept", "gone", "another one", "damaged", "an epoch that is none"],
)
def test_missing_best_weights(tmp_path: Path, summary: Any, files: list[str], reason: str, message: str) -> None:
    with pytest.raises(Failure, match=message) as caught:
        found_in(tmp_path, summary, *files)
    assert caught.value.reason == reason
    assert "spec.training.continueFrom.from" in caught.value.message
