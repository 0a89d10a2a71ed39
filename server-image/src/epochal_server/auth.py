"""Authorization of requests by an API key in one of two headers. The valid keys are those of a Secret.

A server without keys refuses only the requests that browsers send for web pages of other origins.
"""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from epochal_lib.model_server.errors import ServeError

from epochal_server.refusals import CrossOrigin, Unauthorized

CHECK_SECONDS = 5.0
"""Seconds between two reads of the mounted Secret. The kubelet takes up to two minutes to update the mounted files."""
MIN_CHARACTERS = 16
"""Minimum length of a key. A shorter key can be guessed, because the server does not limit failed attempts."""
AUTHORIZATION = "Authorization"
API_KEY = "X-API-Key"
"""Header with a key for clients whose Authorization header does not reach the server. The Kubernetes API server's proxy
removes that header."""
OWN_PAGE = "Epochal-Page"
"""Header of requests of the server's own page. A browser sends this header to another origin only after a preflight
request, which the server refuses."""
_NO_KEY = (
    f"the Secret has no key of at least {MIN_CHARACTERS} characters, so all requests are refused: add an entry with "
    "any name and the output of openssl rand -hex 32"
)
_MISSING = "API key is missing"

Authorize = Callable[[Mapping[str, str]], None]
"""Function that checks a request's headers, a mapping of names to values. It raises Refused for a forbidden request."""

log = logging.getLogger(__name__)


class Keys:
    """The valid API keys: one in each entry of a Secret. To rotate a key, add the new key and delete the old key later.

    Args:
        folder: Folder where the Secret is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._digests: tuple[bytes, ...] = ()
        self._faults: tuple[str, ...] = ()

    def require(self) -> None:
        """Read the keys for the first time.

        Raises:
            ServeError: InvalidConfig, if the Secret contains no valid key, so that every request would be refused.
        """
        self.load()
        if not self._digests:
            raise ServeError("InvalidConfig", f"spec.auth.secretRef: {_NO_KEY}")

    def load(self) -> None:
        """Replace the keys by those of the mounted Secret, and log invalid entries.

        If the files cannot be read, the old keys stay valid. If no entry is valid, all requests are refused.
        """
        try:
            # The kubelet's own files begin with two dots.
            files = sorted(path for path in self._folder.iterdir() if not path.name.startswith(".."))
            entries = {path.name: path.read_bytes() for path in files}
        except OSError as error:
            log.warning("cannot reload the keys of spec.auth.secretRef, the old keys stay valid: %s", error)
            return
        keys, faults = [], []
        for name, value in entries.items():
            key, fault = _key(value)
            if fault is None:
                keys.append(_digest(key))
            else:
                faults.append(f'entry "{name}" is not a valid key: {fault}')
        if not keys:
            faults.append(_NO_KEY)
        if tuple(faults) != self._faults:
            for fault in faults:
                log.error("spec.auth.secretRef: %s", fault)
        if tuple(keys) != self._digests:
            log.info("loaded %d API keys", len(keys))
        self._digests, self._faults = tuple(keys), tuple(faults)

    async def run(self) -> None:
        """Read the keys again every CHECK_SECONDS, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            self.load()

    def authorize(self, headers: Mapping[str, str]) -> None:
        """Check that a request has a valid key in the header Authorization (scheme Bearer) or X-API-Key.

        Raises:
            Unauthorized: If neither header contains a valid key.
        """
        authorization, api_key = headers.get(AUTHORIZATION), headers.get(API_KEY)
        scheme, _, bearer = (authorization or "").partition(" ")
        keys = [bearer if scheme.lower() == "bearer" else "", api_key or ""]
        given = [key for key in map(str.strip, keys) if key]
        if not given:
            raise Unauthorized(
                f"Authorization: {'expected the scheme Bearer and an API key' if authorization else _MISSING}: "
                f"send `Authorization: Bearer KEY` or `{API_KEY}: KEY` with a key of the Secret that spec.auth names"
            )
        # Each key is compared with all keys, each in constant time: the duration reveals nothing about any key.
        matches = [hmac.compare_digest(digest, known) for digest in map(_digest, given) for known in self._digests]
        if not any(matches):
            header = API_KEY if api_key else AUTHORIZATION
            raise Unauthorized(f"{header}: unknown API key: send a key of the Secret that spec.auth names")


def refuse_other_origins(headers: Mapping[str, str]) -> None:
    """Refuse a cross-origin request of a browser, except the navigation by a link.

    A browser can reach servers that the author of a web page cannot reach. Clients other than browsers send neither
    Sec-Fetch-Site nor Origin, so they are never refused.

    Raises:
        CrossOrigin: If one of these headers shows that the page has another origin than this server.
    """
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    if site is not None:
        # A followed link is the user's own request. A form on a page of another origin sends an Origin header.
        followed = headers.get("Sec-Fetch-Mode") == "navigate" and origin is None
        if site not in {"same-origin", "none"} and not followed:
            raise CrossOrigin("Sec-Fetch-Site", "same-origin or none", site)
    elif origin is not None and OWN_PAGE not in headers:
        # Browsers send no Sec-Fetch-Site over plain HTTP. A proxy may have replaced the Host header.
        host = headers.get("Host", "")
        if origin.partition("://")[2].lower() != host.lower():
            raise CrossOrigin("Origin", f"that of the Host, {host}", origin)


def _key(value: bytes) -> tuple[str, str | None]:
    """Return the API key in a Secret entry, and the reason why it is invalid; None as the reason for a valid key.

    The reason does not contain the key.
    """
    try:
        key = value.decode().strip()
    except UnicodeDecodeError:
        return "", "expected UTF-8 text, found other bytes"
    if len(key) < MIN_CHARACTERS:
        return key, f"expected at least {MIN_CHARACTERS} characters, found {'fewer' if key else 'an empty value'}"
    return key, None


def _digest(key: str) -> bytes:
    # A memory dump of this process should contain as few keys as possible.
    return hashlib.sha256(key.encode(errors="surrogatepass")).digest()
