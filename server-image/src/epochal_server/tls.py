"""The certificate of the server, which is loaded again when its Secret changes."""

import asyncio
import logging
import ssl
from pathlib import Path

from epochal_lib.model_server.errors import ServeError

CHECK_SECONDS = 10.0
"""Interval of reading the Secret. The kubelet itself takes up to two minutes to update the mounted files."""

log = logging.getLogger(__name__)


class Certificate:
    """The certificate and key of a Secret of type kubernetes.io/tls.

    Args:
        folder: Folder where the Secret is mounted.

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
                f"the Secret that spec.tls names must hold tls.crt and tls.key, PEM, that belong together: {error}",
            ) from error
        self.context.sni_callback = self._hand_on

    async def keep(self) -> None:
        """Reload the certificate at regular intervals, until cancelled. An invalid Secret does not replace it."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            self.reload()

    def reload(self) -> None:
        """Load the certificate if it has changed. New connections then use it."""
        try:
            found = self._read()
            if found == self._loaded:
                return
            self._current = self._context()
        except (OSError, ssl.SSLError) as error:
            log.warning("the certificate of spec.tls was not loaded again, the former one stays: %s", error)
            return
        self._loaded = found
        log.info("the certificate of spec.tls has changed, and is served from now on")

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

    def _hand_on(self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _context: ssl.SSLContext) -> None:
        """Switch a new connection, with or without a server name, to the current certificate."""
        connection.context = self._current

    def _read(self) -> tuple[bytes, ...]:
        return tuple(path.read_bytes() for path in self._files)
