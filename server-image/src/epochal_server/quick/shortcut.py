"""Answers the plain requests of a connection itself, for as long as all that comes is plain."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import perf_counter, time
from types import MappingProxyType
from typing import Any, Protocol

from epochal_server.access_log import Entry
from epochal_server.bookkeeping import GONE, Bookkeeping
from epochal_server.intake import REFUSED_SECONDS, Intake, Room
from epochal_server.model import Arrays, bytes_of
from epochal_server.quick import head as heads
from epochal_server.quick.codec import Body, Codec
from epochal_server.quick.head import Head
from epochal_server.refusals import Busy, Failed, Refused

MOST_BYTES = 32 * 1024
"""A request that is longer does not come in one piece, and gains little."""

_PHRASES = {int(status): status.phrase for status in HTTPStatus}
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})

log = logging.getLogger(__name__)


class Put(Protocol):
    """Puts samples to where they are computed."""

    def __call__(self, inputs: Arrays, taker: "Exchange") -> bool:
        """Returns whether they are: not those that do not go into one call.

        Raises:
            Refused: If they are not as they must be, or there is no room.
        """


@dataclass(frozen=True, slots=True)
class Quick:
    """What plain requests are answered with."""

    codecs: Mapping[str, Codec]
    """By paths."""
    put: Put
    authorize: Callable[[str | None], None]
    intake: Intake
    bookkeeping: Bookkeeping
    answer_bytes: Callable[[Arrays], int]
    """Bytes of the answer to what the model is asked, as far as they are known."""
    most: int
    """Bytes that a body may hold: who sends more is refused by others."""


class Client(Protocol):
    """The connection of a client."""

    def begin(self) -> None:
        """Says that a request of it is being answered."""

    def end(self) -> None:
        """Says that none is."""

    def keep_alive(self, val: bool) -> None:  # noqa: FBT001 - it is aiohttp's
        """Says that it is not idle."""

    def data_received(self, data: bytes) -> None:
        """Takes what has come."""


class Exchange:
    """A request and its answer, which the batcher brings. See batching.Taker.

    Args:
        shortcut: What it came by.
        head: Its head.
        codec: Its protocol.
        received: Bytes of its body.
        room: What its answer takes of the memory for all.
    """

    __slots__ = ("asked", "began", "codec", "gone", "head", "received", "room", "shortcut", "waits")

    def __init__(self, shortcut: "Shortcut", head: Head, codec: Codec, received: int, room: Room) -> None:
        self.shortcut = shortcut
        self.head = head
        self.codec = codec
        self.received = received
        self.room = room
        self.began = perf_counter()
        self.asked: Any = None
        self.gone = False
        self.waits = False

    def done(self) -> bool:
        """Returns whether nobody waits for the answer any more."""
        return self.gone

    def set_result(self, answer: Arrays) -> None:
        """Answers."""
        try:
            self.room.take_answer(self.codec.times(self.asked) * bytes_of(answer))
            body = self.codec.encode(self.asked, answer)
        except Refused as refused:
            self.set_exception(refused)
            return
        except Exception:
            log.exception("no answer to POST %s", self.head.path)
            self.set_exception(Failed("an error of the server, see its log"))
            return
        self.shortcut.respond(self, HTTPStatus.OK, body)

    def set_exception(self, error: BaseException) -> None:
        """Refuses."""
        if self.gone:
            return
        refused = error if isinstance(error, Refused) else Failed("an error of the server, see its log")
        self.shortcut.respond(self, refused.status, self.codec.refuse(self.head, refused), refused.headers)


class Shortcut:
    """The plain requests of one connection.

    Args:
        quick: What they are answered with.
        connection: The connection.
        transport: Where the answers go.
    """

    def __init__(self, quick: Quick, connection: Client, transport: asyncio.Transport) -> None:
        self._quick = quick
        self._connection = connection
        self._transport = transport
        self._client = str((transport.get_extra_info("peername") or ("",))[0])
        self._held = b""
        self._unread = False
        self._unsent: Room | None = None
        self._exchange: Exchange | None = None

    def received(self, data: bytes) -> bytes | None:
        """Takes what has come.

        Returns:
            What it leaves to others, with all that comes after it; None if it has taken it.
        """
        if self._held:
            data = self._released() + data
        if self._exchange is not None or self._unread:  # sent before the last one was answered, or its answer read
            self._hold(data)
            if len(data) > MOST_BYTES:
                self._transport.pause_reading()
            return None
        return self._read(data)

    def lost(self) -> None:
        """Gives up what nobody waits for any more."""
        self._released()
        self._sent()
        if self._exchange is not None:
            self._exchange.gone = True
            self._exchange.room.give_back()
            self._ended(self._exchange, GONE, 0)

    def respond(self, exchange: Exchange, status: int, body: Body, headers: Mapping[str, str] = _NO_HEADERS) -> None:
        """Sends a response."""
        ends = self._quick.bookkeeping.ending()
        first = _first(status, body.content_type, *body.headers.items(), *headers.items())
        last = b"close" if ends else b"keep-alive"
        content = body.content
        self._transport.write(
            b"%b%bContent-Length: %d\r\nConnection: %b\r\n\r\n%b"
            % (first, _date(int(time())), len(content), last, content)
        )
        self._ended(exchange, status, len(content))
        if self._unread:
            self._keep(exchange.room, len(content))
        else:
            exchange.room.give_back()
        if ends:
            self._transport.close()
        elif self._held:
            asyncio.get_running_loop().call_soon(self._go_on)

    def unread(self) -> None:
        """Reads no more, since the client leaves its answers unread."""
        self._unread = True
        self._transport.pause_reading()

    def written(self) -> None:
        """Goes on, since it has read them."""
        self._unread = False
        self._sent()
        self._go_on()

    def given_up(self) -> bytes | None:
        """Returns what it holds of a request whose body is missing, for others to wait for; None if it holds none."""
        if self._exchange is not None or self._unread or b"\r\n\r\n" not in self._held:
            return None
        return self._released()

    def _keep(self, room: Room, size: int) -> None:
        """Keeps room for an answer until its client has read it."""
        room.keep(size)
        self._unsent = room
        self._quick.intake.wait(room, self._transport.abort)
        self._quick.bookkeeping.begin()

    def _sent(self) -> None:
        """Gives it back."""
        if self._unsent is not None:
            self._quick.intake.wait_no_more(self._unsent)
            self._unsent.give_back()
            self._unsent = None
            self._quick.bookkeeping.end()

    def _go_on(self) -> None:
        """Reads what came while there was no time for it."""
        if self._unread or self._exchange is not None or self._transport.is_closing():
            return
        self._transport.resume_reading()
        if self._held:
            self._connection.data_received(b"")

    def _hold(self, data: bytes) -> None:
        """Keeps a part of a request: it is under way, and its sender is not let down."""
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
            self._hold(data)
            return None
        exchange = self._exchange = Exchange(self, head, codec, head.length, Room(self._quick.intake))
        self._connection.keep_alive(True)  # noqa: FBT003 - it is aiohttp's
        self._connection.begin()
        self._quick.bookkeeping.begin()
        if self._put(exchange, data[end:]):
            return None
        exchange.room.give_back()
        self._end()
        return data

    def _put(self, exchange: Exchange, body: bytes) -> bool:
        """Returns whether a request is taken, or refused; not if it does not go into one call of the model."""
        quick = self._quick
        try:
            quick.authorize(exchange.head.authorization)
            quick.intake.admit()
            inputs, exchange.asked = exchange.codec.decode(exchange.head, body)
            exchange.room.take_answer(exchange.codec.times(exchange.asked) * quick.answer_bytes(inputs))
            exchange.waits = quick.put(inputs, exchange)
        except Busy as busy:
            asyncio.get_running_loop().call_later(REFUSED_SECONDS, exchange.set_exception, busy)
        except Refused as refused:
            exchange.set_exception(refused)
        except Exception as error:
            log.exception("no answer to POST %s", exchange.head.path)
            exchange.set_exception(error)
        else:
            return exchange.waits
        return True

    def _end(self) -> None:
        self._exchange = None
        self._connection.end()
        self._quick.bookkeeping.end()

    def _ended(self, exchange: Exchange, code: int, sent: int) -> None:
        self._end()
        if exchange.waits:
            self._quick.intake.waiting -= 1
        head = exchange.head
        seconds = perf_counter() - exchange.began
        protocol = exchange.codec.protocol(head)
        self._quick.bookkeeping.tell(
            Entry(time(), self._client, "POST", head.path, protocol, code, seconds, exchange.received, sent)
        )


@lru_cache(64)
def _first(status: int, content_type: str, *headers: tuple[str, str]) -> bytes:
    """Returns the first lines of a response's head."""
    lines = [f"HTTP/1.1 {status} {_PHRASES[status]}", f"Content-Type: {content_type}"]
    return "".join(f"{line}\r\n" for line in (*lines, *(f"{name}: {value}" for name, value in headers))).encode(
        "latin-1"
    )


@lru_cache(1)
def _date(seconds: int) -> bytes:
    return f"Date: {formatdate(seconds, usegmt=True)}\r\n".encode()
