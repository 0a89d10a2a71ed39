"""The networks of the served models, and the images of the requests."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.networks import IMAGE, SMALL, Network, digit_network
from tests.demo.mnist import files
from tests.kit.kubectl import Object
from tests.kit.trained_model import TrainedModel, train

Array = np.ndarray[Any, Any]
IMAGES_HEAD = 16
"""Bytes before the images in a file of MNIST."""
DISTINCT = 256
"""Requests that are sent in turn, each with different images."""
SEED = 7
_WIDE: Object = {"layer": "Conv2D", "filters": 128, "kernel_size": 3, "padding": "same", "activation": "relu"}

MNIST = replace(SMALL, name="mnist", samples=2000)
SLOW = replace(
    SMALL,
    name="slow",
    says="six convolutions, 742 k parameters",
    network=digit_network((*(_WIDE,) * 6, {"layer": "GlobalAveragePooling2D"}), shape=IMAGE[0]),
    samples=64,
)
"""About 5 ms an image."""


def trained(network: Network, folder: Path, *, seed: int = SEED) -> TrainedModel:
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    network.write_data(data / f"{network.name}.npz")
    document = network.job(network.name, 1)
    document["spec"]["training"]["seed"] = seed
    return train(document, data, folder / f"{network.name}-{seed}", exports=("onnx", "savedmodel"))


def batches(mnist: Path, samples: int = 1) -> list[Array]:
    """Returns the batches of the requests: images of MNIST's test set, different in each."""
    path = next(path for path in files(mnist) if path.name.startswith("t10k-images"))
    images = np.frombuffer(path.read_bytes(), np.uint8, offset=IMAGES_HEAD).reshape(-1, 28, 28, 1)
    return [
        np.take(images, range(number * samples, (number + 1) * samples), axis=0, mode="wrap").astype(np.float32)
        for number in range(DISTINCT)
    ]
