"""Networks of servers that are disturbed by requests: a slow one, and one that takes numbers instead of images."""

from functools import cache
from pathlib import Path

import numpy as np

from tests.bench.serving.networks import SLOW
from tests.kit.inference import Array
from tests.kit.jobs import digits
from tests.kit.trained_model import TrainedModel, train

NUMBERS = "numbers"
SAMPLES, CLASSES = 64, 10


@cache
def slow(folder: Path) -> TrainedModel:
    """Returns a network that takes milliseconds an image, trained at the first call."""
    data = folder / SLOW.name
    data.mkdir()
    SLOW.write_data(data / f"{SLOW.name}.npz")
    return train(SLOW.job(SLOW.name, 1), data, folder / f"{SLOW.name}-trained")


@cache
def numbers(folder: Path) -> TrainedModel:
    """Returns a network with one number as its sample, so that a body holds very many samples."""
    data = _data(folder, NUMBERS, np.arange(SAMPLES, dtype=np.float32)[:, None], np.arange(SAMPLES) % CLASSES)
    layers = [{"layer": "Dense", "units": CLASSES, "activation": "softmax"}]
    job = digits(
        NUMBERS,
        data={"bucket": NUMBERS, "train": {"object": f"{NUMBERS}.npz"}},
        network={"input": {"shape": [1]}, "layers": layers},
        training__epochs=1,
        training__callbacks=None,
    )
    return train(job, data, folder / f"{NUMBERS}-trained")


def _data(folder: Path, name: str, x: Array, y: Array) -> Path:
    data = folder / name
    data.mkdir()
    np.savez(data / f"{name}.npz", x=x, y=y)
    return data
