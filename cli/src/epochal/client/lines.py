"""Lines of a stream of bytes, with a bound on the memory of a line."""

from collections.abc import Iterable, Iterator
from typing import Any


class LineSplitter:
    """Splits chunks of bytes into lines. A line above the limit comes in parts.

    Args:
        limit: Maximum bytes that are kept until the line ends. A chunk may exceed the limit.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def size(self) -> int:
        """Number of bytes that are kept until the line ends."""
        return self._size

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the lines that a chunk completes, without line feeds."""
        *whole, last = chunk.split(b"\n")
        for line in whole:
            yield b"".join([*self._parts, line])
            self._parts, self._size = [], 0
        self._parts.append(last)
        self._size += len(last)
        if self._size > self._limit:
            yield from self.rest()

    def rest(self) -> Iterator[bytes]:
        """Yield the bytes after the last line feed, if there are any."""
        if self._size:
            yield b"".join(self._parts)
            self._parts, self._size = [], 0


def split_lines(content: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """Yield the lines of chunks of bytes, without line feeds. A line above the limit comes in parts.

    Args:
        content: The chunks.
        limit: Maximum bytes that are kept until the line ends. A chunk may exceed the limit.
    """
    splitter = LineSplitter(limit)
    for chunk in content:
        yield from splitter.feed(chunk)
    yield from splitter.rest()


def lines(answer: Any, limit: int) -> Iterator[bytes]:
    """Yield each line of an answer when it arrives, without its line feed, and a line above the limit in parts."""
    return split_lines(answer.stream(2**16, decode_content=True), limit)
