"""The networks of the bench and their data: an epoch takes seconds on two cores. plain.py has the same networks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.kit.buckets import SECRET
from tests.kit.kubectl import Object

Values = tuple[tuple[int, ...], int]
"""The shape of a sample in an array, and the number of different values: 0 and up."""
ROUNDS = 6
PIXELS, CLASSES = 256, 10
IMAGE: Values = ((28, 28, 1), PIXELS)
DIGIT: Values = ((), CLASSES)
SOFTMAX: Object = {"layer": "Dense", "units": CLASSES, "activation": "softmax"}
FLATTEN: Object = {"layer": "Flatten"}
DIGIT_LOSS: Object = {"loss": "SparseCategoricalCrossentropy", "metrics": ["accuracy"]}


@dataclass(frozen=True)
class Network:
    """A network, its data and its training.

    Args:
        name: Name in plain.py, and of its row.
        says: Name in the results.
        network: The network in a TrainingJob.
        arrays: The arrays of its data by name.
        samples: Number of samples, those of the validation included.
        batch_size: Samples in a batch.
        goal: The most that the ratio of steady epochs may be, by medians.
        losses: Losses and metrics in a TrainingJob.
        rounds: Trainings of each side.
    """

    name: str
    says: str
    network: Object
    arrays: Mapping[str, Values]
    samples: int
    batch_size: int
    goal: float
    losses: Object = field(default_factory=lambda: DIGIT_LOSS)
    rounds: int = ROUNDS

    def job(self, name: str, epochs: int) -> Object:
        return {
            "apiVersion": "epochal.dev/v1alpha1",
            "kind": "TrainingJob",
            "metadata": {"name": name},
            "spec": {
                "storage": {"secretRef": {"name": SECRET}},
                "data": {
                    "bucket": "bench-data",
                    "train": {"object": f"{self.name}.npz"},
                    "validation": {"split": "0.166"},
                },
                "network": self.network,
                "training": {
                    "epochs": epochs,
                    "batchSize": self.batch_size,
                    "optimizer": {"name": "Adam", "learning_rate": 0.001},
                    "seed": 7,
                    **self.losses,
                },
                "resources": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"memory": "6Gi"}},
                "results": {"bucket": "bench-results", "exports": []},
            },
        }

    def write_data(self, path: Path) -> None:
        """Writes the data: noise, which trains as fast as images."""
        noise = np.random.default_rng(0)
        arrays: dict[str, Any] = {
            name: noise.integers(0, values, (self.samples, *shape), dtype=np.uint8)
            for name, (shape, values) in self.arrays.items()
        }
        np.savez(path, **arrays)


def digit_network(layers: Sequence[Object], shape: Sequence[int]) -> Object:
    """Returns a network from an image to its digit."""
    scaled = {"layer": "Rescaling", "scale": 1 / 255}
    return {"input": {"shape": [*shape]}, "layers": [scaled, *layers, SOFTMAX]}


def _convolution(filters: int, padding: str) -> tuple[Object, ...]:
    return (
        {"layer": "Conv2D", "filters": filters, "kernel_size": 3},
        {"layer": "BatchNormalization"},
        {"layer": "ReLU"},
        {"layer": "MaxPooling2D", "pool_size": 2, "padding": padding},
    )


def _branch(name: str) -> tuple[Object, ...]:
    """Returns the layers from an input to the features of its image."""
    return (
        {"layer": "Rescaling", "scale": 1 / 255, "inputs": [name]},
        *_convolution(32, "valid"),
        *_convolution(64, "valid"),
        FLATTEN | {"name": f"{name}_features"},
    )


SMALL = Network(
    "small",
    "the network of mnist.yaml, 58 k parameters",
    digit_network(
        (*_convolution(32, "valid"), *_convolution(64, "valid"), *_convolution(64, "same"), FLATTEN), shape=IMAGE[0]
    ),
    {"x": IMAGE, "y": DIGIT},
    samples=17_000,
    batch_size=64,
    goal=1.01,
)
TWO = Network(
    "two",
    "two inputs and two outputs, 74 k parameters",
    {
        "inputs": [{"name": name, "shape": [*IMAGE[0]]} for name in ("image", "second")],
        "layers": [
            *_branch("image"),
            *_branch("second"),
            {"layer": "Concatenate", "name": "both", "inputs": ["image_features", "second_features"]},
            SOFTMAX | {"name": "digit"},
            {"layer": "Dense", "name": "same", "units": 1, "activation": "sigmoid", "inputs": ["both"]},
        ],
        "outputs": ["digit", "same"],
    },
    {"image": IMAGE, "second": IMAGE, "digit": DIGIT, "same": ((), 2)},
    samples=5_000,
    batch_size=64,
    goal=1.03,
    losses={
        "outputs": [
            {"name": "digit", **DIGIT_LOSS},
            {"name": "same", "loss": "BinaryCrossentropy", "metrics": ["accuracy"], "weight": "0.5"},
        ]
    },
)
LARGE = Network(
    "large",
    "dense layers, 29 M parameters",
    digit_network(
        (FLATTEN, *({"layer": "Dense", "units": units, "activation": "relu"} for units in (4096, 4096, 2304))),
        shape=IMAGE[0],
    ),
    {"x": IMAGE, "y": DIGIT},
    samples=4_900,
    batch_size=128,
    goal=1.03,
    rounds=4,
)
DATA = Network(
    "data",
    "2 k parameters on an array of 369 MB",
    digit_network(({"layer": "Cropping2D", "cropping": 12}, FLATTEN), shape=(32, 32, 3)),
    {"x": ((32, 32, 3), PIXELS), "y": DIGIT},
    samples=120_000,
    batch_size=32,
    goal=1.01,
)
NETWORKS = (SMALL, TWO, LARGE, DATA)
