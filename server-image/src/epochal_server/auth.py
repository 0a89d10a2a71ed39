"""Who may ask: the bearer of a key of a Secret; on a server without keys everybody but web pages of other origins."""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from epochal_server.ending import Ended
from epochal_server.refusals import CrossOrigin, Unauthorized

CHECK_SECONDS = 5.0
"""How often the Secret is looked at. The kubelet itself takes up to two minutes to bring a change of it."""
LEAST_CHARACTERS = 16
"""A shorter key can be guessed: a server does not limit how often a client tries."""
AUTHORIZATION = "Authorization"
OWN_PAGE = "Epochal-Page"
"""Header that the server's own page sends. No browser sends it for a page of another origin: it would ask the server
first, by a preflight request, which the server refuses."""
_NO_KEY = (
    f"the Secret holds no key of at least {LEAST_CHARACTERS} characters, so that nobody is let in: put one into it, "
    "under any name, such as the output of openssl rand -hex 32"
)

Authorize = Callable[[Mapping[str, str]], None]
"""Takes a request's headers by their names, and raises Refused unless the request may be answered."""

log = logging.getLogger(__name__)


class Keys:
    """The keys of a Secret, each the value of one of its entries: a new one goes beside the old one until all have it.

    Args:
        folder: Where the Secret is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._digests: tuple[bytes, ...] = ()
        self._faults: tuple[str, ...] = ()

    def require(self) -> None:
        """Reads the keys for the first time.

        Raises:
            Ended: InvalidConfig, if there is none: nobody could be let in.
        """
        self.load()
        if not self._digests:
            raise Ended("InvalidConfig", f"spec.auth.secretRef: {_NO_KEY}")

    def load(self) -> None:
        """Reads the keys again. A Secret that cannot be read keeps the keys; an empty Secret removes all of them."""
        try:
            # The kubelet's own files begin with two dots.
            files = sorted(path for path in self._folder.iterdir() if not path.name.startswith(".."))
            entries = {path.name: path.read_bytes() for path in files}
        except OSError as error:
            log.warning("the keys of spec.auth.secretRef were not read again: %s", error)
            return
        keys, faults = [], []
        for name, value in entries.items():
            key, fault = _key(value)
            if fault is None:
                keys.append(_digest(key))
            else:
                faults.append(f'entry "{name}" is no key: {fault}')
        if not keys:
            faults.append(_NO_KEY)
        if tuple(faults) != self._faults:
            for fault in faults:
                log.error("spec.auth.secretRef: %s", fault)
        if tuple(keys) != self._digests:
            log.info("%d keys are known", len(keys))
        self._digests, self._faults = tuple(keys), tuple(faults)

    async def keep(self) -> None:
        """Reads the keys again and again, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            self.load()

    def authorize(self, headers: Mapping[str, str]) -> None:
        """Makes sure that a request bears a key. See Authorize.

        Raises:
            Unauthorized: If it does not.
        """
        header = headers.get(AUTHORIZATION)
        scheme, _, key = (header or "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise Unauthorized(
                f"Authorization: expected Bearer and a key, found {'another scheme' if header else 'no such header'}: "
                "send a key of the Secret that spec.auth names"
            )
        digest = _digest(key)
        # All are compared, each in the same time: how long it takes tells nothing of any.
        known = [hmac.compare_digest(digest, one) for one in self._digests]
        if not any(known):
            raise Unauthorized(
                "Authorization: expected a known key, found another: send one of the Secret that spec.auth names"
            )


def refuse_other_origins(headers: Mapping[str, str]) -> None:
    """Makes sure that no web page of another origin makes its reader's browser ask. See Authorize.

    A browser reaches servers that the author of a page does not. Clients other than browsers send none of these
    headers.

    Raises:
        CrossOrigin: If one does.
    """
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    if site is not None:
        # Following a link is the reader's own request. That of a form of another page has an Origin.
        followed = headers.get("Sec-Fetch-Mode") == "navigate" and origin is None
        if site not in {"same-origin", "none"} and not followed:
            raise CrossOrigin("Sec-Fetch-Site", "same-origin or none", site)
    elif origin is not None and OWN_PAGE not in headers:
        # Browsers send no Sec-Fetch-Site to plain HTTP. A proxy may have written another Host.
        host = headers.get("Host", "")
        if origin.partition("://")[2].lower() != host.lower():
            raise CrossOrigin("Origin", f"that of the Host, {host}", origin)


def _key(value: bytes) -> tuple[str, str | None]:
    """Returns the key in an entry of a Secret, and why it is none, without its value; None if it is one."""
    try:
        key = value.decode().strip()
    except UnicodeDecodeError:
        return "", "expected text in UTF-8, found other bytes"
    if len(key) < LEAST_CHARACTERS:
        return key, f"expected at least {LEAST_CHARACTERS} characters, found {'fewer' if key else 'none'}"
    return key, None


def _digest(key: str) -> bytes:
    # A dump of this process' memory should hold as few keys as can be.
    return hashlib.sha256(key.encode(errors="surrogatepass")).digest()
