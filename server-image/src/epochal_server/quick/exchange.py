"""A plain request and its answer."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from time import perf_counter
from types import MappingProxyType
from typing import Any, Protocol

from epochal_server.intake import Room
from epochal_server.model import Arrays, bytes_of
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


class Exchange:
    """A request and its answer, which the batcher brings. See batching.Taker.

    Args:
        shortcut: What it came by.
        head: Its head.
        codec: Its protocol.
        room: What its body and its answer take of the memory for all.
    """

    __slots__ = ("asked", "began", "codec", "gone", "head", "room", "shortcut", "waits")

    def __init__(self, shortcut: Responder, head: Head, codec: Codec, room: Room) -> None:
        self.shortcut = shortcut
        self.head = head
        self.codec = codec
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
