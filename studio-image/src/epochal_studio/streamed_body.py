"""The body of an upload, read in parts, with a bound on the time that the browser may take."""

import asyncio
import time

from aiohttp import web

from epochal_studio.problems import Refusal, refuse

IDLE_SECONDS = 30.0
"""Maximum seconds without a byte of the browser."""
GRACE_SECONDS, MIN_RATE = 60.0, 64 * 1024
"""Seconds that the browser may take in all, beside those for its bytes at the minimum rate (bytes a second)."""
_CHUNK = 2**18


class StreamedBody:
    """The body of a request, read with a bound on the time that the browser may take.

    Args:
        request: The request, with a Content-Length.
        min_rate: Bytes a second that the browser must send.

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
        """Return the next bytes.

        Raises:
            Refusal: If the browser is too slow.
            ConnectionError: If the browser has left.
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
            raise _too_slow(f"fewer than {self._min_rate // 1024} KiB arrive in a second")
        return chunk


def _too_slow(found: str) -> Refusal:
    return refuse(408, "Timeout", f"The upload has ended, because {found}.", "Check the network, and upload again.")
