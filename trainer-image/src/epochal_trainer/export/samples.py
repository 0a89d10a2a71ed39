"""Samples for the comparison of outputs, and for the stored check: real samples if they exist."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from epochal_api.signature import ImageSpec, TensorSpec
from epochal_lib.model_server.answers import TEXT, Arrays
from numpy.typing import NDArray

MAX_SAMPLES = 16
"""Maximum number of samples."""
LENGTHS = (32, 64, 128, 256)
"""Lengths that are tried for an axis of any length: convolutions may require a minimum."""
_SEED = 13
_INPUT = "input:"
"""Prefix of the names of samples in a file, as in epochal_api.signature.CHECK."""


def evenly_spaced(features: NDArray[Any], count: int = MAX_SAMPLES) -> NDArray[Any]:
    """Return evenly spaced samples from the first to the last, because data may be sorted by class."""
    indices = np.linspace(0, len(features) - 1, min(count, len(features))).astype(int)
    chosen: NDArray[Any] = features[indices]
    return chosen


def write(path: Path, inputs: Arrays) -> None:
    """Write samples to a file that `read` reads."""
    arrays: dict[str, Any] = {f"{_INPUT}{name}": plain(array) for name, array in inputs.items()}
    np.savez(path, **arrays)


def read(path: Path, specs: Sequence[TensorSpec]) -> dict[str, NDArray[Any]]:
    """Return samples from a file, in the types of the network's inputs. An only input may have any name there."""
    with np.load(path) as stored:
        names = [name for name in stored if name.startswith(_INPUT)]
        if len(specs) != 1 or len(names) != 1:
            names = [f"{_INPUT}{spec.name}" for spec in specs]
        return {spec.name: stored[name].astype(_numpy(spec)) for spec, name in zip(specs, names, strict=True)}


def generate(specs: Sequence[TensorSpec], image: ImageSpec | None, length: int = LENGTHS[0]) -> dict[str, NDArray[Any]]:
    """Return generated samples: numbers in the range of the images, else from 0 to 1; words; and indices."""
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
    """Return an array with text as NumPy's characters: Python objects in a file are pickled, and loading runs code."""
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8")
    return array.astype(str) if array.dtype.kind == "O" else array


def max_count(arrays: Arrays, max_bytes: int) -> int:
    """Return the maximum number of samples that fit into a size limit, with all their arrays."""
    count = len(next(iter(arrays.values())))
    bytes_per_sample = sum(array.nbytes for array in arrays.values()) / count
    return min(count, int(max_bytes / bytes_per_sample))


def _numpy(spec: TensorSpec) -> np.dtype[Any]:
    return np.dtype(object if spec.dtype == TEXT else spec.dtype)
