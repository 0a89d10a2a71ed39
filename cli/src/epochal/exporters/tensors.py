"""Tensors between the layers: the names of their variables, their shapes, and the position of their channels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

Shape = tuple[int | None, ...]
"""Shape of a sample as in Keras, with the channels last. None is an axis of any length."""


@dataclass(frozen=True)
class Tensor:
    """A tensor of the exported `forward`.

    Args:
        code: Its variable, or another expression.
        shape: Its shape in Keras, without the batch axis.
        channels_first: Whether the channels are axis 1, as torch's convolutions require.
        integer: Its type if it holds integers or booleans, such as uint8; "" for float32.
    """

    code: str
    shape: Shape
    channels_first: bool = False
    integer: str = ""

    @property
    def rank(self) -> int:
        """Number of axes, with the batch axis."""
        return len(self.shape) + 1

    @property
    def channel_dim(self) -> int:
        """The axis of the channels in torch."""
        return 1 if self.channels_first else -1

    def first(self) -> "Tensor":
        """Return the tensor with its channels at axis 1."""
        if self.channels_first or len(self.shape) <= 1:
            return self
        return replace(self, code=f"{self.code}.movedim(-1, 1)", channels_first=True)

    def last(self) -> "Tensor":
        """Return the tensor with its channels last, as in Keras."""
        if not self.channels_first:
            return self
        return replace(self, code=f"{self.code}.movedim(1, -1)", channels_first=False)

    def dim(self, axis: int) -> int:
        """Return the axis in torch of an axis in Keras, both with the batch axis."""
        axis = axis % self.rank
        if not self.channels_first or axis == 0:
            return axis
        return 1 if axis == self.rank - 1 else axis + 1


def product(shape: Shape) -> int | None:
    """Return the number of elements, or None if an axis has any length."""
    sizes = [size for size in shape if size is not None]
    return math.prod(sizes) if len(sizes) == len(shape) else None


def broadcast(shapes: Sequence[Shape]) -> Shape:
    """Return the shape of an element-wise operation, as Keras' merging layers compute it.

    Raises:
        ValueError: If two sizes of an axis differ, and neither is 1.
    """
    rank = max(len(shape) for shape in shapes)
    result: list[int | None] = []
    for sizes in zip(*((*([1] * (rank - len(shape))), *shape) for shape in shapes), strict=True):
        known = {size for size in sizes if size not in {1, None}}
        if len(known) > 1:
            raise ValueError(f"its inputs have the sizes {' and '.join(map(str, sizes))}, which do not match")
        result.append(known.pop() if known else None if None in sizes else 1)
    return tuple(result)
