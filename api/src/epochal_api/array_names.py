"""The names of the arrays of a data set in an npz file."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

Role: TypeAlias = Literal["train", "validation", "test"]


class ArrayNames(NamedTuple):
    """Names of the arrays of a data set: for each input and output of a network in its order, and for weights.

    `weights` is None if the name of weights belongs to an input or output.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: str | None

    @property
    def required(self) -> tuple[str, ...]:
        """The names of the arrays that must exist."""
        return (*self.inputs, *self.outputs)

    @property
    def all(self) -> tuple[str, ...]:
        """The names of all arrays."""
        return self.required if self.weights is None else (*self.required, self.weights)


_SUFFIXES: Mapping[Role | None, str] = {"train": "_train", "validation": "_val", "test": "_test", None: ""}
"""Suffixes of the names of the arrays of a data set, if a file holds several; no suffix for any data set."""
_ANY_SUFFIX: Sequence[tuple[str, str]] = (("x", "y"),)
_NO_SUFFIX: Sequence[tuple[str, str]] = (*_ANY_SUFFIX, ("features", "labels"))
"""Names of the arrays for a single input and a single output."""


def array_names(inputs: Sequence[str], outputs: Sequence[str], role: Role | None) -> list[ArrayNames]:
    """Return the names that the arrays of a data set may have, the preferred names first.

    A network with several inputs and one output, or the reverse, may have the array of the single one under its usual
    name: the layer of an output may have no name of its own. A usual name that belongs to another input or output is
    left out, since one array would be both.

    Without a role, these are the names without a suffix.

    Args:
        inputs: Names of the network's inputs.
        outputs: Names of its outputs.
        role: The data set.
    """
    suffix, own = _SUFFIXES[role], own_arrays(inputs, outputs)
    usual = [(f"{x}{suffix}", f"{y}{suffix}") for x, y in (_NO_SUFFIX if role is None else _ANY_SUFFIX)]
    pairs: list[tuple[tuple[str, ...], tuple[str, ...]]]
    if len(inputs) == len(outputs) == 1:
        pairs = [((features,), (labels,)) for features, labels in usual]
    else:
        of_inputs = [tuple(f"{name}{suffix}" for name in inputs)]
        of_outputs = [tuple(f"{name}{suffix}" for name in outputs)]
        of_inputs += [(name,) for name, _ in usual if len(inputs) == 1 and name not in own]
        of_outputs += [(name,) for _, name in usual if len(outputs) == 1 and name not in own]
        pairs = list(itertools.product(of_inputs, of_outputs))
    weights = f"sample_weight{suffix}"
    return [ArrayNames(x, y, None if weights in own else weights) for x, y in pairs]


def own_arrays(inputs: Sequence[str], outputs: Sequence[str]) -> frozenset[str]:
    """Return all names of arrays of a network's inputs and outputs, with any suffix.

    An array with such a name has no second role. Empty for a network whose arrays have the usual names.
    """
    if len(inputs) == len(outputs) == 1:
        return frozenset()
    return frozenset(f"{name}{suffix}" for name in (*inputs, *outputs) for suffix in _SUFFIXES.values())
