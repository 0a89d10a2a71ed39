"""A stored object that is read in small parts, within bounds on bytes, requests and time."""

import io
import time
from collections import deque
from typing import Protocol

from epochal.client.buckets import Bucket

from epochal_studio.results.pieces import read_piece

MAX_BYTES = 12 * 2**20
"""Maximum bytes of an object that are read."""
MAX_REQUESTS = 120
"""Maximum requests: each of at most 50 arrays needs one or two."""
SECONDS = 25.0
"""Maximum seconds, below the deadline of a call in threads.py."""
MAX_READ = 2**20
"""Maximum bytes of one read. A directory of an archive is the only part that could need more."""
MIN_FETCH, MAX_FETCH = 2**15, 2**20
"""Bytes of one request: it doubles while an array is read from start to end."""
KEPT = 4
"""Fetched parts that stay in memory."""


class Unreadable(Exception):
    """Why a file or an array cannot be shown: a sentence for users."""


class Stream(Protocol):
    """Bytes that are read once, from start to end."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; none at the end."""
        ...


class StoredFile:
    """An object of a bucket, of one version.

    Args:
        bucket: The bucket.
        key: Key of the object.
    """

    def __init__(self, bucket: Bucket, key: str) -> None:
        found = bucket.stat(key)
        self.key = key
        self.size = found.size
        self._etag = found.etag
        self._bucket = bucket
        self._parts: deque[tuple[int, bytes]] = deque(maxlen=KEPT)
        self._next = -1
        self._fetch = MIN_FETCH
        self._bytes_left = MAX_BYTES
        self._requests_left = MAX_REQUESTS
        self._end = time.monotonic() + SECONDS

    def read_at(self, offset: int, length: int) -> bytes:
        """Return the bytes at an offset, fewer at the end of the object.

        Raises:
            Unreadable: If a bound is reached.
            EpochalError: If the storage refuses the request, or the object has changed.
        """
        if length > MAX_READ:
            raise Unreadable(f"a part of it has {length:,} bytes, but Studio reads at most {MAX_READ:,} at once")
        found = bytearray()
        length = min(length, max(0, self.size - offset))
        while len(found) < length:
            position = offset + len(found)
            start, part = self._part(position, length - len(found))
            found += part[position - start : position - start + length - len(found)]
        return bytes(found)

    def _part(self, position: int, length: int) -> tuple[int, bytes]:
        """Return a fetched part that contains a position."""
        for start, part in self._parts:
            if start <= position < start + len(part):
                return start, part
        self._fetch = min(2 * self._fetch, MAX_FETCH) if position == self._next else MIN_FETCH
        size = min(max(length, self._fetch), self.size - position, MAX_FETCH)
        if size > self._bytes_left or not self._requests_left:
            raise Unreadable(f"Studio reads at most {MAX_BYTES // 2**20} MiB of a file")
        if time.monotonic() > self._end:
            raise Unreadable(f"the storage has not sent it within {SECONDS:g} s")
        self._bytes_left -= size
        self._requests_left -= 1
        part = read_piece(self._bucket, self.key, position, size, self._etag)
        self._next = position + size
        self._parts.append((position, part))
        return position, part


class SeekableFile:
    """A stored object as `zipfile` reads it.

    Args:
        file: The object.
    """

    def __init__(self, file: StoredFile) -> None:
        self._file = file
        self._position = 0

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes."""
        left = max(0, self._file.size - self._position)
        content = self._file.read_at(self._position, left if size < 0 else min(size, left))
        self._position += len(content)
        return content

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a position.

        Raises:
            OSError: If it is before the start, as a file does.
        """
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._file.size}[whence]
        if base + offset < 0:
            raise OSError("negative position")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seekable(self) -> bool:
        """Return true."""
        return True
