"""Encryption of a session for its cookies, with a key that only this process has.

The key ends with the process: after a restart of Studio, users sign in again. No other replica could read the cookies,
so Studio has one replica.
"""

import base64
import binascii
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12
_PURPOSE = b"epochal-studio session 1"
"""Authenticated with each session, so that no other text under the same key passes for a session."""


@dataclass(frozen=True)
class Sealed:
    """The content of the cookies.

    Args:
        token: The user's token.
        expires: End of the session, and of the token if that is known.
        owner: Whose requests are bounded together, see owners.py.
    """

    token: str = field(repr=False)
    expires: datetime
    owner: str


class Sealer:
    """Encrypts and decrypts sessions.

    Args:
        key: 32 random bytes. Default: new ones.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._cipher = AESGCM(key or os.urandom(32))

    def seal(self, session: Sealed) -> str:
        """Return a session as text for cookies."""
        content = json.dumps([session.token, session.expires.timestamp(), session.owner]).encode()
        # A random nonce of 96 bits is safe for 2^32 sessions of one key.
        nonce = os.urandom(_NONCE)
        return base64.urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, content, _PURPOSE)).decode().rstrip("=")

    def open(self, text: str, now: datetime) -> Sealed | None:
        """Return a session; None if this process did not seal it, or it has ended."""
        try:
            content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            token, end, owner = json.loads(self._cipher.decrypt(content[:_NONCE], content[_NONCE:], _PURPOSE))
        except (InvalidTag, ValueError, binascii.Error):
            return None
        expires = datetime.fromtimestamp(end, UTC)
        return Sealed(token, expires, owner) if now < expires else None
