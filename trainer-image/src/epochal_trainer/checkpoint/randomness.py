"""The generators of random numbers of Python and NumPy: what a layer, a callback or Keras itself may draw from."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from epochal_trainer.checkpoint.state import RandomState
from epochal_trainer.data.samples import Array

_NUMPY = "random/numpy"
_WORDS = 624
"""Of the state of the Mersenne Twister."""


def state(arrays: dict[str, Array]) -> RandomState:
    """Returns the state of the generators.

    Args:
        arrays: Takes a copy of NumPy's.
    """
    kind, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002 - Keras seeds this one
    arrays[_NUMPY] = np.array(keys)
    version, numbers, gauss = random.getstate()
    return RandomState(python=[version, list(numbers), gauss], numpy=[kind, *rest])


def restore(found: RandomState, arrays: Mapping[str, Array]) -> None:
    """Sets the generators to what a checkpoint holds.

    Raises:
        ValueError: If that is no state of theirs. KeyError or TypeError likewise.
    """
    version, numbers, gauss = found.python
    kind, place, has_gauss, cached = found.numpy
    keys = arrays[_NUMPY]
    if keys.shape != (_WORDS,) or not 0 <= place <= _WORDS:  # NumPy would read beyond them
        raise ValueError(f"NumPy's generator has {keys.shape} words and is at {place!r:.100}")
    random.setstate((version, tuple(numbers), gauss))
    np.random.set_state((kind, keys, place, has_gauss, cached))  # noqa: NPY002


@contextmanager
def kept() -> Iterator[None]:
    """Leaves the generators as they were, whatever is done within."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
