"""The data of a training fit its network and its loss, or are refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from epochal_api.trainingjob import TrainingJobSpec
from epochal_trainer.data import DataSets
from epochal_trainer.data.memory import Memory
from epochal_trainer.lib.failures import Failure
from epochal_trainer.model import network
from epochal_trainer.storage import FolderBucket
from epochal_trainer.training.loading import loaded

LABELS = np.array([0, 1, 2, 2, 2, 1, 0, 2, 1, 0])


def read(folder: Path, labels: Any = LABELS, width: int = 4, **training: Any) -> DataSets:
    spec = TrainingJobSpec.model_validate(
        {
            "storage": {"secretRef": {"name": "none"}},
            "data": {"bucket": "data", "train": {"object": "a.npz"}, "validation": {"split": "0.2"}},
            "network": {"input": {"shape": [4]}, "layers": [{"layer": "Dense", "units": 3}]},
            "training": {"loss": "SparseCategoricalCrossentropy", **training},
            "results": {"bucket": "results"},
        }
    )
    np.savez(folder / "a.npz", x=np.zeros((len(labels), width)), y=labels)
    model = network.build(spec.network, seed=1, memory=1 << 30)
    return loaded(spec, FolderBucket(folder), model, scratch=folder, memory=Memory())


def test_they_are_read_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        data = read(tmp_path)
    assert data.validation is not None
    assert (len(data.train), len(data.validation), data.train.weights) == (8, 2, None)
    assert [line.split(":")[0] for line in caplog.messages if line.startswith("Data")] == [
        "Data for training",
        "Data for validation",
        "Data",
    ]


def test_classes_are_weighted_in_what_is_trained_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        data = read(tmp_path, classWeight={"0": "2.5"})
    assert data.train.weights is not None
    assert data.train.weights.tolist() == [2.5 if label == 0 else 1.0 for label in LABELS[:8]]
    assert data.validation is not None
    assert data.validation.weights is None
    assert "Weights of classes: 0: 2.5" in caplog.text


@pytest.mark.parametrize(
    ("changes", "reason"), [({"labels": LABELS + 1}, "InvalidLabels"), ({"width": 5}, "ShapeMismatch")], ids=str
)
def test_what_does_not_fit_is_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Failure) as caught:
        read(tmp_path, **changes)
    assert caught.value.reason == reason
