"""All variables that a training changes, in groups."""

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import keras
import numpy as np
from keras.src.backend.common.global_state import get_global_attribute
from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR, global_seed_generator

from epochal_trainer import backend
from epochal_trainer.checkpoint.state import VariableState
from epochal_trainer.data.arrays import Array
from epochal_trainer.model.stateful import recurrent_states

MODEL = "model"
OPTIMIZER = "optimizer"
METRICS = "metrics"
RANDOM = "random"
STATES = "states"
LEARNED = "learned"
"""The group of learned state, whose arrays are no variables: see learned_state.py."""

_NUMBER = re.compile(r"_\d+(?=[_/]|$)")


class VariablesDiffer(Exception):
    """The error for a model whose variables differ from a checkpoint's.

    The message has path, shape and type of the first variable that differs, in the checkpoint and in the model.
    """


def groups(model: keras.Model) -> dict[str, list[Any]]:
    """Return the variables of a compiled model by group, each in an order that follows from the model's description.

    `model`: weights and the seed generators of random layers. `optimizer`: all variables of the optimizer, also those
    that Keras omits from `optimizer.variables`. `metrics`: the sums of the metrics in the running epoch. `random`: the
    state of Keras' global seed generator; empty if it does not exist. `states`: the states of recurrent layers with
    `stateful`, which Keras omits from `model.variables`.
    """
    generator = get_global_attribute(GLOBAL_SEED_GENERATOR)
    return {
        MODEL: list(model.variables),
        OPTIMIZER: list(_optimizer_variables(model.optimizer)),
        METRICS: list(model.metrics_variables),
        RANDOM: [] if generator is None else [generator.state],
        STATES: recurrent_states(model),
    }


def describe(variables: Sequence[Any]) -> list[VariableState]:
    """Return path, shape and type of each Keras variable."""
    return [
        VariableState(path=variable.path, shape=tuple(variable.shape), dtype=str(variable.dtype))
        for variable in variables
    ]


def stored_indices(stored: Sequence[VariableState], current: Sequence[VariableState]) -> list[int]:
    """Return for each variable of a model the index of the checkpoint's variable with the same path, shape and type.

    Numbers in paths are compared only by their order: dense_3 and dense_4 match dense and dense_1, since Keras
    continues its numbers within a process.

    Raises:
        VariablesDiffer: If the variables do not match one to one.
    """
    return match(zip(keys(stored), stored, strict=True), zip(keys(current), current, strict=True))


def match(
    stored: Iterable[tuple[Hashable, VariableState]], current: Iterable[tuple[Hashable, VariableState]]
) -> list[int]:
    """Return for each variable of a model the index of the checkpoint's variable with the same key, shape and type.

    Args:
        stored: The checkpoint's variables, each with a unique key.
        current: The model's variables, each with a unique key.

    Raises:
        VariablesDiffer: If the variables do not match one to one.
    """
    unmatched = {key: (index, variable) for index, (key, variable) in enumerate(stored)}
    order = []
    for key, variable in current:
        index, counterpart = unmatched.pop(key, (-1, None))
        if counterpart is None or (counterpart.shape, counterpart.dtype) != (variable.shape, variable.dtype):
            raise VariablesDiffer(_difference(counterpart, variable))
        order.append(index)
    for _, counterpart in unmatched.values():
        raise VariablesDiffer(_difference(counterpart, None))
    return order


def keys(variables: Sequence[VariableState]) -> list[tuple[str, int]]:
    """Return a unique key of each variable: its path without numbers, and its rank among variables with that path.

    The rank is the order of the numbers in the paths, then the order of the variables, since paths may be equal.
    """
    sharing: dict[str, list[int]] = defaultdict(list)
    for index, variable in enumerate(variables):
        sharing[_NUMBER.sub("", variable.path)].append(index)
    found = [("", 0)] * len(variables)
    for path, indices in sharing.items():
        for position, index in enumerate(sorted(indices, key=lambda index: _numbers(variables[index].path))):
            found[index] = path, position
    return found


def reorder(
    stored: Sequence[VariableState], variables: Sequence[Any], group: str, arrays: dict[str, Array]
) -> list[VariableState]:
    """Put a checkpoint's arrays of a group into the order of a model, and return descriptions of the model's variables.

    Raises:
        VariablesDiffer: If the checkpoint has other variables than the model.
    """
    current = describe(variables)
    found = {
        array_name(group, index): arrays[array_name(group, position)]
        for index, position in enumerate(stored_indices(stored, current))
    }
    arrays.update(found)
    return current


def values(
    variables: Sequence[Any], group: str, spare: Mapping[str, Array] = MappingProxyType({})
) -> Iterator[tuple[str, Array]]:
    """Yield the name in a checkpoint and a copy of the value of each variable.

    Args:
        variables: The variables.
        group: Name of their group.
        spare: Unused arrays by name that are overwritten, if they fit, since new memory is slower.
    """
    for index, variable in enumerate(variables):
        key, value = array_name(group, index), backend.current().variable_value(variable)
        if (array := spare.get(key)) is not None and (array.shape, array.dtype) == (value.shape, value.dtype):
            np.copyto(array, value)
            yield key, array
        else:
            yield key, np.array(value)


def assign(variables: Sequence[Any], group: str, arrays: Mapping[str, Array]) -> None:
    """Set a model's variables of a group to a checkpoint's arrays, which are in the same order."""
    for index, variable in enumerate(variables):
        variable.assign(arrays[array_name(group, index)])


def prepare_random(stored: Sequence[VariableState]) -> None:
    """Create Keras' global seed generator, unless `stored`, the checkpoint's group `random`, is empty."""
    if stored:
        global_seed_generator()


def array_name(group: str, index: int) -> str:
    """Return the name of a variable's array in a checkpoint: GROUP/INDEX."""
    return f"{group}/{index}"


def _optimizer_variables(optimizer: Any) -> Iterator[Any]:
    """Yield the variables of an optimizer and its inner optimizers, also those missing in `optimizer.variables`.

    Nadam, for example, has a variable that is not in this list.
    """
    listed = list(optimizer.variables)
    yield from listed
    parts = [getattr(optimizer, "inner_optimizer", None), *getattr(optimizer, "optimizers", [])]
    known = {id(variable) for variable in listed}
    for part in (optimizer, *(part for part in parts if part is not None)):
        for _, value in sorted(vars(part).items()):
            if isinstance(value, keras.Variable) and id(value) not in known:
                known.add(id(value))
                yield value


def is_learning_rate(variable: VariableState) -> bool:
    """Return whether a variable of an optimizer is its learning rate."""
    return variable.path.endswith("/learning_rate") and not variable.shape


def _numbers(path: str) -> list[tuple[int, ...]]:
    """Return for each word of a path a tuple of the numbers that follow it: `[(), (1,)]` for `a/b_1`."""
    found: list[tuple[int, ...]] = []
    for part in path.split("/"):
        for position, word in enumerate(part.split("_")):
            if position and word.isdecimal():
                found[-1] += (int(word),)
            else:
                found.append(())
    return found


def _difference(stored: VariableState | None, current: VariableState | None) -> str:
    found, expected = (
        f"{variable.path} of shape {variable.shape} and type {variable.dtype}" if variable else "no such variable"
        for variable in (stored, current)
    )
    return f"the checkpoint has {found}, the model has {expected}"
