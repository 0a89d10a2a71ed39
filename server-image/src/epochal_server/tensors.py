"""Checks what a model is to take: every request's arrays, before any of them gets near the model."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from epochal_api.signature import TensorSpec

from epochal_server.refusals import Invalid

TEXT = "str"
"""What a signature calls the type of text. Such an array holds Python's own strings."""


@dataclass(frozen=True)
class Tensor:
    """A tensor that a model takes or gives, ready to be compared with."""

    name: str
    shape: tuple[int, ...]
    """Without the batch, which is the first axis; -1 for an axis of any length."""
    dtype: np.dtype
    """Its type; that of objects for text."""
    text: bool
    """Whether it holds text."""

    @classmethod
    def of(cls, spec: TensorSpec) -> "Tensor":
        """Returns the tensor that a signature tells of."""
        text = spec.dtype == TEXT
        return cls(spec.name, tuple(spec.shape), np.dtype(object if text else spec.dtype), text)

    def __str__(self) -> str:
        return f"{self.dtype_name} of shape {self.shape_name}"

    @cached_property
    def dtype_name(self) -> str:
        """What a signature calls its type. numpy takes longer to name it than to look at all of a small array."""
        return TEXT if self.text else self.dtype.name

    @cached_property
    def values(self) -> int:
        """Values of a sample. An axis of any length counts as one."""
        return math.prod(max(1, axis) for axis in self.shape)

    @property
    def shape_name(self) -> str:
        """Its shape for people: (n, 28, 28), n being the number of samples."""
        axes = ["n", *("any" if axis < 0 else str(axis) for axis in self.shape)]
        return f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"

    def check(self, found: np.ndarray) -> int:
        """Makes sure that an array is as this tensor has to be.

        Args:
            found: The array.

        Returns:
            How many samples it holds, at least one.

        Raises:
            Invalid: If it is not, with what was expected and what was found.
        """
        if found.dtype != self.dtype:
            raise Invalid(f'input "{self.name}": expected {self}, found {_told(found)}: send {self.dtype_name}')
        shape: tuple[int, ...] = found.shape
        if not shape or (shape[1:] != self.shape and not self._fits(shape)):
            raise Invalid(
                f'input "{self.name}": expected {self}, found {_told(found)}: send that shape, n samples first'
            )
        if not (samples := shape[0]):
            raise Invalid(f'input "{self.name}": expected {self}, found no sample: send at least one')
        if not found.size:  # a few bytes may tell of any number of samples with nothing in them
            raise Invalid(
                f'input "{self.name}": expected {self}, found {_told(found)}: send at least one value along each axis'
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
    """Returns the tensors that a signature tells of, by their names, in its order."""
    return {spec.name: Tensor.of(spec) for spec in specs}


def check(inputs: Mapping[str, np.ndarray], wanted: Mapping[str, Tensor]) -> int:
    """Makes sure that a model can take some arrays, which hold the samples of one request.

    Args:
        inputs: The arrays by the names of the inputs.
        wanted: What the model takes.

    Returns:
        How many samples they hold.

    Raises:
        Invalid: If an input is missing or unknown, or is not as it must be.
    """
    if inputs.keys() != wanted.keys():
        names = ", ".join(f'"{name}"' for name in wanted)
        found = ", ".join(f'"{name}"' for name in inputs) or "none"
        raise Invalid(f"inputs: expected {names}, found {found}: send each of those, and no other")
    samples = {name: tensor.check(inputs[name]) for name, tensor in wanted.items()}
    first, *others = samples.values()
    if any(other != first for other in others):
        told = ", ".join(f'{count} in "{name}"' for name, count in samples.items())
        raise Invalid(f"inputs: expected as many samples in each, found {told}: send as many in each")
    return first


def _told(found: np.ndarray) -> str:
    return f"{'objects' if found.dtype == object else found.dtype.name} of shape {found.shape}"
