"""Reads S3 objects in pieces with limits on size and time, because the S3 service may be slow or hostile."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from epochal.client.buckets import Bucket

from epochal_studio.problems import refuse

PIECE = 4 * 2**20
"""Maximum bytes of one request. A download needs several requests, because S3 services close connections whose client
reads too slowly."""
SECONDS = 30.0
"""Maximum seconds of one `read_piece`, and of one `read_whole`. Then the request fails."""
_PART = 2**16


def read_piece(bucket: Bucket, key: str, offset: int, length: int, etag: str = "") -> bytes:
    """Return `length` bytes of an object from an offset.

    Args:
        bucket: The bucket.
        key: Key of the object.
        offset: Position of the first byte.
        length: Number of bytes.
        etag: ETag that the object must still have; "" for any.

    Raises:
        Refusal: 502, if the service sends fewer bytes; 504, if it needs more than SECONDS.
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
        raise refuse(502, "Unreachable", "The storage has closed its answer before its end.", "Try again.")
    return b"".join(parts)


def pieces(bucket: Bucket, key: str, size: int, etag: str = "", *, seconds: float) -> Iterator[bytes]:
    """Yield the first `size` bytes of an object in pieces of at most PIECE bytes, each from a separate request.

    Args:
        bucket: The bucket.
        key: Key of the object.
        size: Number of bytes.
        etag: ETag that the object must still have; "" for any.
        seconds: Maximum seconds for all pieces together.

    Raises:
        Refusal: 504, if `seconds` are over before the last piece is requested, or a piece fails.
    """
    end = time.monotonic() + seconds
    for offset in range(0, size, PIECE):
        if time.monotonic() > end:
            raise refuse(504, "Unreachable", f"The storage has not sent {size} bytes within {seconds:g} s.")
        yield read_piece(bucket, key, offset, min(PIECE, size - offset), etag)


def read_whole(bucket: Bucket, key: str, limit: int, reserve: Callable[[int], None], times: int = 2) -> bytes:
    """Return the whole content of an object.

    Args:
        bucket: The bucket.
        key: Key of the object.
        limit: Maximum bytes of the object.
        reserve: Reserves bytes of memory for this call, and raises a Refusal above the limit.
        times: Bytes of memory to reserve for each byte of the object: two for this function, and more for the caller.

    Raises:
        Refusal: 422, if the object has more than `limit` bytes.
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
    """Return at most `size` bytes of a response, without waiting for more bytes after the first have arrived."""
    part: bytes = response.read1(size, decode_content=False)
    return part
