"""Admission of connections up to a limit, so that one client address cannot exclude the other addresses."""

import asyncio
import socket
from collections import Counter
from contextlib import suppress


class Connections:
    """The open connections of the server, with a maximum in total and a maximum for each client address."""

    def __init__(self, max_connections: int, max_per_client: int) -> None:
        self._max_connections = max_connections
        self._max_per_client = max_per_client
        self._clients: dict[socket.socket, str] = {}
        self._released = asyncio.Event()

    async def admit(self, connection: socket.socket, client: str) -> bool:
        """Return whether a connection of the address `client` is admitted. The caller must close a refused connection.

        An address with the maximum for each address is refused. At the maximum in total, the address with the most
        connections loses its oldest connection if it has at least two connections more than `client`. Otherwise
        `client` is refused if it has connections, and waits for a release if it has none.
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
        """Remove a closed connection from the open connections, and wake the waiting calls of `admit`."""
        if self._clients.pop(connection, None) is not None:
            self._released.set()

    def _end(self, connection: socket.socket) -> None:
        self.release(connection)
        with suppress(OSError):  # The client has closed the connection.
            connection.shutdown(socket.SHUT_RDWR)
