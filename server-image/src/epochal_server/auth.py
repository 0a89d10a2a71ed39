"""Who may ask: whoever bears one of the keys of a Secret."""

import asyncio
import hashlib
import hmac
import logging
from pathlib import Path

from epochal_server.ending import Ended
from epochal_server.refusals import Unauthorized

CHECK_SECONDS = 5.0
"""How often the Secret is looked at. The kubelet itself takes up to two minutes to bring a change of it."""
MOST_CHARACTERS = 8192
_NO_KEY = "the Secret holds no key, so that nobody is let in: put one into it, under any name"

log = logging.getLogger(__name__)


class Keys:
    """The keys of a Secret, each the value of one of its entries: a new one goes beside the old one until all have it.

    Args:
        folder: Where the Secret is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._digests: tuple[bytes, ...] = ()
        self._said = False

    def require(self) -> None:
        """Reads the keys for the first time.

        Raises:
            Ended: InvalidConfig, if there is none: nobody could be let in.
        """
        self.load()
        if not self._digests:
            raise Ended("InvalidConfig", f"spec.auth.secretRef: {_NO_KEY}")

    def load(self) -> None:
        """Reads the keys again. What cannot be read changes nothing; a Secret without any key lets nobody in."""
        try:
            # The kubelet's own files begin with two dots.
            files = sorted(path for path in self._folder.iterdir() if not path.name.startswith(".."))
            keys = [path.read_text(encoding="utf-8", errors="replace").strip() for path in files]
        except OSError as error:
            log.warning("the keys of spec.auth.secretRef were not read again: %s", error)
            return
        digests = tuple(_digest(key) for key in keys if key)
        if not digests and not self._said:
            log.error("spec.auth.secretRef: %s", _NO_KEY)
        if digests != self._digests:
            log.info("%d keys are known", len(digests))
        self._said = not digests
        self._digests = digests

    async def keep(self) -> None:
        """Reads the keys again and again, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            self.load()

    def authorize(self, header: str | None) -> None:
        """Makes sure that a request bears a key.

        Args:
            header: Its header Authorization.

        Raises:
            Unauthorized: If it does not.
        """
        scheme, _, key = (header or "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise Unauthorized(
                f"Authorization: expected Bearer and a key, found {'another scheme' if header else 'no such header'}: "
                "send a key of the Secret that spec.auth names"
            )
        digest = _digest(key[:MOST_CHARACTERS])
        # All are compared, each in the same time: how long it takes tells nothing of any.
        known = [hmac.compare_digest(digest, one) for one in self._digests]
        if not any(known):
            raise Unauthorized(
                "Authorization: expected a known key, found another: send one of the Secret that spec.auth names"
            )


def open_to_all(_: str | None) -> None:
    """Lets everybody in, whom the NetworkPolicy does."""


def _digest(key: str) -> bytes:
    # A dump of this process' memory should hold as few keys as can be.
    return hashlib.sha256(key.encode(errors="surrogatepass")).digest()
