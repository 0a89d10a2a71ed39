"""The TLS certificate of a server, which is loaded again when its files change."""

import asyncio
import logging
import ssl
from pathlib import Path

log = logging.getLogger(__name__)


class Certificate:
    """The certificate and key in a folder, such as that of a mounted Secret of type kubernetes.io/tls.

    Args:
        folder: Folder with tls.crt and tls.key.
        origin: The source of the files, as the end of a phrase in messages, such as `of spec.tls`.

    Attributes:
        context: TLS context of the server. It switches each new connection to the current certificate.

    Raises:
        OSError: If the files cannot be loaded.
    """

    def __init__(self, folder: Path, origin: str) -> None:
        self._files = folder / "tls.crt", folder / "tls.key"
        self._origin = origin
        self._loaded = self._read()
        self._current = self.context = self._context()
        self.context.sni_callback = self._use_current

    async def run(self, seconds: float) -> None:
        """Reload the certificate every `seconds`, until cancelled. Invalid files do not replace the one in use."""
        while True:
            await asyncio.sleep(seconds)
            await asyncio.to_thread(self.reload)

    def reload(self) -> None:
        """Load the certificate if it has changed. New connections then use it."""
        try:
            files = self._read()
            if files == self._loaded:
                return
            self._current = self._context()
        except OSError as error:  # ssl.SSLError is one
            log.warning("cannot reload the certificate %s, the old one stays in use: %s", self._origin, error)
            return
        self._loaded = files
        log.info("reloaded the certificate %s", self._origin)

    def _context(self) -> ssl.SSLContext:
        """Return a new context with only the current certificate.

        A context holds one certificate of each key type, such as RSA and ECDSA. If the new certificate were loaded into
        the old context, and had another key type, the old certificate would stay in use until it expires.
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
