"""A request on the fast path and its answer."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from time import perf_counter
from types import MappingProxyType
from typing import Any, Protocol

from epochal_server.intake import Room
from epochal_server.model import INLINE_ANSWER_BYTES, Arrays, bytes_of
from epochal_server.quick.codec import Body, Codec
from epochal_server.quick.head import Head
from epochal_server.refusals import Failed, Refused

NO_HEADERS: Mapping[str, str] = MappingProxyType({})

log = logging.getLogger(__name__)


class Responder(Protocol):
    """Sends the responses to fast-path requests."""

    def respond(
        self, exchange: "Exchange", status: int, body: Body, headers: Mapping[str, str] = NO_HEADERS, /
    ) -> None:
        """Send the response to a request."""

    def encode(self, exchange: "Exchange", answer: Arrays, encoded: Callable[[asyncio.Future[Body]], None], /) -> None:
        """Encode a large answer in a thread.

        Args:
            exchange: The request that is answered.
            answer: The answer.
            encoded: Receives the finished future of the response's body.
        """


class Exchange:
    """A fast-path request and its answer, which the batcher sets. See pieces.Taker.

    Args:
        shortcut: The fast path of the connection, which sends the response.
        head: The parsed head of the request.
        codec: The codec of the request's protocol.
        room: The memory reservation of the request's body and of the answer.
    """

    __slots__ = ("asked", "began", "codec", "encoding", "gone", "head", "room", "shortcut", "waits")

    def __init__(self, shortcut: Responder, head: Head, codec: Codec, room: Room) -> None:
        self.shortcut = shortcut
        self.head = head
        self.codec = codec
        self.room = room
        self.began = perf_counter()
        self.asked: Any = None
        self.encoding: asyncio.Future[Body] | None = None
        self.gone = False
        self.waits = False

    def done(self) -> bool:
        """Return whether the answer is no longer needed."""
        return self.gone

    def abandon(self) -> None:
        """Free the memory of a disconnected client's request, after any thread that still encodes the answer."""
        self.gone = True
        if self.encoding is None:
            self.room.give_back()
        else:
            self.encoding.cancel()

    def set_result(self, answer: Arrays) -> None:
        """Send the answer to the client. A thread encodes a large answer first."""
        try:
            size = self.codec.times(self.asked) * bytes_of(answer)
            self.room.take_answer(size)
            if size > INLINE_ANSWER_BYTES:
                self.shortcut.encode(self, answer, self._encoded)
                return
            body = self.codec.encode(self.asked, answer)
        except Refused as refused:
            self.set_exception(refused)
            return
        except Exception:
            log.exception("no answer to POST %s", self.head.path)
            self.set_exception(Failed("an error of the server, see its log"))
            return
        self.shortcut.respond(self, HTTPStatus.OK, body)

    def _encoded(self, encoding: asyncio.Future[Body]) -> None:
        """Send the response with a body that a thread has encoded, or an error."""
        if self.gone:
            self.room.give_back()
        if encoding.cancelled():
            return
        error = encoding.exception()
        if error is not None:
            log.error("no answer to POST %s", self.head.path, exc_info=error)
            self.set_exception(Failed("an error of the server, see its log"))
        elif not self.gone:
            self.shortcut.respond(self, HTTPStatus.OK, encoding.result())

    def set_exception(self, error: BaseException) -> None:
        """Send an error response to the client, unless the client has disconnected."""
        if self.gone:
            return
        refused = error if isinstance(error, Refused) else Failed("an error of the server, see its log")
        self.shortcut.respond(self, refused.status, self.codec.refuse(self.head, refused), refused.headers)
