"""Objects of a bucket in pieces of bounded size and time, from a service that may be hostile."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from epochal.client.buckets import Bucket

from epochal_studio.problems import refuse

PIECE = 4 * 2**20
"""Bytes of one request. A service closes a connection whose reader waits, so no request is as long as a download."""
SECONDS = 30.0
"""Maximum seconds of a piece."""
_PART = 2**16


def read_piece(bucket: Bucket, key: str, offset: int, length: int, etag: str = "") -> bytes:
    """Return a part of an object.

    Args:
        bucket: The bucket.
        key: Key of the object.
        offset: First byte.
        length: Number of bytes.
        etag: The ETag that the object must have.

    Raises:
        Refusal: If the service sends fewer bytes, or takes too long.
    """
    end = time.monotonic() + SECONDS
    parts: list[bytes] = []
    left = length
    with bucket.open(key, etag=etag, offset=offset, length=length) as response:
        while left > 0 and (part := _next_part(response, min(left, _PART))):
            parts.append(part)
            left -= len(part)
            if time.monotonic() > end:
                raise refuse(504, "Unreachable", f"The storage has not sent {length} bytes within {SECONDS:g} s.")
    if left > 0:
        raise refuse(502, "Unreachable", "The storage has ended its answer too early.", "Try again.")
    return b"".join(parts)


def pieces(bucket: Bucket, key: str, size: int, etag: str = "", *, seconds: float) -> Iterator[bytes]:
    """Yield the content of an object.

    Args:
        bucket: The bucket.
        key: Key of the object.
        size: Bytes to read.
        etag: The ETag that the object must have.
        seconds: Maximum seconds in all.

    Raises:
        Refusal: If it takes longer.
    """
    end = time.monotonic() + seconds
    for offset in range(0, size, PIECE):
        if time.monotonic() > end:
            raise refuse(504, "Unreachable", f"The storage has not sent {size} bytes within {seconds:g} s.")
        yield read_piece(bucket, key, offset, min(PIECE, size - offset), etag)


def read_whole(bucket: Bucket, key: str, limit: int, reserve: Callable[[int], None], times: int = 2) -> bytes:
    """Return the content of an object.

    Args:
        bucket: The bucket.
        key: Key of the object.
        limit: Maximum bytes.
        reserve: Counts the memory of the caller, and raises an error if it does not fit.
        times: Bytes of memory that the caller needs for a byte of the object, with the two of this function.

    Raises:
        Refusal: If it has more bytes than the limit.
    """
    found = bucket.stat(key)
    if found.size > limit:
        name = key.rpartition("/")[2]
        raise refuse(
            422, "TooLarge", f"{name} has {found.size} bytes, but Studio shows at most {limit}.", "Download the file."
        )
    reserve(times * found.size)
    return b"".join(pieces(bucket, key, found.size, found.etag, seconds=SECONDS))


def _next_part(response: Any, size: int) -> bytes:
    """Return the bytes of a response that have arrived, without a wait for more."""
    part: bytes = response.read1(size, decode_content=False)
    return part
