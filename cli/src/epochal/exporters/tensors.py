"""Tensors between the layers: the names of their variables, their shapes, and the position of their channels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

Shape = tuple[int | None, ...]
"""Shape of a sample as in Keras: without the batch axis, with the channels last. None is an axis of unknown size."""


@dataclass(frozen=True)
class Tensor:
    """A tensor in the exported code.

    Args:
        code: Its variable, or another expression.
        shape: Its shape in Keras, without the batch axis.
        channels_first: Whether its channels in torch are axis 1, as convolutions require; else the last axis.
        integer: Its type if its elements are integers or booleans, such as uint8; "" for float32.
    """

    code: str
    shape: Shape
    channels_first: bool = False
    integer: str = ""

    @property
    def rank(self) -> int:
        """Number of axes, including the batch axis."""
        return len(self.shape) + 1

    @property
    def channel_dim(self) -> int:
        """Number of the axis of the channels in torch: 1, or -1 for the last axis."""
        return 1 if self.channels_first else -1

    def first(self) -> "Tensor":
        """Return the tensor with its channels at axis 1: if necessary, with code that moves the axis."""
        if self.channels_first or len(self.shape) <= 1:
            return self
        return replace(self, code=f"{self.code}.movedim(-1, 1)", channels_first=True)

    def last(self) -> "Tensor":
        """Return the tensor with its channels last, as in Keras: if necessary, with code that moves the axis."""
        if not self.channels_first:
            return self
        return replace(self, code=f"{self.code}.movedim(1, -1)", channels_first=False)

    def dim(self, axis: int) -> int:
        """Convert the number of an axis in Keras to its number in torch. The batch axis is 0 in both."""
        axis = axis % self.rank
        if not self.channels_first or axis == 0:
            return axis
        return 1 if axis == self.rank - 1 else axis + 1


def product(shape: Shape) -> int | None:
    """Return the number of elements of a shape, or None if the size of an axis is unknown."""
    sizes = [size for size in shape if size is not None]
    return math.prod(sizes) if len(sizes) == len(shape) else None


def broadcast(shapes: Sequence[Shape]) -> Shape:
    """Return the shape of an element-wise operation's result, with broadcasting as in Keras' merging layers.

    Raises:
        ValueError: If two sizes of an axis differ, and neither is 1.
    """
    rank = max(len(shape) for shape in shapes)
    result: list[int | None] = []
    for sizes in zip(*((*([1] * (rank - len(shape))), *shape) for shape in shapes), strict=True):
        known = {size for size in sizes if size not in {1, None}}
        if len(known) > 1:
            raise ValueError(
                f"the inputs of the layer have the sizes {' and '.join(map(str, sizes))}, which do not match"
            )
        result.append(known.pop() if known else None if None in sizes else 1)
    return tuple(result)
