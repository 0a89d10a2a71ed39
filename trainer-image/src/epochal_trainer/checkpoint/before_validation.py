"""A copy of the state that validation changes, to resume from after the training was stopped during validation."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import keras
import numpy as np
from keras.src.utils.python_utils import is_default

from epochal_trainer.checkpoint import callback_state, random_state, variables

_STEPS = ("on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end")


class ValidationBackup:
    """The state before validation: sums of metrics, random generators, and the counters of callbacks.

    Weights that an optimizer may train, and the optimizer, are not copied: they are large, and validation does not
    change them. With the callback SwapEMAWeights they are copied: it replaces the weights by averages and back with
    rounding errors. Other weights are copied, since a layer may change them in each call.
    """

    def __init__(self, model: keras.Model, callbacks: Sequence[Any]) -> None:
        swaps_weights = any(isinstance(callback, keras.callbacks.SwapEMAWeights) for callback in callbacks)
        groups = variables.groups(model)
        if not swaps_weights:
            layers = model._flatten_layers()  # noqa: SLF001 - also finds layers inside wrappers
            # Unlike `trainable_variables`, also the large weights of frozen layers.
            trained = {id(variable) for layer in layers for variable in layer._trainable_variables}  # noqa: SLF001
            others = [variable for variable in groups[variables.MODEL] if id(variable) not in trained]
            groups = {**groups, variables.MODEL: others, variables.OPTIMIZER: []}
        changed = chain.from_iterable(groups.values())
        self._values = [(variable, np.array(keras.ops.convert_to_numpy(variable))) for variable in changed]
        self._arrays: dict[str, np.ndarray[Any, Any]] = {}
        self._random = random_state.state(self._arrays)
        self._callbacks = [
            (callback, callback_state.state_of(callback, str(index), self._arrays))
            for index, callback in enumerate(callbacks)
            if not all(is_default(getattr(callback, step)) for step in _STEPS)
        ]

    @property
    def size(self) -> int:
        """Size of the copies in bytes."""
        return sum(array.nbytes for array in (*(value for _, value in self._values), *self._arrays.values()))

    def restore(self) -> None:
        """Restore the state from before validation. The running validation becomes invalid: the training must end."""
        for variable, value in self._values:
            variable.assign(value)
        random_state.restore(self._random, self._arrays)
        for callback, state in self._callbacks:
            callback_state.restore(callback, state, self._arrays)
