"""The networks of the bench and their data: an epoch takes seconds on two cores. plain.py has the same networks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.demo.mnist import files
from tests.kit.buckets import SECRET
from tests.kit.kubectl import Object

Array = np.ndarray[Any, Any]
IMAGES_HEAD, LABELS_HEAD = 16, 8
"""Bytes before the values in the files of MNIST."""
SOFTMAX: Object = {"layer": "Dense", "units": 10, "activation": "softmax"}
FLATTEN: Object = {"layer": "Flatten"}


@dataclass(frozen=True)
class Network:
    """A network, its data and its training; `goal` is the most that the ratio of steady epochs may be, by medians."""

    name: str
    says: str
    layers: tuple[Object, ...]
    shape: tuple[int, ...]
    samples: int
    batch_size: int
    goal: float

    def job(self, name: str, epochs: int) -> Object:
        layers = [{"layer": "Rescaling", "scale": 1 / 255}, *self.layers, SOFTMAX]
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
                "network": {"input": {"shape": list(self.shape)}, "layers": layers},
                "training": {
                    "epochs": epochs,
                    "batchSize": self.batch_size,
                    "optimizer": {"name": "Adam", "learning_rate": 0.001},
                    "loss": "SparseCategoricalCrossentropy",
                    "metrics": ["accuracy"],
                    "seed": 7,
                },
                "resources": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"memory": "6Gi"}},
                "results": {"bucket": "bench-results", "exports": []},
            },
        }

    def write_data(self, mnist: Path, path: Path) -> None:
        """Writes the data: the first images of MNIST where the shape matches, else noise, which trains as fast."""
        if self.shape == (28, 28, 1):
            x, y = _mnist(mnist)
        else:
            noise = np.random.default_rng(0)
            x = noise.integers(0, 256, (self.samples, *self.shape), dtype=np.uint8)
            y = noise.integers(0, 10, self.samples, dtype=np.uint8)
        np.savez(path, x=x[: self.samples], y=y[: self.samples])


def _mnist(folder: Path) -> tuple[Array, Array]:
    images, labels = (path.read_bytes() for path in files(folder)[:2])
    x = np.frombuffer(images, np.uint8, offset=IMAGES_HEAD).reshape(-1, 28, 28, 1)
    return x, np.frombuffer(labels, np.uint8, offset=LABELS_HEAD)


def _convolution(filters: int, padding: str) -> tuple[Object, ...]:
    return (
        {"layer": "Conv2D", "filters": filters, "kernel_size": 3},
        {"layer": "BatchNormalization"},
        {"layer": "ReLU"},
        {"layer": "MaxPooling2D", "pool_size": 2, "padding": padding},
    )


SMALL = Network(
    "small",
    "the network of mnist.yaml, 58 k parameters",
    (*_convolution(32, "valid"), *_convolution(64, "valid"), *_convolution(64, "same"), FLATTEN),
    shape=(28, 28, 1),
    samples=17_000,
    batch_size=64,
    goal=1.01,
)
LARGE = Network(
    "large",
    "dense layers, 29 M parameters",
    (FLATTEN, *({"layer": "Dense", "units": units, "activation": "relu"} for units in (4096, 4096, 2304))),
    shape=(28, 28, 1),
    samples=4_900,
    batch_size=128,
    goal=1.03,
)
DATA = Network(
    "data",
    "2 k parameters on an array of 369 MB",
    ({"layer": "Cropping2D", "cropping": 12}, FLATTEN),
    shape=(32, 32, 3),
    samples=120_000,
    batch_size=32,
    goal=1.01,
)
