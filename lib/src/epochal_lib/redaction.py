"""Removal of secrets from logs and messages: credentials, tokens, private keys and signatures."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from urllib.parse import quote, quote_plus

from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV, SESSION_TOKEN_ENV
from epochal_api.text import printable

REDACTED = "***"
MIN_LENGTH = 6
"""Minimum length of a credential that is removed from texts. A shorter one may be a part of ordinary words."""
_SECRET = re.compile(
    r"(?P<kept>bearer\s+)\S+"
    r"|(?<=signature=)[0-9a-f]+"
    # The lookahead lets each part be searched once: the time is linear in the text.
    r"|(?<![\w-])(?=[\w-]+\.[\w-]+\.)(?:[\w-]*?-)?eyJ[\w-]+\.[\w-]+\.[\w-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.IGNORECASE | re.DOTALL,
)
"""Bearer tokens, signatures of S3 requests, JSON web tokens and PEM keys. An error of a library may contain them: an
HTTP parser quotes an invalid header. With a signature, a reader could repeat the same request for some minutes."""


class Redactor:
    """Removes secrets from texts, and escapes terminal control characters.

    Args:
        credentials: Credentials of this process to remove, plain or encoded in a URL, XML or JSON.
    """

    def __init__(self, credentials: Iterable[str] = ()) -> None:
        secrets = {text for credential in credentials for text in (credential, credential.strip())}
        forms = {form for secret in secrets if len(secret) >= MIN_LENGTH for form in _forms(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._credentials = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    @classmethod
    def of_environment(cls, environ: Mapping[str, str] = os.environ) -> "Redactor":
        """Return a Redactor of the storage credentials, which the operator sets as environment variables."""
        return cls(environ.get(name, "") for name in (ACCESS_KEY_ENV, SECRET_KEY_ENV, SESSION_TOKEN_ENV))

    def __call__(self, text: str) -> str:
        """Return a text with *** in place of secrets, and with terminal control characters escaped."""
        if self._credentials is not None:
            text = self._credentials.sub(REDACTED, text)
        return printable(_SECRET.sub(lambda found: f"{found['kept'] or ''}{REDACTED}", text))


def _forms(secret: str) -> Iterator[str]:
    """Yield the forms of a secret in a text: plain, as a Python literal, in XML, in JSON and in a URL."""
    yield secret
    yield repr(secret)[1:-1]
    yield json.dumps(secret)[1:-1]
    yield escape(secret)
    yield escape(secret, quote=False)
    for quoted in (quote(secret), quote(secret, safe=""), quote_plus(secret)):
        yield quoted
        yield re.sub("%..", lambda found: found[0].lower(), quoted)
