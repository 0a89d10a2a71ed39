"""A plain request and its answer."""

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
    """Sends responses."""

    def respond(
        self, exchange: "Exchange", status: int, body: Body, headers: Mapping[str, str] = NO_HEADERS, /
    ) -> None:
        """Sends the response to a request."""

    def encode(self, exchange: "Exchange", answer: Arrays, encoded: Callable[[asyncio.Future[Body]], None], /) -> None:
        """Encodes a large answer in a thread.

        Args:
            exchange: What it answers.
            answer: The answer.
            encoded: Takes its body.
        """


class Exchange:
    """A request and its answer, which the batcher brings. See batching.Taker.

    Args:
        shortcut: What it came by.
        head: Its head.
        codec: Its protocol.
        room: What its body and its answer take of the memory for all.
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
        """Returns whether nobody waits for the answer any more."""
        return self.gone

    def abandon(self) -> None:
        """Gives back the room of a request whose client has gone, after any thread that still encodes the answer."""
        self.gone = True
        if self.encoding is None:
            self.room.give_back()
        else:
            self.encoding.cancel()

    def set_result(self, answer: Arrays) -> None:
        """Answers."""
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
        """Answers with a body that was encoded in a thread."""
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
        """Refuses."""
        if self.gone:
            return
        refused = error if isinstance(error, Refused) else Failed("an error of the server, see its log")
        self.shortcut.respond(self, refused.status, self.codec.refuse(self.head, refused), refused.headers)
