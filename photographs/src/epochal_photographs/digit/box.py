"""A part of a picture: a rectangle of its pixels."""

from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle.

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
        """Its longer side."""
        return max(self.right - self.left, self.bottom - self.top)

    @property
    def area(self) -> int:
        """How many pixels it has."""
        return (self.right - self.left) * (self.bottom - self.top)

    @property
    def middle(self) -> tuple[int, int]:
        """Row and column of its middle."""
        return (self.top + self.bottom) // 2, (self.left + self.right) // 2

    def holds(self, other: "Box") -> bool:
        """Returns whether another one is within it, touching no side."""
        return (
            self.left < other.left and self.top < other.top and self.right > other.right and self.bottom > other.bottom
        )

    def shared(self, other: "Box") -> float:
        """Returns how much of what two cover both do, from 0 to 1."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        both = max(wide, 0) * max(high, 0)
        return both / (self.area + other.area - both)

    def gap(self, other: "Box") -> int:
        """Returns how many pixels are between two, across or down, whichever is more."""
        across = max(self.left - other.right, other.left - self.right)
        down = max(self.top - other.bottom, other.top - self.bottom)
        return max(across, down, 0)

    def with_other(self, other: "Box") -> "Box":
        """Returns the smallest one that has all of two."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )
