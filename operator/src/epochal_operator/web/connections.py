"""Which connections are held when there are more than can be: no address keeps the others out."""

import asyncio
import socket
from collections import Counter
from contextlib import suppress


class Connections:
    """The connections that are held.

    Args:
        most: How many there may be.
        most_per_client: How many there may be from one address.
    """

    def __init__(self, most: int, most_per_client: int) -> None:
        self._most = most
        self._most_per_client = most_per_client
        self._held: dict[socket.socket, str] = {}
        self._released = asyncio.Event()

    async def admit(self, connection: socket.socket, client: str) -> bool:
        """Returns whether a connection is held, once there is room for it.

        Where there is none, the address with the most connections loses its oldest one to an address that has fewer.
        One that has connections, and as many as any other, gets no more of them.

        Args:
            connection: The connection.
            client: Its address.
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
        """Makes room, since a connection has ended."""
        if self._held.pop(connection, None) is not None:
            self._released.set()

    def _end(self, connection: socket.socket) -> None:
        self.release(connection)
        with suppress(OSError):  # It has ended by itself.
            connection.shutdown(socket.SHUT_RDWR)
