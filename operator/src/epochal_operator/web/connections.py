"""Admission of connections up to a limit, so that no client address keeps the others out."""

import asyncio
import socket
from collections import Counter
from contextlib import suppress


class Connections:
    """The open connections of the server, with a maximum number in all and from one client address."""

    def __init__(self, max_connections: int, max_per_client: int) -> None:
        self._max_connections = max_connections
        self._max_per_client = max_per_client
        self._clients: dict[socket.socket, str] = {}
        self._released = asyncio.Event()

    async def admit(self, connection: socket.socket, client: str) -> bool:
        """Return whether a connection is admitted; wait until there is room.

        At the limit, the address with the most connections loses its oldest connection to an address with fewer. An
        address that has connections, and as many as any other, gets no further connection.
        """
        while True:
            counts = Counter(self._clients.values())
            if counts[client] >= self._max_per_client:
                return False
            if len(self._clients) < self._max_connections:
                self._clients[connection] = client
                return True
            busiest, most = counts.most_common(1)[0]
            if most > counts[client] + 1:
                self._end(next(open_ for open_, owner in self._clients.items() if owner == busiest))
            elif counts[client]:
                return False
            else:
                self._released.clear()
                await self._released.wait()

    def release(self, connection: socket.socket) -> None:
        """Remove a closed connection and wake the callers of `admit` that wait."""
        if self._clients.pop(connection, None) is not None:
            self._released.set()

    def _end(self, connection: socket.socket) -> None:
        self.release(connection)
        with suppress(OSError):  # The client has closed the connection.
            connection.shutdown(socket.SHUT_RDWR)
