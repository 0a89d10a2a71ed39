"""Samples that answers are compared by, and kept with: real ones where there are any."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from epochal_api.signature import ImageSpec, TensorSpec
from numpy.typing import NDArray

from epochal_trainer.export.tensors import TEXT, Arrays

MOST = 16
"""Samples at most."""
LENGTHS = (32, 64, 128, 256)
"""What is tried for an axis of any length: a network may need some for its convolutions."""
_SEED = 13
_INPUT = "input:"
"""Begins the names of samples in a file, as in epochal_api.signature.CHECK."""


def spread(features: NDArray[Any], count: int = MOST) -> NDArray[Any]:
    """Returns some of many samples, from the first to the last: data may be sorted by class.

    Args:
        features: The samples.
        count: How many at most.
    """
    places = np.linspace(0, len(features) - 1, min(count, len(features))).astype(int)
    chosen: NDArray[Any] = features[places]
    return chosen


def write(path: Path, inputs: Arrays) -> None:
    """Writes samples for `read`.

    Args:
        path: An .npz.
        inputs: The samples, by input.
    """
    arrays: dict[str, Any] = {f"{_INPUT}{name}": array for name, array in inputs.items()}
    np.savez(path, **arrays)


def read(path: Path, specs: Sequence[TensorSpec]) -> dict[str, NDArray[Any]]:
    """Returns samples of the types that a network takes.

    Args:
        path: An .npz as `write` leaves it, or CHECK.
        specs: What the network takes.
    """
    with np.load(path) as stored:
        return {spec.name: stored[f"{_INPUT}{spec.name}"].astype(_numpy(spec)) for spec in specs}


def made_up(specs: Sequence[TensorSpec], image: ImageSpec | None, length: int = LENGTHS[0]) -> dict[str, NDArray[Any]]:
    """Returns samples where there are none: numbers within what images are of, else from 0 to 1, words, and indices.

    Args:
        specs: What the network takes.
        image: How photographs have to look, if it takes any.
        length: What to take for an axis of any length.
    """
    random = np.random.default_rng(_SEED)
    low, high = (image.lowest, image.highest) if image is not None else (0.0, 1.0)
    found: dict[str, NDArray[Any]] = {}
    for spec in specs:
        shape = (MOST, *(length if size < 0 else size for size in spec.shape))
        if spec.dtype == TEXT:
            found[spec.name] = random.choice(np.array(["a", "of", "what", "zebra"], object), shape)
        elif spec.dtype.startswith("float"):
            found[spec.name] = random.uniform(low, high, shape).astype(spec.dtype)
        else:
            # No vocabulary is smaller than that, unless it is pixels that are counted.
            most = int(high) if image is not None else 1
            found[spec.name] = random.integers(0, most + 1, shape).astype(spec.dtype)
    return found


def fitting(inputs: Arrays, answers: Sequence[Arrays], most: int) -> int:
    """Returns how many samples may be kept, with the answers to them.

    Args:
        inputs: The samples.
        answers: What each model answers.
        most: Bytes that they may take.
    """
    arrays = [array for of in (inputs, *answers) for array in of.values()]
    count = len(arrays[0])
    each = sum(array.nbytes for array in arrays) / count
    return min(count, int(most / each))


def _numpy(spec: TensorSpec) -> np.dtype[Any]:
    return np.dtype(object if spec.dtype == TEXT else spec.dtype)
