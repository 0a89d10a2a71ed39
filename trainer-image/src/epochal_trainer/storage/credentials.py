"""What requests are signed with, and how it is kept out of all that is written."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from urllib.parse import quote, quote_plus

from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV, SESSION_TOKEN_ENV

from epochal_trainer.lib.failures import Failure, refused
from epochal_trainer.storage.s3_errors import CREDENTIALS

SHORTEST = 6
"""Characters of a secret that is taken out of texts: a shorter one is part of ordinary words."""


@dataclass(frozen=True)
class Credentials:
    """What requests are signed with."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Credentials":
        """Reads the credentials that the operator puts into the environment.

        Raises:
            Failure: CredentialsRefused if there are none.
        """
        access_key, secret_key = environment.get(ACCESS_KEY_ENV), environment.get(SECRET_KEY_ENV)
        if not access_key or not secret_key:
            raise refused("CredentialsRefused", f"there is no access key or no secret key: {CREDENTIALS}")
        return cls(access_key, secret_key, environment.get(SESSION_TOKEN_ENV) or None)

    def hidden(self, text: str) -> str:
        """Returns a text without the credentials that it may hold, as they are or as a part of an address."""
        return self._forms.sub("***", text) if self._forms else text

    @cached_property
    def _forms(self) -> re.Pattern[str] | None:
        secrets = (self.access_key, self.secret_key, self.session_token)
        forms = {form for secret in secrets if secret and len(secret) >= SHORTEST for form in _forms(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first))) if forms else None


def hiding(environment: Mapping[str, str]) -> Callable[[str], str]:
    """Returns what takes the credentials out of a text, if an environment holds any."""
    try:
        return Credentials.of(environment).hidden
    except Failure:
        return str


def _forms(secret: str) -> Iterator[str]:
    """Yields a secret as it may stand in a text: in a message, a program's own notation, XML, JSON or an address."""
    yield secret
    yield repr(secret)[1:-1]
    yield json.dumps(secret)[1:-1]
    yield escape(secret)
    yield escape(secret, quote=False)
    for address in (quote(secret), quote(secret, safe=""), quote_plus(secret)):
        yield address
        yield re.sub("%..", lambda found: found[0].lower(), address)
