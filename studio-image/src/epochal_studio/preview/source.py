"""Reads small parts of an S3 object, with limits on bytes, requests and time."""

import io
import time
from collections import deque
from typing import Protocol

from epochal.client.buckets import Bucket

from epochal_studio.results.pieces import read_piece

MAX_BYTES = 12 * 2**20
"""Maximum bytes that a preview reads from an object. Then the preview ends with an error."""
MAX_REQUESTS = 120
"""Maximum requests of a preview. Then it ends with an error. Each of at most 50 arrays needs one or two requests."""
SECONDS = 25.0
"""Maximum seconds of a preview, less than DEADLINE_SECONDS in threads.py. Then the preview ends with an error."""
MAX_READ = 2**20
"""Maximum bytes of one `read_at`. More are an error. Only the directory of a zip archive could need more."""
MIN_FETCH, MAX_FETCH = 2**15, 2**20
"""Minimum and maximum bytes of one request. The size doubles with each request that continues the one before."""
KEPT = 4
"""Number of fetched parts that are cached."""


class Unreadable(Exception):
    """A file or an array cannot be read. The message gives the cause to the user."""


class Stream(Protocol):
    """An interface to read bytes in sequence."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`; empty at the end."""
        ...


class StoredFile:
    """An object of a bucket, read in parts. All parts have the same ETag, so a replaced object is an error.

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
        """Return `length` bytes from an offset, fewer at the end of the object.

        Raises:
            Unreadable: If a limit on bytes, requests or time is exceeded.
            EpochalError: If the S3 service refuses the request, or the object has been replaced.
        """
        if length > MAX_READ:
            raise Unreadable(f"a part of the file has {length:,} bytes, but Studio reads at most {MAX_READ:,} at once")
        found = bytearray()
        length = min(length, max(0, self.size - offset))
        while len(found) < length:
            position = offset + len(found)
            start, part = self._part(position, length - len(found))
            found += part[position - start : position - start + length - len(found)]
        return bytes(found)

    def _part(self, position: int, length: int) -> tuple[int, bytes]:
        """Return the offset and the bytes of a part that contains a position, from the cache or by a request."""
        for start, part in self._parts:
            if start <= position < start + len(part):
                return start, part
        self._fetch = min(2 * self._fetch, MAX_FETCH) if position == self._next else MIN_FETCH
        size = min(max(length, self._fetch), self.size - position, MAX_FETCH)
        if size > self._bytes_left or not self._requests_left:
            raise Unreadable(f"Studio reads at most {MAX_BYTES // 2**20} MiB of a file")
        if time.monotonic() > self._end:
            raise Unreadable(f"the storage has not sent the data within {SECONDS:g} s")
        self._bytes_left -= size
        self._requests_left -= 1
        part = read_piece(self._bucket, self.key, position, size, self._etag)
        self._next = position + size
        self._parts.append((position, part))
        return position, part


class SeekableFile:
    """A file object for `zipfile` that reads a StoredFile.

    Args:
        file: The S3 object.
    """

    def __init__(self, file: StoredFile) -> None:
        self._file = file
        self._position = 0

    def read(self, size: int = -1, /) -> bytes:
        """Return the next `size` bytes, fewer at the end of the file; all remaining bytes for a negative size."""
        left = max(0, self._file.size - self._position)
        content = self._file.read_at(self._position, left if size < 0 else min(size, left))
        self._position += len(content)
        return content

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Change the position, and return it.

        Raises:
            OSError: If the new position is negative.
        """
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._file.size}[whence]
        if base + offset < 0:
            raise OSError("negative position")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """Return the current position in bytes."""
        return self._position

    def seekable(self) -> bool:
        """Return True: zipfile needs a file that supports `seek`."""
        return True
