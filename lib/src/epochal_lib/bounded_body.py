"""Bodies of responses from pods: their authors choose the size."""

from collections.abc import AsyncIterable


async def read_body(parts: AsyncIterable[bytes], limit: int) -> bytes:
    """Return the whole body of a response.

    Args:
        parts: Its parts.
        limit: Maximum bytes.

    Raises:
        ValueError: If the body has more bytes than the limit.
    """
    body = bytearray()
    async for part in parts:
        body += part
        if len(body) > limit:
            raise ValueError(f"response body is larger than {limit:,} bytes")
    return bytes(body)
