"""Admission of connections up to a limit, so that no client address keeps the others out."""

import asyncio
import socket
from collections import Counter
from contextlib import suppress


class Connections:
    """The open connections of the server.

    Args:
        most: Maximum number of connections.
        most_per_client: Maximum number of connections from one address.
    """

    def __init__(self, most: int, most_per_client: int) -> None:
        self._most = most
        self._most_per_client = most_per_client
        self._held: dict[socket.socket, str] = {}
        self._released = asyncio.Event()

    async def admit(self, connection: socket.socket, client: str) -> bool:
        """Return whether a connection is admitted; wait until there is room.

        At the limit, the address with the most connections loses its oldest one to an address with fewer. An address
        that has connections, and as many as any other, gets no further one.

        Args:
            connection: The connection.
            client: Client address of the connection.
        """
        while True:
            clients = Counter(self._held.values())
            if clients[client] >= self._most_per_client:
                return False
            if len(self._held) < self._most:
                self._held[connection] = client
                return True
            greedy, most = clients.most_common(1)[0]
            if most > clients[client] + 1:
                self._end(next(held for held, holder in self._held.items() if holder == greedy))
            elif clients[client]:
                return False
            else:
                self._released.clear()
                await self._released.wait()

    def release(self, connection: socket.socket) -> None:
        """Remove a closed connection and wake those that wait for room."""
        if self._held.pop(connection, None) is not None:
            self._released.set()

    def _end(self, connection: socket.socket) -> None:
        self.release(connection)
        with suppress(OSError):  # The client has closed it.
            connection.shutdown(socket.SHUT_RDWR)
