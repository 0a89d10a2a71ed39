"""Reads the body of an upload in parts, and refuses browsers that send too slowly."""

import asyncio
import time

from aiohttp import web

from epochal_studio.problems import Refusal, refuse

IDLE_SECONDS = 30.0
"""Maximum seconds without a byte from the browser. Then the request is refused."""
GRACE_SECONDS, MIN_RATE = 60.0, 64 * 1024
"""Minimum rate in bytes per second, and the seconds that a browser may need in addition to the time at this rate."""
_CHUNK = 2**18


class StreamedBody:
    """The body of a request. Reading fails if the browser sends too slowly.

    Args:
        request: The request, with the header Content-Length.
        min_rate: Minimum bytes per second, after GRACE_SECONDS.

    Attributes:
        size: Bytes of the body.
        left: Bytes that are not read yet.
    """

    def __init__(self, request: web.Request, min_rate: int = MIN_RATE) -> None:
        self.size = request.content_length or 0
        self.left = self.size
        self._content = request.content
        self._min_rate = min_rate
        self._waited = 0.0

    async def read(self, size: int) -> bytearray:
        """Return the next `size` bytes.

        Raises:
            Refusal: 408, if no byte arrives for IDLE_SECONDS, or the rate is below the minimum.
            ConnectionError: If the browser disconnects before it has sent these bytes.
        """
        part = bytearray(size)
        filled = 0
        while filled < size:
            chunk = await self._next(min(_CHUNK, size - filled))
            part[filled : filled + len(chunk)] = chunk
            filled += len(chunk)
            self.left -= len(chunk)
        return part

    async def _next(self, most: int) -> bytes:
        began = time.monotonic()
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                chunk = await self._content.read(most)
        except TimeoutError:
            raise _too_slow(f"no byte has arrived for {IDLE_SECONDS:g} s") from None
        except Exception as error:
            # aiohttp has several errors for a body that ends too early.
            raise ConnectionResetError("the browser has ended the upload") from error
        if not chunk:
            raise ConnectionResetError("the browser has ended the upload")
        self._waited += time.monotonic() - began
        if self._waited > GRACE_SECONDS + (self.size - self.left) / self._min_rate:
            raise _too_slow(f"fewer than {self._min_rate // 1024} KiB arrive per second")
        return chunk


def _too_slow(found: str) -> Refusal:
    return refuse(408, "Timeout", f"The upload has ended, because {found}.", "Check the network, and upload again.")
