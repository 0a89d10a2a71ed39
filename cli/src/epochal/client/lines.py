"""Splits a stream of bytes into lines, with a limit on the memory for one line."""

from collections.abc import Iterable, Iterator
from typing import Any


class LineSplitter:
    """Splits chunks of bytes into lines. A line longer than the limit is yielded in several parts.

    Args:
        limit: Maximum bytes of an incomplete line in memory. One chunk may have more bytes than the limit.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def size(self) -> int:
        """Number of bytes in memory of the line that is incomplete so far."""
        return self._size

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the lines that end within a chunk, without line feeds, and keep the bytes after the last line feed."""
        *whole, last = chunk.split(b"\n")
        for line in whole:
            yield b"".join([*self._parts, line])
            self._parts, self._size = [], 0
        self._parts.append(last)
        self._size += len(last)
        if self._size > self._limit:
            yield from self.rest()

    def rest(self) -> Iterator[bytes]:
        """Yield the kept bytes of the incomplete line, if there are any, and forget them."""
        if self._size:
            yield b"".join(self._parts)
            self._parts, self._size = [], 0


def split_lines(content: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """Yield the lines in chunks of bytes, without line feeds. A line longer than the limit is yielded in several parts.

    Args:
        content: The chunks.
        limit: Maximum bytes of an incomplete line in memory. One chunk may have more bytes than the limit.
    """
    splitter = LineSplitter(limit)
    for chunk in content:
        yield from splitter.feed(chunk)
    yield from splitter.rest()


def lines(answer: Any, limit: int) -> Iterator[bytes]:
    """Yield each line of an HTTP answer when it arrives, without line feed; a line longer than the limit in parts."""
    return split_lines(answer.stream(2**16, decode_content=True), limit)
