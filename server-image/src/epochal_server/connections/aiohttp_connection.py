"""A connection that passes requests to aiohttp one at a time, and limits their heads (request line and headers)."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any, cast

from aiohttp import StreamReader, web

from epochal_server.connections.connection import PIPELINED_BYTES, Connection, Connections

HEAD_BYTES = 32 * 1024
"""Maximum size of a request's line and headers together. A larger head is refused. aiohttp limits each header and their
number, to a MiB in total. With the maximum number of connections, that would exceed the server's memory."""
HEAD_TOO_LONG = f"expected at most {HEAD_BYTES:,} bytes of request line and headers, found more: send fewer headers"
END = b"\r\n\r\n"
_BODY = f'{{"error":"{HEAD_TOO_LONG}"}}'.encode()
_TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(_BODY), _BODY)
)


class _Transport:
    """Wraps the transport for aiohttp. It ignores `resume_reading` while too many pipelined bytes are stored.

    aiohttp calls `resume_reading` after each body.
    """

    def __init__(self, transport: asyncio.BaseTransport, may_resume: Callable[[], bool]) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._may_resume = may_resume

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def resume_reading(self) -> None:
        if self._may_resume():
            self._transport.resume_reading()


class AiohttpConnection(Connection):
    """Passes the bytes of each request to aiohttp once the previous request of the connection is answered.

    aiohttp itself would read ahead and store any number of pipelined requests, without a limit of memory. This class
    finds the end of a request by its Content-Length. For a chunked body, it passes the bytes up to each empty line, and
    then asks aiohttp whether the body is complete.
    """

    def __init__(self, connections: Connections, server: web.Server) -> None:
        super().__init__(connections)
        self._handler: web.RequestHandler = server()
        self._head_bytes = 0
        self._tail = b""
        self._starting = b""
        self._is_starting = False  # aiohttp has a complete head, and has not called `begin` yet
        self._answering = False
        self._content: StreamReader | None = None
        self._missing: int | None = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pass the transport to aiohttp. See asyncio.Protocol."""
        self._handler.connection_made(cast("asyncio.Transport", _Transport(transport, self._may_resume)))
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Report the end of the connection to aiohttp. See asyncio.Protocol."""
        super().connection_lost(exc)
        self._handler.connection_lost(exc)

    def pause_writing(self) -> None:
        """Report to aiohttp that the client reads too slowly. See asyncio.Protocol."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Report to aiohttp that the client has read enough to write more. See asyncio.Protocol."""
        self._handler.resume_writing()

    def force_close(self) -> None:
        """Close the connection without an answer."""
        self._handler.force_close()

    @property
    def has_incomplete_body(self) -> bool:
        """Whether a part of the current or last request's body has not arrived yet."""
        return self._content is not None and self._missing != 0 and not self._content.is_eof()

    @property
    def is_answering(self) -> bool:
        """Whether the current request is complete and not answered yet."""
        return self._answering and not self.has_incomplete_body

    def begin(self, request: web.BaseRequest) -> None:
        """Mark the connection as busy with a request, and process the bytes that arrived since the request's head.

        The middleware calls this method before the request's handler.
        """
        self.busy, self.head_since, self.since = True, None, monotonic()
        self._content, self._missing = request.content, request.content_length
        self._answering, self._is_starting = True, False
        data, self._starting = self._starting, b""
        if data:
            self._transport.resume_reading()
            self.data_received(data)

    def end(self) -> None:
        """Mark the connection as not busy. The middleware calls this method before it sends the answer."""
        self.busy, self.since = False, monotonic()

    def answered(self) -> None:
        """Start to process the next pipelined request. The middleware calls this method after it has sent an answer."""
        self._answering = False
        self._answered()

    def _may_resume(self) -> bool:
        return self._held_memory.size <= PIPELINED_BYTES and not self.closes

    def _handle(self, data: bytes) -> None:
        """Pass bytes to aiohttp up to the end of the current request, and store the bytes after it."""
        at = 0
        while at < len(data) and not self.is_answering and not self._is_starting and not self._transport.is_closing():
            end = self._end_of_body(data, at) if self.has_incomplete_body else self._end_of_head(data, at)
            self._handler.data_received(data[at:end])
            at = end
        if at == len(data) or self._transport.is_closing():
            return
        if self._is_starting:
            self._starting += data[at:]
            if len(self._starting) > PIPELINED_BYTES:
                self._transport.pause_reading()
        else:
            self._hold(data[at:])

    def _end_of_body(self, data: bytes, at: int) -> int:
        """Return the index in `data` after the current request's body, or `len(data)` if the body is incomplete.

        In a chunked body, it is the index after the next empty line, which may be the end of the body.
        """
        if self._missing is None:
            return self._after_empty_line(data, at) or len(data)
        end = min(at + self._missing, len(data))
        self._missing -= end - at
        return end

    def _end_of_head(self, data: bytes, at: int) -> int:
        """Return the index in `data` after the next request's head, or `len(data)` if the head is incomplete.

        If an incomplete head exceeds HEAD_BYTES, send an error response and close the connection.
        """
        if self.head_since is None:
            self.head_since = self.since = monotonic()
        if not self._head_bytes:
            at = len(data) - len(data[at:].lstrip(b"\r\n"))  # HTTP allows empty lines before a request
        if end := self._after_empty_line(data, at):
            self._head_bytes, self._is_starting = 0, True
            return end
        self._head_bytes += len(data) - at
        if self._head_bytes > HEAD_BYTES:
            self._transport.write(_TOO_LONG)
            self._transport.close()
        return len(data)

    def _after_empty_line(self, data: bytes, at: int) -> int | None:
        """Return the index in `data` after the next CRLF CRLF from `at` on, or None if there is none.

        The four bytes may begin in the bytes that arrived before `data`.
        """
        position = (self._tail + data[at : at + len(END) - 1]).find(END)
        end = at - len(self._tail) + position if position >= 0 else data.find(END, at)
        if position < 0 > end:
            self._tail = (self._tail + data[at:])[1 - len(END) :]
            return None
        self._tail = b""
        return end + len(END)
