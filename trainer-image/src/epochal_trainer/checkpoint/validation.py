"""A copy of the state that validation changes, to resume from if the training must stop during validation."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras.src.utils.python_utils import is_default

from epochal_trainer.checkpoint import randomness, values, variables

_STEPS = ("on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end")


class BeforeValidation:
    """The state before validation: sums of metrics, random generators, and the counters of callbacks.

    Weights and optimizer are large and do not change, so they are not copied. SwapEMAWeights is an exception: it swaps
    averaged weights in, and swaps them out again by adding and subtracting, which rounds.

    Args:
        model: The compiled model.
        callbacks: The user's callbacks.
    """

    def __init__(self, model: keras.Model, callbacks: Sequence[Any]) -> None:
        swaps = any(isinstance(callback, keras.callbacks.SwapEMAWeights) for callback in callbacks)
        changed = _all(model) if swaps else _changed(model)
        self._values = [(variable, np.array(keras.ops.convert_to_numpy(variable))) for variable in changed]
        self._arrays: dict[str, np.ndarray[Any, Any]] = {}
        self._random = randomness.state(self._arrays)
        self._callbacks = [
            (callback, values.state_of(callback, str(index), self._arrays))
            for index, callback in enumerate(callbacks)
            if not all(is_default(getattr(callback, step)) for step in _STEPS)
        ]

    @property
    def size(self) -> int:
        """Size of the copies in bytes."""
        return sum(array.nbytes for array in (*(value for _, value in self._values), *self._arrays.values()))

    def put_back(self) -> None:
        """Restore the state. The running validation becomes invalid, so the training must end afterwards."""
        for variable, value in self._values:
            variable.assign(value)
        randomness.restore(self._random, self._arrays)
        for callback, state in self._callbacks:
            values.restore(callback, state, self._arrays)


def _all(model: keras.Model) -> Iterator[Any]:
    for members in variables.groups(model).values():
        yield from members


def _changed(model: keras.Model) -> Iterator[Any]:
    weights = {id(variable) for variable in model.weights}
    groups = variables.groups(model)
    yield from (variable for variable in groups[variables.MODEL] if id(variable) not in weights)
    yield from groups[variables.METRICS]
    yield from groups[variables.RANDOM]
