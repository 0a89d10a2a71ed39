"""The credentials that sign requests, and the removal of credentials from texts."""

import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from urllib.parse import quote, quote_plus

from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV, SESSION_TOKEN_ENV

from epochal_trainer.lib.failures import refused
from epochal_trainer.storage.s3_errors import CREDENTIALS

log = logging.getLogger(__name__)

SHORTEST = 6
"""Minimum length of a secret that is removed from texts: a shorter one also occurs inside ordinary words."""
KEYS: Mapping[str, str] = {"accessKey": ACCESS_KEY_ENV, "secretKey": SECRET_KEY_ENV, "sessionToken": SESSION_TOKEN_ENV}
"""Environment variables that hold the keys of the Secret."""
_SIGNATURE = re.compile(r"(?<=Signature=)[0-9A-Fa-f]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Credentials:
    """The credentials that sign requests."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Credentials":
        """Return the credentials that the operator puts into the environment.

        Raises:
            Failure: CredentialsRefused, if there are no credentials, or if they contain characters that break a
                request.
        """
        found = cls.unchecked(environment)
        if not found.access_key or not found.secret_key:
            raise refused("CredentialsRefused", f"there is no access key or no secret key: {CREDENTIALS}")
        for key, name in KEYS.items():
            value = environment.get(name, "")
            if not _CONTROL.search(value):
                continue
            if key != "secretKey":
                raise refused("CredentialsRefused", _told(key, value))
            log.warning("%s", _told(key, value))
        return found

    @property
    def advice(self) -> str | None:
        """The possible cause if the storage rejects a signature: a line break or control character in the secret key.

        The secret key is in no header, so a line break in it is valid if the server's copy has the same line break.
        """
        return _told("secretKey", self.secret_key) if _CONTROL.search(self.secret_key) else None

    @classmethod
    def unchecked(cls, environment: Mapping[str, str]) -> "Credentials":
        """Return the credentials from the environment without a check, to remove them from texts."""
        access_key, secret_key = environment.get(ACCESS_KEY_ENV, ""), environment.get(SECRET_KEY_ENV, "")
        return cls(access_key, secret_key, environment.get(SESSION_TOKEN_ENV) or None)

    def hidden(self, text: str) -> str:
        """Return a text without credentials, either plain or encoded in a URL, XML or JSON.

        Signatures are removed too: with a signature, a reader could repeat the same request for some minutes.
        """
        return _SIGNATURE.sub("***", self._forms.sub("***", text) if self._forms else text)

    @cached_property
    def _forms(self) -> re.Pattern[str] | None:
        secrets = (self.access_key, self.secret_key, self.session_token)
        whole = {form for secret in secrets if secret for form in (secret, secret.strip())}
        forms = {form for secret in whole if len(secret) >= SHORTEST for form in _forms(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first))) if forms else None


def _told(key: str, value: str) -> str:
    """Return the message about a key that contains a line break or control character.

    In a header of a request, such a character makes the S3 client fail with the whole request in its error.
    """
    ends = not _CONTROL.search(value.rstrip("\r\n"))
    found = "ends in a line break, as echo or a file leaves it" if ends else "holds a line break or a control character"
    return (
        f"the key {key} of the Secret that spec.storage.secretRef names {found}: store it without, such as by kubectl "
        f'create secret generic --from-literal={key}="…"'
    )


def _forms(secret: str) -> Iterator[str]:
    """Yield the forms of a secret in a text: plain, as a Python literal, in XML, in JSON and in a URL."""
    yield secret
    yield repr(secret)[1:-1]
    yield json.dumps(secret)[1:-1]
    yield escape(secret)
    yield escape(secret, quote=False)
    for address in (quote(secret), quote(secret, safe=""), quote_plus(secret)):
        yield address
        yield re.sub("%..", lambda found: found[0].lower(), address)
