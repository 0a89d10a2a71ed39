"""Bodies of responses from pods: their authors choose the size."""

import aiohttp


async def read_body(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return the whole body of a response, read in chunks.

    Raises:
        ValueError: If the body has more bytes than the limit.
    """
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise ValueError(f"response body is larger than {limit:,} bytes")
    return bytes(body)
