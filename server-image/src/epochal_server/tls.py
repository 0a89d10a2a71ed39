"""The certificate that is served, loaded anew when it changes."""

import asyncio
import logging
import ssl
from pathlib import Path

from epochal_server.ending import Ended

CHECK_SECONDS = 10.0
"""How often the Secret is looked at. The kubelet itself takes up to two minutes to bring a change of it."""

log = logging.getLogger(__name__)


class Certificate:
    """The certificate and key of a Secret of type kubernetes.io/tls.

    Args:
        folder: Where the Secret is mounted.

    Attributes:
        context: What to serve with. It hands each connection on to the certificate that is there now.

    Raises:
        Ended: InvalidConfig, if they cannot be loaded.
    """

    def __init__(self, folder: Path) -> None:
        self._files = folder / "tls.crt", folder / "tls.key"
        try:
            self._loaded = self._read()
            self._current = self.context = self._context()
        except (OSError, ssl.SSLError) as error:
            raise Ended(
                "InvalidConfig",
                f"the Secret that spec.tls names must hold tls.crt and tls.key, PEM, that belong together: {error}",
            ) from error
        self.context.sni_callback = self._hand_on

    async def keep(self) -> None:
        """Looks at the Secret again and again, until cancelled. What is wrong with it leaves the former one in use."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            self.reload()

    def reload(self) -> None:
        """Loads the certificate if it has changed: connections made from now on get it."""
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
        """Returns what serves the certificate, and no other.

        Loaded into what serves one of another type of key, as of RSA and of ECDSA, it would lie beside that, which
        would be shown on until it runs out.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(*self._files)
        return context

    def _hand_on(self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _context: ssl.SSLContext) -> None:
        """Has a connection that begins, with the name of a server or without, be shown the certificate of now."""
        connection.context = self._current

    def _read(self) -> tuple[bytes, ...]:
        return tuple(path.read_bytes() for path in self._files)
