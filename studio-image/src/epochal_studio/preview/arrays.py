"""An array in a file, and its first values."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import prod

from epochal_studio.preview.elements import Elements, Value
from epochal_studio.preview.source import Stream, Unreadable
from epochal_studio.preview.streams import read_exactly, skip

MAX_CONTENT = 4 * 2**20
"""Maximum bytes of the values that are read at once."""
MAX_REORDERED = 2**20
"""Maximum bytes of an array in Fortran's order, which must be read whole."""


@dataclass(frozen=True)
class StoredArray:
    """An array in a file.

    Args:
        name: Its name in the file; "" if the file has one array.
        shape: Its shape.
        dtype: Type of its elements, as numpy prints it.
        open: Opens the bytes from the start of its header.
        offset: Bytes of the header.
        elements: How to read its elements; None if it cannot be read.
        is_fortran: Whether the first axis changes fastest, as in Fortran.
        problem: Why it cannot be read.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    open: Callable[[], AbstractContextManager[Stream]]
    offset: int = 0
    elements: Elements | None = None
    is_fortran: bool = False
    problem: str | None = None

    @property
    def count(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    def content(self, count: int) -> bytes:
        """Return the bytes of the first elements, in the order of C, as many as MAX_CONTENT allows.

        Raises:
            Unreadable: If the array cannot be read, or the file ends too early.
        """
        if self.elements is None or self.problem:
            raise Unreadable(self.problem or "its elements cannot be read")
        size = self.elements.size
        count = min(count, self.count, MAX_CONTENT // max(1, size))
        if self.is_fortran and len(self.shape) > 1:
            return self._reordered(self._bytes(self._whole_size()), count)
        return self._bytes(count * size)

    def values(self, count: int) -> list[Value]:
        """Return the first elements, in the order of C.

        Raises:
            Unreadable: If the array cannot be read, or the file ends too early.
        """
        content = self.content(count)
        return self.elements.decode(content) if self.elements is not None else []

    def _bytes(self, size: int) -> bytes:
        if not size:
            return b""
        with self.open() as stream:
            skip(stream, self.offset)
            content = read_exactly(stream, size)
        if len(content) < size:
            raise Unreadable("it is cut off: its values have no end. Upload it again.")
        return content

    def _whole_size(self) -> int:
        size = self.count * (self.elements.size if self.elements else 0)
        if size > MAX_REORDERED:
            raise Unreadable(
                "it is stored column by column (Fortran's order), so its first values are in all parts of the file. "
                "Save it with numpy.ascontiguousarray(…) to see them."
            )
        return size

    def _reordered(self, content: bytes, count: int) -> bytes:
        """Return the first elements in the order of C of an array in the order of Fortran."""
        size = self.elements.size if self.elements else 0
        strides = [size * prod(self.shape[:axis]) for axis in range(len(self.shape))]
        found = bytearray()
        index = [0] * len(self.shape)
        for _ in range(count):
            offset = sum(position * stride for position, stride in zip(index, strides, strict=True))
            found += content[offset : offset + size]
            for axis in reversed(range(len(index))):
                index[axis] += 1
                if index[axis] < self.shape[axis]:
                    break
                index[axis] = 0
        return bytes(found)
