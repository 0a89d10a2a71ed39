"""A relay of TCP connections to a server on the loopback, which a test may cut as a network does."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.kit.ports import LOOPBACK

CHUNK = 64 * 1024


class Relay:
    """A relay on a free port of the loopback.

    Args:
        server_port: Port of the server.

    Attributes:
        port: Its own port.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = socket.create_server((LOOPBACK, 0))
        self._is_cut = False
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.port = int(self._listener.getsockname()[1])

    @contextmanager
    def running(self) -> Iterator["Relay"]:
        """Relays connections until the end of the block."""
        threading.Thread(target=self._accept, daemon=True).start()
        try:
            yield self
        finally:
            self._cut()
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Breaks all connections, and each new one until the end of the block."""
        self._cut()
        try:
            yield
        finally:
            with self._lock:
                self._is_cut = False

    def _cut(self) -> None:
        with self._lock:
            self._is_cut = True
            for each in self._open:
                _end(each)
            self._open.clear()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener is closed
            while True:
                client, _ = self._listener.accept()
                with self._lock:
                    if self._is_cut:
                        client.close()
                        continue
                    server = socket.create_connection((LOOPBACK, self._server_port))
                    self._open |= {client, server}
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._copy, args=(source, target), daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):  # the other thread, or a cut, has ended the connection
            while part := source.recv(CHUNK):
                target.sendall(part)
        with self._lock:
            for each in (source, target):
                _end(each)
                self._open.discard(each)


def _end(connection: socket.socket) -> None:
    """Ends a connection, and so a read that another thread waits for."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
