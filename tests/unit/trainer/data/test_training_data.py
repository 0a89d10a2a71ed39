import numpy as np
from epochal_trainer.data.samples import Samples
from epochal_trainer.data.training_data import TrainingData


def test_sample_weights_in_the_summary() -> None:
    train = Samples.single(
        np.zeros(3), np.arange(3), "x", "y", np.array([0.25, 1, 4], "f4"), weights_source="a.npz[sample_weight]"
    )
    dumped = TrainingData(train, train.subset(slice(2)), Samples.single(np.zeros(1), np.zeros(1), "x", "y"), {}).dump()
    assert dumped["sampleWeights"] == {
        "train": {"from": "a.npz[sample_weight]", "least": 0.25, "greatest": 4.0},
        "validation": {"from": "a.npz[sample_weight]", "least": 0.25, "greatest": 1.0},
    }
    assert (dumped["train"], dumped["validation"], dumped["test"]) == (3, 2, 1)
