"""The names of the arrays of a data set in an npz file."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

Role: TypeAlias = Literal["train", "validation", "test"]


class ArrayNames(NamedTuple):
    """Names of the arrays of a data set: of each input and output of a network, in order, and of the sample weights.

    `weights` is None if an input or output of the network already has the name of the array of sample weights.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: str | None

    @property
    def required(self) -> tuple[str, ...]:
        """The names of the arrays that a file must have: all inputs and outputs, but no sample weights."""
        return (*self.inputs, *self.outputs)

    @property
    def all(self) -> tuple[str, ...]:
        """The names of all arrays, with that of the sample weights if there is one."""
        return self.required if self.weights is None else (*self.required, self.weights)


_SUFFIXES: Mapping[Role | None, str] = {"train": "_train", "validation": "_val", "test": "_test", None: ""}
"""Suffix of the array names by data set, for a file with several data sets. None: a file with a single data set."""
_ANY_SUFFIX: Sequence[tuple[str, str]] = (("x", "y"),)
_NO_SUFFIX: Sequence[tuple[str, str]] = (*_ANY_SUFFIX, ("features", "labels"))
"""Names of the arrays for a single input and a single output."""


def array_names(inputs: Sequence[str], outputs: Sequence[str], role: Role | None) -> list[ArrayNames]:
    """Return the alternative sets of names that the arrays of a data set may have, the preferred set first.

    With one input and one output, the arrays have the usual names, such as x and y. With any other network, they have
    the names of its inputs and outputs. If it has several inputs and one output, or the reverse, the array of the
    single output or input may also have its usual name, such as y: the layer of an output may have no name of its own.
    The name of the input or output is preferred to the usual name. A usual name that is the name of another input or
    output is omitted, since one array would be both.

    Args:
        inputs: Names of the network's inputs.
        outputs: Names of the network's outputs.
        role: The data set, which decides the suffix of the names; None for names without a suffix.
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
    """Return the array names that are reserved for inputs and outputs of a network: their names, with each suffix.

    An array with such a name is never used as a usual array, such as sample weights. Empty for a network with one
    input and one output, whose arrays have the usual names, such as x and y.
    """
    if len(inputs) == len(outputs) == 1:
        return frozenset()
    return frozenset(f"{name}{suffix}" for name in (*inputs, *outputs) for suffix in _SUFFIXES.values())
