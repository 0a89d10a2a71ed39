"""TLS: the certificate, which is loaded again when its Secret changes, and connections during their handshake."""

import asyncio
import logging
import ssl
from asyncio import sslproto
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from epochal_lib.model_server.errors import ServeError

from epochal_server.connections.connection import Connection, Connections

CHECK_SECONDS = 10.0
"""Interval of reading the Secret. The kubelet itself takes up to two minutes to update the mounted files."""
HANDSHAKE_SECONDS = 5.0
"""Time limit of the handshake, and of the shutdown of TLS."""
sslproto.SSLProtocol.max_size = 64 * 1024
"""Size in bytes of the read buffer of each TLS connection, which lasts as long as the connection. The default is four
times as large."""

log = logging.getLogger(__name__)


class Certificate:
    """The certificate and key of a Secret of type kubernetes.io/tls.

    Attributes:
        context: TLS context of the server. It switches each new connection to the current certificate.

    Raises:
        ServeError: InvalidConfig, if the files cannot be loaded.
    """

    def __init__(self, folder: Path) -> None:
        self._files = folder / "tls.crt", folder / "tls.key"
        try:
            self._loaded = self._read()
            self._current = self.context = self._context()
        except (OSError, ssl.SSLError) as error:
            raise ServeError(
                "InvalidConfig",
                f"spec.tls: expected a Secret with tls.crt and tls.key, PEM files of a key pair ({error}): correct it",
            ) from error
        self.context.sni_callback = self._use_current

    async def run(self) -> None:
        """Reload the certificate at regular intervals, until cancelled. An invalid Secret does not replace it."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            self.reload()

    def reload(self) -> None:
        """Load the certificate if it has changed. New connections then use it."""
        try:
            files = self._read()
            if files == self._loaded:
                return
            self._current = self._context()
        except (OSError, ssl.SSLError) as error:
            log.warning("cannot reload the certificate of spec.tls, the old one stays in use: %s", error)
            return
        self._loaded = files
        log.info("reloaded the certificate of spec.tls")

    def _context(self) -> ssl.SSLContext:
        """Return a new context with only the current certificate.

        A context holds one certificate of each key type, such as RSA and ECDSA. If the type changed, the old
        certificate would stay in use until it expires.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(*self._files)
        return context

    def _use_current(
        self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _context: ssl.SSLContext
    ) -> None:
        """Switch a new connection, with or without a server name, to the current certificate."""
        connection.context = self._current

    def _read(self) -> tuple[bytes, ...]:
        return tuple(path.read_bytes() for path in self._files)


class Handshake(Connection):
    """Counts a connection during its TLS handshake. asyncio's own TLS would not count it before HTTP starts."""

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
        """Keep the bytes that arrive together with the last message of the handshake."""
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
