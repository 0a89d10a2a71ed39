"""Reads the first values of an array in an npz, npy or idx file."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import prod

from epochal_studio.preview.elements import Elements, Value
from epochal_studio.preview.source import Stream, Unreadable
from epochal_studio.preview.streams import read_exactly, skip

MAX_CONTENT = 4 * 2**20
"""Maximum bytes of values that one call of `StoredArray.content` reads."""
MAX_REORDERED = 2**20
"""Maximum bytes of an array in Fortran order. Studio shows no values of a larger array, because it must read such an
array as a whole for the first samples."""


@dataclass(frozen=True)
class StoredArray:
    """The header of an array in a file, and the access to its values.

    Args:
        name: Name of the array in an npz file; "" for npy and idx, which have one array.
        shape: Shape of the array.
        dtype: Type of its elements, as numpy prints it.
        open: Opens a stream of bytes that begins with the array's header.
        offset: Bytes of the header, before the values.
        elements: How to decode the elements; None if Studio cannot read the array.
        is_fortran: Whether the values are stored in Fortran order: the first axis changes fastest.
        problem: Why Studio cannot read the array, for the user; None if it can.
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
        """Number of elements in the array, the product of its shape."""
        return prod(self.shape)

    def content(self, count: int) -> bytes:
        """Return the bytes of the first elements in C order: at most `count` elements, and at most MAX_CONTENT bytes.

        Raises:
            Unreadable: If the array has a problem, is in Fortran order and too large, or the file ends too early.
        """
        if self.elements is None or self.problem:
            raise Unreadable(self.problem or "the elements of the array cannot be read")
        size = self.elements.size
        count = min(count, self.count, MAX_CONTENT // max(1, size))
        if self.is_fortran and len(self.shape) > 1:
            return self._reordered(self._bytes(self._whole_size()), count)
        return self._bytes(count * size)

    def values(self, count: int) -> list[Value]:
        """Return the values of the first elements in C order: at most `count` elements, and at most MAX_CONTENT bytes.

        Raises:
            Unreadable: If the array has a problem, is in Fortran order and too large, or the file ends too early.
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
            raise Unreadable("the array is cut off: the file ends before its last value. Upload the file again.")
        return content

    def _whole_size(self) -> int:
        size = self.count * (self.elements.size if self.elements else 0)
        if size > MAX_REORDERED:
            raise Unreadable(
                "the array is stored column by column (Fortran order), so its first values are spread over the file. "
                "Save it with numpy.ascontiguousarray(…) to see them."
            )
        return size

    def _reordered(self, content: bytes, count: int) -> bytes:
        """Return the bytes of the first `count` elements in C order, from all bytes of an array in Fortran order."""
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
