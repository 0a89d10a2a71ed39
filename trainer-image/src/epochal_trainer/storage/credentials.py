"""The credentials that sign requests to the storage, and their removal from texts."""

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
"""For each key of the Secret, the environment variable with its value."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Credentials:
    """The credentials that sign requests to an S3 service."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Credentials":
        """Return the credentials in the environment variables that the operator sets from the Secret.

        Raises:
            Failure: CredentialsRefused, if the access key or secret key is missing, or if the access key or session
                token has control characters, which are invalid in HTTP headers.
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
        """Advice for a rejected signature, if the secret key has a line break or another control character, else None.

        The character may be the cause of the rejection. No HTTP header contains the secret key, so the character causes
        no error if the S3 service stores the same key with the character.
        """
        return _key_message("secretKey", self.secret_key) if _CONTROL.search(self.secret_key) else None

    @cached_property
    def redactor(self) -> Redactor:
        """The function that removes these credentials and other secrets from a text."""
        return Redactor((self.access_key, self.secret_key, self.session_token or ""))


def _key_message(key: str, value: str) -> str:
    """Return the message about a key of the Secret whose value contains a line break or control character.

    With such a character in an HTTP header, the S3 client fails with an error that contains the whole request.
    """
    ends = not _CONTROL.search(value.rstrip("\r\n"))
    found = "ends with a line break, as from echo or a file" if ends else "contains a line break or control character"
    return (
        f"the key {key} of the Secret in spec.storage.secretRef {found}: store it without, for example with kubectl "
        f'create secret generic --from-literal={key}="…"'
    )
