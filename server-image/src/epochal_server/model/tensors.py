"""Checks the arrays of each request against the model's inputs, before the model gets them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from epochal_api.signature import TensorSpec

from epochal_server.model.datatypes import DATA_TYPES, DataType
from epochal_server.refusals import Invalid

TEXT = "str"
"""The dtype of text in a signature. Such an array holds Python strings."""


@dataclass(frozen=True)
class Tensor:
    """The shape and type of a model's input or output, to check arrays."""

    name: str
    shape: tuple[int, ...]
    """The shape without the batch axis, which is the first; -1 for an axis of any length."""
    dtype: np.dtype
    """The NumPy type; `object` for text."""
    text: bool
    """Whether the tensor holds text."""

    @classmethod
    def of(cls, spec: TensorSpec) -> "Tensor":
        """Return the tensor of an entry of a signature."""
        text = spec.dtype == TEXT
        return cls(spec.name, tuple(spec.shape), np.dtype(object if text else spec.dtype), text)

    def __str__(self) -> str:
        return f"{self.dtype_name} of shape {self.shape_name}"

    @cached_property
    def dtype_name(self) -> str:
        """The name of the type in a signature.

        It is cached, because NumPy takes longer for the name than the check of a small array takes.
        """
        return TEXT if self.text else self.dtype.name

    @cached_property
    def datatype(self) -> DataType:
        """The names and sizes of the type in the protocols."""
        return DATA_TYPES[self.dtype]

    @cached_property
    def values(self) -> int:
        """Number of values in a sample. An axis of any length counts as 1."""
        return math.prod(max(1, axis) for axis in self.shape)

    @property
    def shape_name(self) -> str:
        """The shape for messages: (n, 28, 28), where n is the number of samples."""
        axes = ["n", *("any" if axis < 0 else str(axis) for axis in self.shape)]
        return f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"

    def check(self, found: np.ndarray) -> int:
        """Check an array against this tensor, and return its number of samples.

        Args:
            found: The array.

        Returns:
            The number of samples, at least 1.

        Raises:
            Invalid: If the array does not match. The message names the expected and the found array.
        """
        if found.dtype != self.dtype:
            raise Invalid(f'input "{self.name}": expected {self}, found {_describe(found)}: send {self.dtype_name}')
        shape: tuple[int, ...] = found.shape
        if not shape or (shape[1:] != self.shape and not self._fits(shape)):
            raise Invalid(
                f'input "{self.name}": expected {self}, found {_describe(found)}: send that shape, n samples first'
            )
        if not (samples := shape[0]):
            raise Invalid(f'input "{self.name}": expected {self}, found no sample: send at least one')
        if not found.size:  # a few bytes may declare any number of empty samples
            raise Invalid(
                f'input "{self.name}": expected {self}, found {_describe(found)}: send a value along each axis'
            )
        if self.dtype.kind == "f" and not np.isfinite(found).all():
            where = tuple(int(index) for index in np.argwhere(~np.isfinite(found))[0])
            raise Invalid(
                f'input "{self.name}": expected finite numbers, found {found[where]} at {list(where)}: send no such'
            )
        if self.text and set(map(type, found.ravel())) != {str}:
            raise Invalid(f'input "{self.name}": expected text, found something else among it: send text only')
        return samples

    def _fits(self, shape: tuple[int, ...]) -> bool:
        return len(shape) == len(self.shape) + 1 and all(
            wanted in (-1, axis) for wanted, axis in zip(self.shape, shape[1:], strict=True)
        )


def tensors(specs: Sequence[TensorSpec]) -> Mapping[str, Tensor]:
    """Return the tensors of a signature by name, in its order."""
    return {spec.name: Tensor.of(spec) for spec in specs}


def check(inputs: Mapping[str, np.ndarray], wanted: Mapping[str, Tensor]) -> int:
    """Check the arrays of one request against the model's inputs, and return the number of samples.

    Args:
        inputs: The arrays by the names of the inputs.
        wanted: The model's inputs by name.

    Returns:
        The number of samples.

    Raises:
        Invalid: If an input is missing, unknown, or does not match.
    """
    if inputs.keys() != wanted.keys():
        names = ", ".join(f'"{name}"' for name in wanted)
        found = ", ".join(f'"{name}"' for name in inputs) or "none"
        raise Invalid(f"inputs: expected {names}, found {found}: send each of those, and no other")
    samples = {name: tensor.check(inputs[name]) for name, tensor in wanted.items()}
    first, *others = samples.values()
    if any(other != first for other in others):
        counts = ", ".join(f'{count} in "{name}"' for name, count in samples.items())
        raise Invalid(f"inputs: expected as many samples in each, found {counts}: send as many in each")
    return first


def _describe(found: np.ndarray) -> str:
    return f"{'objects' if found.dtype == object else found.dtype.name} of shape {found.shape}"
