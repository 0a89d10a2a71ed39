"""All variables that a training changes, in groups."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
from keras.src.backend.common.global_state import get_global_attribute
from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR, global_seed_generator

from epochal_trainer.checkpoint.state import VariableState
from epochal_trainer.data.samples import Array

MODEL = "model"
OPTIMIZER = "optimizer"
METRICS = "metrics"
RANDOM = "random"


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


def difference(there: Sequence[VariableState], here: Sequence[VariableState]) -> str | None:
    """Says in what two descriptions of the same group differ first.

    Args:
        there: What a checkpoint holds.
        here: What this model has.

    Returns:
        For people: variable, type and shape on both sides; None if they differ in nothing that matters.
    """
    for index in range(max(len(there), len(here))):
        one = there[index] if index < len(there) else None
        other = here[index] if index < len(here) else None
        if one is None or other is None or (one.shape, one.dtype) != (other.shape, other.dtype):
            return f"there {_words(one)}, here {_words(other)}"
    return None


def values(variables: Sequence[Any], group: str) -> Iterator[tuple[str, Array]]:
    """Yields copies of the variables' values, under the names that they have in a checkpoint."""
    for index, variable in enumerate(variables):
        array: Array = keras.ops.convert_to_numpy(variable)
        yield name(group, index), array if array.flags.owndata else array.copy()


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


def _words(variable: VariableState | None) -> str:
    if variable is None:
        return "nothing"
    return f"{variable.path} of shape {variable.shape} and type {variable.dtype}"
