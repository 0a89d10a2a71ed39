"""Answers `Expect: 100-continue` only when a handler reads the body."""

from collections.abc import Awaitable, Callable

from aiohttp import HttpVersion11, hdrs, web

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"

EXPECTS = web.RequestKey("expects", bool)
"""Key of a request that is set if the client waits for `100 Continue` before it sends the body."""


def unasked(handle: Handle) -> Handle:
    """Return a handler that does not send `100 Continue`: the reader of the body sends it.

    aiohttp would send it before the request is checked, even for a path that does not exist. Other expectations in the
    header are ignored, as HTTP allows.

    Args:
        handle: Handler of all requests.
    """

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        expected = request.headers.get(hdrs.EXPECT)
        if expected is not None:
            headers = request.headers.copy()
            del headers[hdrs.EXPECT]
            version = request.version
            request = request.clone(headers=headers)
            request[EXPECTS] = expected.lower() == "100-continue" and version == HttpVersion11
        return await handle(request)

    return handler


async def tell_to_send(request: web.BaseRequest) -> None:
    """Send `100 Continue` if the client waits for it."""
    if request.get(EXPECTS):
        await request.writer.write(GO_ON)
        request.writer.output_size = 0  # these bytes are not part of the answer
