"""Types of arrays, and boxes of pixels."""

from typing import Any, NamedTuple

import numpy as np

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Floats = np.ndarray[Any, np.dtype[np.floating[Any]]]
Ints = np.ndarray[Any, np.dtype[np.intp]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
HALF = 127
"""Threshold for a mask that was resized as bytes: halfway between 0 and 255."""


class Box(NamedTuple):
    """A rectangle of pixels. `right` and `bottom` are the first column and row outside of it."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, mask: Mask) -> "Box":
        """Return the smallest box that contains all pixels of a mask. The mask must not be empty."""
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        return cls(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)

    @property
    def slices(self) -> tuple[slice, slice]:
        """The box's rows and columns as slices, to index an array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def longer(self) -> int:
        """Length of the box's longer side, in pixels."""
        return max(self.right - self.left, self.bottom - self.top)

    @property
    def area(self) -> int:
        """Number of pixels in the rectangle."""
        return (self.right - self.left) * (self.bottom - self.top)

    @property
    def middle(self) -> tuple[int, int]:
        """Row and column of the box's middle."""
        return (self.top + self.bottom) // 2, (self.left + self.right) // 2

    def contains(self, other: "Box") -> bool:
        """Return whether another box is within this box, and the boxes have no side in common."""
        return (
            self.left < other.left and self.top < other.top and self.right > other.right and self.bottom > other.bottom
        )

    def overlap(self, other: "Box") -> float:
        """Return the overlap of two boxes, from 0 to 1: the area of the intersection divided by that of the union."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        both = max(wide, 0) * max(high, 0)
        return both / (self.area + other.area - both)

    def gap(self, other: "Box") -> int:
        """Return the larger of the horizontal and the vertical gap between two boxes, in pixels; 0 if they overlap."""
        across = max(self.left - other.right, other.left - self.right)
        down = max(self.top - other.bottom, other.top - self.bottom)
        return max(across, down, 0)

    def union(self, other: "Box") -> "Box":
        """Return the smallest box that contains both boxes."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )
