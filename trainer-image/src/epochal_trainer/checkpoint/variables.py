"""All variables that a training changes, in groups."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import keras
import numpy as np
from keras.src.backend.common.global_state import get_global_attribute
from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR, global_seed_generator

from epochal_trainer import backend
from epochal_trainer.checkpoint.state import VariableState
from epochal_trainer.data.samples import Array

MODEL = "model"
OPTIMIZER = "optimizer"
METRICS = "metrics"
RANDOM = "random"
LEARNED = "learned"
"""Not of variables: see learned.py."""

_NUMBER = re.compile(r"_\d+(?=[_/]|$)")


class Different(Exception):
    """Variables that are not those of a checkpoint. It says which differ first: path, type and shape on both sides."""


def groups(model: keras.Model) -> dict[str, list[Any]]:
    """Returns the variables of a model, compiled, by group, each group in an order that follows from its description.

    `model`: weights and the seed generators of random layers. `optimizer`: also what Keras leaves out of
    `optimizer.variables`. `metrics`: sums of the running epoch. `random`: Keras' seed generator for whatever has none
    of its own.
    """
    generator = get_global_attribute(GLOBAL_SEED_GENERATOR)
    return {
        MODEL: list(model.variables),
        OPTIMIZER: list(_of_optimizer(model.optimizer)),
        METRICS: list(model.metrics_variables),
        RANDOM: [] if generator is None else [generator.state],
    }


def describe(variables: Sequence[Any]) -> list[VariableState]:
    """Describes variables."""
    return [
        VariableState(path=variable.path, shape=tuple(variable.shape), dtype=str(variable.dtype))
        for variable in variables
    ]


def places(there: Sequence[VariableState], here: Sequence[VariableState]) -> list[int]:
    """Finds the variables of a model in a checkpoint: by path, and by shape and type.

    Numbers that make names unique count by their order alone: Keras goes on counting within a process, and layers
    without a name are numbered by their places.

    Args:
        there: A group as a checkpoint holds it.
        here: The same group of this model.

    Returns:
        For each variable here its index there.

    Raises:
        Different: If there is not exactly one for each.
    """
    found = {key: index for index, key in enumerate(keys(there))}
    order = []
    for key, variable in zip(keys(here), here, strict=True):
        index = found.pop(key, None)
        check_same(None if index is None else there[index], variable)
        order += [] if index is None else [index]
    for index in found.values():
        check_same(there[index], None)
    return order


def check_same(there: VariableState | None, here: VariableState | None) -> None:
    """Checks that a variable of a checkpoint can be one of a model.

    Raises:
        Different: If they differ in shape or type, or one of them is missing.
    """
    if there is None or here is None or (there.shape, there.dtype) != (here.shape, here.dtype):
        raise Different(f"there {_words(there)}, here {_words(here)}")


def keys(variables: Sequence[VariableState]) -> list[tuple[str, int]]:
    """Returns what tells variables apart: the path without numbers, and the place among those that share it.

    That place follows from the numbers, then from the order: Keras gives some variables the same path.
    """
    sharing: dict[str, list[int]] = defaultdict(list)
    for index, variable in enumerate(variables):
        sharing[_NUMBER.sub("", variable.path)].append(index)
    found = [("", 0)] * len(variables)
    for path, indices in sharing.items():
        for place, index in enumerate(sorted(indices, key=lambda index: _numbers(variables[index].path))):
            found[index] = path, place
    return found


def arrange(
    there: Sequence[VariableState], variables: Sequence[Any], group: str, arrays: dict[str, Array]
) -> list[VariableState]:
    """Brings the arrays of a group into the order of a model's variables.

    Args:
        there: The group as a checkpoint holds it.
        variables: The same group of the model.
        group: Its name.
        arrays: The checkpoint's arrays, which are changed.

    Returns:
        Descriptions of the variables here, whose values the arrays hold now.

    Raises:
        Different: If the checkpoint holds other variables.
    """
    here = describe(variables)
    found = {name(group, index): arrays[name(group, place)] for index, place in enumerate(places(there, here))}
    arrays.update(found)
    return here


def values(
    variables: Sequence[Any], group: str, spare: Mapping[str, Array] = MappingProxyType({})
) -> Iterator[tuple[str, Array]]:
    """Yields copies of the variables' values, under the names that they have in a checkpoint.

    Args:
        variables: The variables.
        group: Their group.
        spare: Arrays by name that nobody needs any more, to copy into: new memory takes longer than a copy.
    """
    for index, variable in enumerate(variables):
        key, value = name(group, index), backend.current().value(variable)
        if (array := spare.get(key)) is not None and (array.shape, array.dtype) == (value.shape, value.dtype):
            np.copyto(array, value)
            yield key, array
        else:
            yield key, np.array(value)


def assign(variables: Sequence[Any], group: str, arrays: Mapping[str, Array]) -> None:
    """Sets variables to what a checkpoint holds."""
    for index, variable in enumerate(variables):
        variable.assign(arrays[name(group, index)])


def prepare_random(there: Sequence[VariableState]) -> None:
    """Makes Keras' own seed generator where a checkpoint holds its state."""
    if there:
        global_seed_generator()


def name(group: str, index: int) -> str:
    """Returns the name of a variable's array."""
    return f"{group}/{index}"


def _of_optimizer(optimizer: Any) -> Iterator[Any]:
    """Yields an optimizer's variables: Nadam, for one, keeps one of them out of its list."""
    known = list(optimizer.variables)
    yield from known
    parts = [getattr(optimizer, "inner_optimizer", None), *getattr(optimizer, "optimizers", [])]
    seen = {id(variable) for variable in known}
    for owner in (optimizer, *(part for part in parts if part is not None)):
        for _, value in sorted(vars(owner).items()):
            if isinstance(value, keras.Variable) and id(value) not in seen:
                seen.add(id(value))
                yield value


def is_rate(variable: VariableState) -> bool:
    """Returns whether a variable of an optimizer is its learning rate."""
    return variable.path.endswith("/learning_rate") and not variable.shape


def _numbers(path: str) -> list[tuple[int, ...]]:
    """Returns the numbers behind each word of a path."""
    found: list[tuple[int, ...]] = []
    for part in path.split("/"):
        for place, word in enumerate(part.split("_")):
            if place and word.isdecimal():
                found[-1] += (int(word),)
            else:
                found.append(())
    return found


def _words(variable: VariableState | None) -> str:
    if variable is None:
        return "nothing"
    return f"{variable.path} of shape {variable.shape} and type {variable.dtype}"
