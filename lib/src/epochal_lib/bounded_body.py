"""Reads the bodies of HTTP responses from pods up to a limit, as a hostile pod could send a body of any size."""

from collections.abc import AsyncIterable


async def read_body(parts: AsyncIterable[bytes], limit: int) -> bytes:
    """Return the whole body of a response.

    Args:
        parts: Yields the parts of the body, as they arrive.
        limit: Maximum bytes of the body.

    Raises:
        ValueError: If the body has more bytes than the limit.
    """
    body = bytearray()
    async for part in parts:
        body += part
        if len(body) > limit:
            raise ValueError(f"response body is larger than {limit:,} bytes")
    return bytes(body)
