"""The state of the global random generators of Python and NumPy, which layers, callbacks and Keras may use."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from epochal_trainer.checkpoint.state import RandomState
from epochal_trainer.data.arrays import Array

_NUMPY = "random/numpy"
_WORDS = 624
"""Number of 32-bit words in the state of the Mersenne Twister."""


def state(arrays: dict[str, Array]) -> RandomState:
    """Return the state of the generators for a checkpoint.

    Args:
        arrays: A copy of the array in the state of NumPy's generator is added to it.
    """
    kind, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002 - Keras seeds this one
    arrays[_NUMPY] = np.array(keys)
    version, numbers, gauss = random.getstate()
    return RandomState(python=[version, list(numbers), gauss], numpy=[kind, *rest])


def restore(found: RandomState, arrays: Mapping[str, Array]) -> None:
    """Set the generators to the state in a checkpoint.

    Raises:
        ValueError, KeyError, TypeError: If the state is invalid.
    """
    version, numbers, gauss = found.python
    kind, position, has_gauss, cached = found.numpy
    keys = arrays[_NUMPY]
    if keys.shape != (_WORDS,) or not 0 <= position <= _WORDS:  # else NumPy reads out of bounds
        raise ValueError(f"the generator of NumPy has invalid keys of shape {keys.shape} or position {position!r:.100}")
    random.setstate((version, tuple(numbers), gauss))
    np.random.set_state((kind, keys, position, has_gauss, cached))  # noqa: NPY002


@contextmanager
def preserved() -> Iterator[None]:
    """At the end of the context, reset the generators to their state at its beginning."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
