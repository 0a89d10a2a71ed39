"""Samples of a model's inputs, to compare Keras' outputs with those of exported files, and for check.npz.

They are samples of the training's data if it is available, or else random samples.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from epochal_api.signature import ImageSpec, TensorSpec
from epochal_lib.model_server.answers import TEXT, Arrays
from numpy.typing import NDArray

MAX_SAMPLES = 16
"""Maximum number of samples of an export."""
LENGTHS = (32, 64, 128, 256)
"""Lengths to try in turn for an axis that has no fixed length, because convolutions may require a minimum length."""
_SEED = 13
_INPUT = "input:"
"""Prefix of an input's name as the key of its samples in an .npz file, as in epochal_api.signature.CHECK."""


def evenly_spaced(features: NDArray[Any], count: int = MAX_SAMPLES) -> NDArray[Any]:
    """Return up to `count` evenly spaced samples, with the first and the last, because data may be sorted by class."""
    indices = np.linspace(0, len(features) - 1, min(count, len(features))).astype(int)
    chosen: NDArray[Any] = features[indices]
    return chosen


def write(path: Path, inputs: Arrays) -> None:
    """Write the samples of each input to an .npz file for `read`."""
    arrays: dict[str, Any] = {f"{_INPUT}{name}": plain(array) for name, array in inputs.items()}
    np.savez(path, **arrays)


def read(path: Path, specs: Sequence[TensorSpec]) -> dict[str, NDArray[Any]]:
    """Return the samples of each input from an .npz file, converted to the dtypes of the network's inputs.

    If both the file and the network have a single input, the names may differ.
    """
    with np.load(path) as stored:
        names = [name for name in stored if name.startswith(_INPUT)]
        if len(specs) != 1 or len(names) != 1:
            names = [f"{_INPUT}{spec.name}" for spec in specs]
        return {spec.name: stored[name].astype(_numpy(spec)) for spec, name in zip(specs, names, strict=True)}


def generate(specs: Sequence[TensorSpec], image: ImageSpec | None, length: int = LENGTHS[0]) -> dict[str, NDArray[Any]]:
    """Return random samples for each input, with `length` as the length of each axis that has no fixed length.

    Floats are in the value range of the images, or from 0 to 1 without images. Texts are words. Integers are pixels, or
    the indices 0 and 1 without images.
    """
    random = np.random.default_rng(_SEED)
    low, high = (image.lowest, image.highest) if image is not None else (0.0, 1.0)
    found: dict[str, NDArray[Any]] = {}
    for spec in specs:
        shape = (MAX_SAMPLES, *(length if size < 0 else size for size in spec.shape))
        if spec.dtype == TEXT:
            found[spec.name] = random.choice(np.array(["a", "of", "what", "zebra"], object), shape)
        elif spec.dtype.startswith("float"):
            found[spec.name] = random.uniform(low, high, shape).astype(spec.dtype)
        else:
            # Every vocabulary has at least this size. Integer inputs of an image are pixels.
            largest = int(high) if image is not None else 1
            found[spec.name] = random.integers(0, largest + 1, shape).astype(spec.dtype)
    return found


def plain(array: NDArray[Any]) -> NDArray[Any]:
    """Return text as an array of NumPy strings instead of Python objects, and other arrays unchanged.

    NumPy pickles Python objects in files, and loading a pickle may run code.
    """
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8")
    return array.astype(str) if array.dtype.kind == "O" else array


def max_count(arrays: Arrays, max_bytes: int) -> int:
    """Return how many samples fit into `max_bytes`, uncompressed. Each array has an entry for each sample."""
    count = len(next(iter(arrays.values())))
    bytes_per_sample = sum(array.nbytes for array in arrays.values()) / count
    return min(count, int(max_bytes / bytes_per_sample))


def _numpy(spec: TensorSpec) -> np.dtype[Any]:
    return np.dtype(object if spec.dtype == TEXT else spec.dtype)
