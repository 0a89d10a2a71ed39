"""Encrypts sessions for cookies, with a key that exists only in this process.

After a restart of Studio, users must sign in again. Another replica could not decrypt the cookies, so Studio has one
replica.
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
"""Additional authenticated data of AES-GCM, so that other data encrypted with the same key is not accepted as a
session."""


@dataclass(frozen=True)
class Sealed:
    """The content of an encrypted session.

    Args:
        token: The user's token.
        expires: End of the session: expiry of the token if it is known, but at most 12 hours after the sign-in.
        owner: Key of the limits for each user, see owners.py.
    """

    token: str = field(repr=False)
    expires: datetime
    owner: str


class Sealer:
    """Encrypts and decrypts sessions with AES-GCM.

    Args:
        key: Key of 32 bytes. Default: new random bytes.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._cipher = AESGCM(key or os.urandom(32))

    def seal(self, session: Sealed) -> str:
        """Return an encrypted session as URL-safe text, which `cookies.store` splits over one or several cookies."""
        content = json.dumps([session.token, session.expires.timestamp(), session.owner]).encode()
        # A random nonce of 96 bits is safe for 2^32 sessions of one key.
        nonce = os.urandom(_NONCE)
        return base64.urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, content, _PURPOSE)).decode().rstrip("=")

    def open(self, text: str, now: datetime) -> Sealed | None:
        """Decrypt a text of `seal`, and return the session; None if the key is another, or the session has ended."""
        try:
            content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            token, end, owner = json.loads(self._cipher.decrypt(content[:_NONCE], content[_NONCE:], _PURPOSE))
        except (InvalidTag, ValueError, binascii.Error):
            return None
        expires = datetime.fromtimestamp(end, UTC)
        return Sealed(token, expires, owner) if now < expires else None
