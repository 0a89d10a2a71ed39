"""The fast path: answers the plain requests of a connection, until the first bytes that only aiohttp can handle."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import perf_counter, time
from typing import Any, Protocol

from epochal_server.access_log import Entry
from epochal_server.auth import Authorize
from epochal_server.bookkeeping import GONE, Bookkeeping
from epochal_server.intake import REFUSED_SECONDS, Intake, Room
from epochal_server.model import Arrays
from epochal_server.quick import head as heads
from epochal_server.quick.codec import Body, Codec
from epochal_server.quick.coming import Coming
from epochal_server.quick.exchange import NO_HEADERS, Exchange
from epochal_server.quick.response import response
from epochal_server.refusals import Busy, Refused

MOST_BYTES = 256 * 1024
"""Maximum bytes of a fast-path request with its head. Longer requests gain little, and longer JSON would block the
event loop."""

log = logging.getLogger(__name__)


class Put(Protocol):
    """Queues samples for a call of the model."""

    def __call__(self, inputs: Arrays, taker: Exchange) -> None:
        """Queue the samples of a request.

        Raises:
            Refused: If the samples are invalid, or there is no room for them.
        """


class Encode(Protocol):
    """Encodes answers outside the event loop."""

    def __call__(self, encode: Callable[[Any, Arrays], Body], asked: Any, answers: Arrays, /) -> Awaitable[Body]:
        """Return the body of the response. See codec.Codec.encode."""


@dataclass(frozen=True, slots=True)
class Quick:
    """The parts of the server that the fast path uses."""

    codecs: Mapping[str, Codec]
    """The codecs of the protocols, by request path."""
    put: Put
    forget: Callable[[], None]
    """Drops the queued samples of clients that have disconnected."""
    authorize: Authorize
    intake: Intake
    bookkeeping: Bookkeeping
    answer_bytes: Callable[[Arrays], int]
    """Returns the bytes of the answer to inputs, as far as the size is known."""
    most: int
    """Maximum bytes of a body. aiohttp's handlers refuse larger bodies."""
    encode: Encode
    """Encodes large answers in a thread."""


class Client(Protocol):
    """The interface of a client's connection that the fast path uses."""

    def begin(self) -> None:
        """Mark the connection as busy with a request."""

    def end(self) -> None:
        """Mark the connection as not busy."""

    def answered(self) -> None:
        """Start the next request after an answer is sent."""

    def keep_alive(self, val: bool) -> None:  # noqa: FBT001 - it is aiohttp's
        """Set whether the connection stays open after the answer."""

    def data_received(self, data: bytes) -> None:
        """Handle bytes that the client has sent."""


class Shortcut:
    """The fast path of one connection.

    Args:
        quick: The parts of the server that the fast path uses.
        connection: The connection of the client.
        transport: The transport that sends the answers.
    """

    def __init__(self, quick: Quick, connection: Client, transport: asyncio.Transport) -> None:
        self._quick = quick
        self._connection = connection
        self._transport = transport
        self._client = str((transport.get_extra_info("peername") or ("",))[0])
        self._held = b""
        self._coming: Coming | None = None
        self._unread = False
        self._unsent: Room | None = None
        self._exchange: Exchange | None = None

    def received(self, data: bytes) -> bytes | None:
        """Handle bytes that the client has sent.

        Returns:
            The bytes that the fast path does not handle, or None if it handled them all. If there are any, aiohttp must
            handle them and all later bytes.
        """
        if self._coming is not None:
            return self._more(self._coming, data)
        if self._held:
            data = self._released() + data
        return self._read(data)

    @property
    def waits(self) -> bool:
        """Whether the connection may not read another request: the last one is unanswered, or answers are unread."""
        return self._coming is None and (self._exchange is not None or self._unread)

    def lost(self) -> None:
        """Drop the requests and answers of a connection that was lost."""
        self._released()
        self._left()
        self._sent()
        if self._exchange is not None:
            self._exchange.abandon()
            self._ended(self._exchange, GONE, 0)
            self._quick.forget()

    def respond(self, exchange: Exchange, status: int, body: Body, headers: Mapping[str, str] = NO_HEADERS) -> None:
        """Send the response to a request."""
        ends = self._quick.bookkeeping.ending()
        content = body.content
        self._transport.write(response(status, body, headers, ends=ends))
        self._ended(exchange, status, len(content))
        if self._unread:
            self._keep(exchange.room, len(content))
        else:
            exchange.room.give_back()
        if ends:
            self._transport.close()

    def encode(self, exchange: Exchange, answer: Arrays, encoded: Callable[[asyncio.Future[Body]], None]) -> None:
        """Start to encode an answer in a thread. See exchange.Responder."""
        exchange.encoding = asyncio.ensure_future(self._quick.encode(exchange.codec.encode, exchange.asked, answer))
        exchange.encoding.add_done_callback(encoded)

    def unread(self) -> None:
        """Stop reading requests, because the client does not read its answers."""
        self._unread = True
        self._transport.pause_reading()

    def written(self) -> None:
        """Continue to read requests, because the client has read its answers."""
        self._unread = False
        self._sent()
        self._go_on()

    def given_up(self) -> bytes | None:
        """Return the received part of a request with an incomplete body, which aiohttp then handles; else None."""
        return None if self._coming is None or self._unread else self._left()

    def _keep(self, room: Room, size: int) -> None:
        """Keep the memory reservation of an answer until the client has read the answer."""
        room.keep(size)
        self._unsent = room
        self._quick.intake.wait(room, self._transport.abort)
        self._quick.bookkeeping.begin()

    def _sent(self) -> None:
        """Free the memory reservation of an answer that the client has read."""
        if self._unsent is not None:
            self._quick.intake.wait_no_more(self._unsent)
            self._unsent.give_back()
            self._unsent = None
            self._quick.bookkeeping.end()

    def _go_on(self) -> None:
        """Resume reading, and handle the bytes that arrived meanwhile."""
        if self._unread or self._exchange is not None or self._transport.is_closing():
            return
        self._transport.resume_reading()
        if self._coming is not None:
            self._connection.data_received(b"")

    def _hold(self, data: bytes) -> None:
        """Store an incomplete head, and count its request as in progress, so that a shutdown waits for it."""
        self._held = data
        if data:
            self._quick.bookkeeping.begin()

    def _released(self) -> bytes:
        held, self._held = self._held, b""
        if held:
            self._quick.bookkeeping.end()
        return held

    def _read(self, data: bytes) -> bytes | None:
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:  # noqa: PLR2004 - it was not found
            if len(data) > heads.MOST_BYTES:
                return data
            self._hold(data)
            return None
        head = heads.read(data[:end]) if end <= heads.MOST_BYTES else None
        codec = self._quick.codecs.get(head.path) if head is not None else None
        most = min(MOST_BYTES - end, self._quick.most)
        if head is None or codec is None or head.length > most or len(data) > end + head.length:
            return data
        if len(data) < end + head.length:
            return self._wait_for(Coming(head, codec, data[:end], Room(self._quick.intake)), data[end:])
        self._begin(Exchange(self, head, codec, Room(self._quick.intake)), data[end:])
        return None

    def _wait_for(self, coming: Coming, data: bytes) -> bytes | None:
        """Store the received part of a body. A request to refuse is returned for aiohttp, which also reads its rest."""
        try:
            self._quick.authorize(coming.head.headers)
            self._quick.intake.admit()
        except Refused:
            return coming.start + data
        self._coming = coming
        self._quick.bookkeeping.begin()
        return self._more(coming, data)

    def _more(self, coming: Coming, data: bytes) -> bytes | None:
        """Add received bytes to a body, and begin the request once its body is complete.

        Return the whole request for aiohttp if there is no room for it, or if more bytes arrived than its body has.
        """
        try:
            coming.add(data)
        except Busy:
            return self._left()
        if coming.missing > 0 or self._unread:
            return None
        if coming.missing < 0:
            return self._left()
        self._coming = None
        self._quick.bookkeeping.end()
        self._begin(Exchange(self, coming.head, coming.codec, coming.room), coming.body())
        return None

    def _left(self) -> bytes:
        """Return the received part of a request with an incomplete body, and forget the request."""
        coming, self._coming = self._coming, None
        if coming is None:
            return b""
        coming.room.give_back()
        self._quick.bookkeeping.end()
        return coming.start + coming.body()

    def _begin(self, exchange: Exchange, body: bytes) -> None:
        """Decode a complete request, and queue its samples for the model."""
        self._exchange = exchange
        self._connection.keep_alive(True)  # noqa: FBT003 - it is aiohttp's
        self._connection.begin()
        quick = self._quick
        quick.bookkeeping.begin()
        try:
            quick.authorize(exchange.head.headers)
            quick.intake.admit()
            exchange.room.take(len(body) - exchange.room.size)  # the bytes that are not reserved yet
            inputs, exchange.asked = exchange.codec.decode(exchange.head, body)
            exchange.room.take_answer(exchange.codec.times(exchange.asked) * quick.answer_bytes(inputs))
            quick.put(inputs, exchange)
            exchange.waits = True
        except Busy as busy:
            asyncio.get_running_loop().call_later(REFUSED_SECONDS, exchange.set_exception, busy)
        except Refused as refused:
            exchange.set_exception(refused)
        except Exception as error:
            log.exception("no answer to POST %s", exchange.head.path)
            exchange.set_exception(error)

    def _end(self) -> None:
        self._exchange = None
        self._connection.end()
        self._connection.answered()
        self._quick.bookkeeping.end()

    def _ended(self, exchange: Exchange, code: int, sent: int) -> None:
        self._end()
        if exchange.waits:
            self._quick.intake.waiting -= 1
        head = exchange.head
        seconds = perf_counter() - exchange.began
        protocol = exchange.codec.protocol(head)
        self._quick.bookkeeping.tell(
            Entry(time(), self._client, "POST", head.path, protocol, code, seconds, head.length, sent)
        )
