"""The connections of clients, bounded in number and in what they may take their time for."""

import asyncio
import socket
from contextlib import suppress
from time import monotonic
from typing import Any, cast

from aiohttp import web

MOST = 1024
"""Connections at a time. Each takes about 20 kB, and one by TLS a third of a MiB more."""
HEAD_SECONDS = 10.0
"""Time for a request's line and headers, from their first byte."""
KEPT_SECONDS = 620.0
"""How long a connection is kept for the next request: longer than any usual proxy keeps it, so that it never sends one
on a connection that is just being closed here."""
UNREAD_SECONDS = 30.0
"""How long a client may leave an answer unread."""
SWEEP_SECONDS = 1.0


class Connections:
    """The connections that there are.

    Args:
        most: How many there may be.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._open: dict[Connection, None] = {}

    def opened(self, connection: "Connection") -> None:
        """Takes a connection in; where there are too many, the one goes that has done nothing for the longest time."""
        self._open[connection] = None
        if len(self._open) > self._most:
            idle = min((one for one in self._open if not one.busy), key=lambda one: one.since, default=connection)
            idle.force_close()

    def closed(self, connection: "Connection") -> None:
        """Forgets a connection."""
        self._open.pop(connection, None)

    async def keep(self) -> None:
        """Ends, again and again, connections that do not get to the end of a request's head, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            late = monotonic() - HEAD_SECONDS
            for one in [one for one in self._open if one.head_since is not None and one.head_since < late]:
                one.force_close()


class Connection(web.RequestHandler):
    """A client's connection.

    Args:
        connections: All of them.

    Attributes:
        busy: Whether a request of it is being answered.
        since: Since when it is busy, or is not.
        head_since: Since when a part of a request's head has been there; None if none is, or all of it.
    """

    __slots__ = ("_connections", "busy", "head_since", "since")

    def __init__(self, connections: Connections, **options: Any) -> None:
        super().__init__(**options)
        self._connections = connections
        self.busy = False
        self.since = monotonic()
        self.head_since: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        super().connection_made(transport)
        plain = cast("socket.socket | None", transport.get_extra_info("socket"))
        if plain is not None:
            with suppress(OSError):  # it has ended already
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNREAD_SECONDS * 1000))
        self._connections.opened(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """See asyncio.Protocol."""
        self._connections.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if not self.busy and self.head_since is None:
            self.head_since = monotonic()
        super().data_received(data)

    def begin(self) -> None:
        """Says that a request of it is being answered."""
        self.busy, self.head_since, self.since = True, None, monotonic()

    def end(self) -> None:
        """Says that none is."""
        self.busy, self.since = False, monotonic()
