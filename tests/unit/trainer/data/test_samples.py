import numpy as np
import pytest
from epochal_trainer.data.samples import Array, Samples, TrainingData

IMAGES = np.zeros((60_000, 28, 28), "u1")


@pytest.mark.parametrize(
    ("features", "labels", "line"),
    [
        (IMAGES, np.arange(60_000) % 10, "images: 60,000 × 28×28 uint8, 10 classes"),
        (IMAGES, (np.arange(60_000) % 10).reshape(-1, 1), "images: 60,000 × 28×28 uint8, 10 classes"),
        (IMAGES[:2], np.array([7, 7], "u1"), "images: 2 × 28×28 uint8, 1 class"),
        (np.zeros(3, "f4"), np.array([True, False, True]), "images: 3 float32, 2 classes"),
        (IMAGES[:3], np.eye(3, dtype="f4"), "images: 3 × 28×28 uint8, labels of 3 float32"),
        (IMAGES[:3], np.array([0.5, 1.5, 2.5]), "images: 3 × 28×28 uint8, one float64 number per sample"),
        (IMAGES[:3], np.array([-5, 1, 2_000_000]), "images: 3 × 28×28 uint8, labels from -5 to 2,000,000"),
    ],
)
def test_description(features: Array, labels: Array, line: str) -> None:
    assert Samples(features, labels, "images", "labels").describe() == line


def test_description_of_weights() -> None:
    samples = Samples(np.zeros((4, 2), "u1"), np.arange(4, dtype="u1"), "x", "y", np.array([0, 1, 0.5, 2], "f4"), "w")
    assert samples.describe() == "x: 4 × 2 uint8, 4 classes, weights from 0 to 2"
    assert samples.nbytes == 8 + 4 + 16


@pytest.mark.parametrize("rows", [slice(1, 3), np.array([1, 2])])
def test_subset(rows: slice | Array) -> None:
    samples = Samples(np.arange(4), np.arange(4) + 10, "x", "y", np.arange(4) + 20, "w")
    subset = samples.subset(rows)
    assert subset.weights is not None
    assert [subset.features.tolist(), subset.labels.tolist(), subset.weights.tolist()] == [[1, 2], [11, 12], [21, 22]]
    assert (subset.features_name, subset.labels_name, subset.weights_name) == ("x", "y", "w")


def test_sample_weights_in_the_summary() -> None:
    train = Samples(np.zeros(3), np.arange(3), "x", "y", np.array([0.25, 1, 4], "f4"), "a.npz[sample_weight]")
    dumped = TrainingData(train, train.subset(slice(2)), Samples(np.zeros(1), np.zeros(1), "x", "y"), {}).dump()
    assert dumped["sampleWeights"] == {
        "train": {"from": "a.npz[sample_weight]", "least": 0.25, "greatest": 4.0},
        "validation": {"from": "a.npz[sample_weight]", "least": 0.25, "greatest": 1.0},
    }
    assert (dumped["train"], dumped["validation"], dumped["test"]) == (3, 2, 1)


@pytest.mark.parametrize(("samples", "batch_size", "steps"), [(10, 5, 2), (11, 5, 3), (3, 5, 1)])
def test_steps_per_epoch(samples: int, batch_size: int, steps: int) -> None:
    dataset = Samples(np.zeros(samples), np.zeros(samples), "features", "labels")
    order = dataset.order(batch_size=batch_size, seed=7)
    assert (order.samples, order.batch_size, order.seed, order.steps) == (samples, batch_size, 7, steps)
