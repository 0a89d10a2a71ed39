"""The credentials that sign requests, and the removal of credentials from texts."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV, SESSION_TOKEN_ENV
from epochal_lib.redaction import Redactor
from epochal_lib.s3.errors import CREDENTIALS

from epochal_trainer.lib.failures import refused_failure

log = logging.getLogger(__name__)

KEYS: Mapping[str, str] = {"accessKey": ACCESS_KEY_ENV, "secretKey": SECRET_KEY_ENV, "sessionToken": SESSION_TOKEN_ENV}
"""Environment variables that hold the keys of the Secret."""
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
        access_key, secret_key = environment.get(ACCESS_KEY_ENV, ""), environment.get(SECRET_KEY_ENV, "")
        found = cls(access_key, secret_key, environment.get(SESSION_TOKEN_ENV) or None)
        if not found.access_key or not found.secret_key:
            raise refused_failure("CredentialsRefused", f"the access key or the secret key is missing: {CREDENTIALS}")
        for key, name in KEYS.items():
            value = environment.get(name, "")
            if not _CONTROL.search(value):
                continue
            message = _key_message(key, value)
            if key != "secretKey":
                raise refused_failure("CredentialsRefused", message)
            log.warning("%s", message)
        return found

    @property
    def advice(self) -> str | None:
        """The possible cause if the storage rejects a signature: a line break or control character in the secret key.

        The secret key is in no header, so a line break in it is valid if the server's copy has the same line break.
        """
        return _key_message("secretKey", self.secret_key) if _CONTROL.search(self.secret_key) else None

    @cached_property
    def redactor(self) -> Redactor:
        """The function that removes these credentials and other secrets from a text."""
        return Redactor((self.access_key, self.secret_key, self.session_token or ""))


def _key_message(key: str, value: str) -> str:
    """Return the message about a key that contains a line break or control character.

    In a header of a request, such a character makes the S3 client fail with the whole request in its error.
    """
    ends = not _CONTROL.search(value.rstrip("\r\n"))
    found = "ends with a line break, as from echo or a file" if ends else "contains a line break or control character"
    return (
        f"the key {key} of the Secret in spec.storage.secretRef {found}: store it without, for example with kubectl "
        f'create secret generic --from-literal={key}="…"'
    )
