"""TLS: the certificate, which is loaded again when its Secret changes, and connections during their handshake."""

import asyncio
import ssl
from asyncio import sslproto
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from epochal_lib import certificate
from epochal_lib.model_server.errors import ServeError

from epochal_server.connections.connection import Connection, Connections

CHECK_SECONDS = 10.0
"""Seconds between two reads of the mounted Secret. The kubelet takes up to two minutes to update the mounted files."""
HANDSHAKE_SECONDS = 5.0
"""Time limit in seconds for a TLS handshake, and also for a TLS shutdown."""
sslproto.SSLProtocol.max_size = 64 * 1024
"""Size in bytes of the read buffer of each TLS connection, which lasts as long as the connection. The default is four
times as large."""


class Certificate(certificate.Certificate):
    """The certificate and key of the Secret of spec.tls.

    Args:
        folder: Folder of the mounted Secret.

    Raises:
        ServeError: InvalidConfig, if the files cannot be loaded.
    """

    def __init__(self, folder: Path) -> None:
        try:
            super().__init__(folder, "of spec.tls")
        except OSError as error:  # ssl.SSLError is one
            raise ServeError(
                "InvalidConfig",
                f"spec.tls: expected a Secret with tls.crt and tls.key, PEM files of a key pair ({error}): correct "
                "the Secret",
            ) from error


class Handshake(Connection):
    """A connection during its TLS handshake, so that it counts towards the maximum number of connections.

    With asyncio's own TLS, a connection would count only after the handshake.
    """

    def __init__(self, connections: Connections, context: ssl.SSLContext, make: Callable[[], Connection]) -> None:
        super().__init__(connections)
        self._context = context
        self._make = make
        self._early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the handshake. See asyncio.Protocol."""
        super().connection_made(transport)
        self._task = asyncio.get_running_loop().create_task(self._handshake())

    def data_received(self, data: bytes) -> None:
        """Store the bytes that arrive together with the last message of the handshake, for the HTTP connection."""
        self._early += data

    def force_close(self) -> None:
        """Abort the connection without an answer."""
        self._transport.abort()

    async def _handshake(self) -> None:
        tls: asyncio.Transport | None = None
        try:
            with suppress(OSError):  # the client speaks no TLS, is too slow, or has disconnected
                tls = await asyncio.get_running_loop().start_tls(
                    self._transport,
                    self,
                    self._context,
                    server_side=True,
                    ssl_handshake_timeout=HANDSHAKE_SECONDS,
                    ssl_shutdown_timeout=HANDSHAKE_SECONDS,
                )
        finally:
            self._connections.remove(self)
        if tls is None or self._transport.is_closing():
            self._transport.abort()
            return
        connection = self._make()
        tls.set_protocol(connection)
        connection.connection_made(tls)
        if self._early:
            connection.data_received(self._early)
