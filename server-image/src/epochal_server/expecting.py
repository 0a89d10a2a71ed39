"""Clients that ask first whether their bodies are wanted, by `Expect: 100-continue`, are told so once they are read."""

from collections.abc import Awaitable, Callable

from aiohttp import HttpVersion11, hdrs, web

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"

EXPECTS = web.RequestKey("expects", bool)
"""Set in a request whose client waits to be told to send its body."""


def unasked(handle: Handle) -> Handle:
    """Returns a handler of all requests that tells no client to send its body: whoever reads it does.

    aiohttp would tell it before anything is known of the request, even whether there is such a path. What else a
    client may expect is passed over, as HTTP allows.

    Args:
        handle: Handles requests.
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
    """Tells a client to send its body, if it waits for that."""
    if request.get(EXPECTS):
        await request.writer.write(GO_ON)
        request.writer.output_size = 0  # it is no part of the answer
