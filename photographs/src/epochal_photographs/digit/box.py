"""A rectangle of a picture's pixels."""

from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle of pixels.

    Args:
        left: First column.
        top: First row.
        right: Column after the last one.
        bottom: Row after the last one.
    """

    left: int
    top: int
    right: int
    bottom: int

    @property
    def longer(self) -> int:
        """Length of its longer side in pixels."""
        return max(self.right - self.left, self.bottom - self.top)

    @property
    def area(self) -> int:
        """Number of pixels in the rectangle."""
        return (self.right - self.left) * (self.bottom - self.top)

    @property
    def middle(self) -> tuple[int, int]:
        """Row and column of its middle."""
        return (self.top + self.bottom) // 2, (self.left + self.right) // 2

    def holds(self, other: "Box") -> bool:
        """Return whether another box is within this box, and touches no side."""
        return (
            self.left < other.left and self.top < other.top and self.right > other.right and self.bottom > other.bottom
        )

    def shared(self, other: "Box") -> float:
        """Return the overlap of two boxes, from 0 to 1: the area of their intersection by the area of their union."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        both = max(wide, 0) * max(high, 0)
        return both / (self.area + other.area - both)

    def gap(self, other: "Box") -> int:
        """Return the number of pixels between two boxes, horizontally or vertically, whichever is more."""
        across = max(self.left - other.right, other.left - self.right)
        down = max(self.top - other.bottom, other.top - self.bottom)
        return max(across, down, 0)

    def with_other(self, other: "Box") -> "Box":
        """Return the smallest box that contains both boxes."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )
