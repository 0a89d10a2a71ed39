"""Address and credentials of an S3 service, from environment variables, or else from `spec.storage` of an object."""

import base64
import binascii
from collections.abc import Mapping
from typing import NamedTuple

from epochal_api.storage import Endpoint, StorageService
from pydantic import TypeAdapter, ValidationError

from epochal.client.cluster import Cluster
from epochal.client.failures import ApiError, shortened
from epochal.client.kinds import SECRETS
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

ENDPOINTS = ("EPOCHAL_STORAGE_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
"""Environment variables with the S3 address that this machine can reach. The first variable that is set is used."""


class Credentials(NamedTuple):
    """The credentials that sign requests to an S3 service."""

    access_key: str
    secret_key: str
    session_token: str | None

    def redact(self, text: str) -> str:
        """Return a text with *** for each key and token, because a service may repeat them in its errors."""
        for value in (self.secret_key, self.session_token, self.access_key):
            text = text.replace(value, "***") if value else text
        return text


def find_endpoint(variables: Mapping[str, str], service: StorageService | None) -> tuple[str, bool]:
    """Return the address of the S3 service, and whether it comes from the spec: then perhaps only pods can reach it."""
    for name in ENDPOINTS:
        if found := variables.get(name, "").rstrip("/"):
            try:
                return TypeAdapter(Endpoint).validate_python(found), False
            except ValidationError as error:
                raise EpochalError(
                    f"${name} is {shortened(found)!r}, but must be http://HOST[:PORT] or https://HOST[:PORT].",
                    exit_code=ExitCode.USAGE,
                ) from error
    if service is not None and service.endpoint is not None:
        return service.endpoint, True
    raise EpochalError(
        "the address of the S3 service is unknown: the object has no spec.storage.endpoint, so it uses the one of "
        "Epochal's installation.",
        "Set EPOCHAL_STORAGE_ENDPOINT or AWS_ENDPOINT_URL_S3 to its address as your machine sees it.",
    )


def find_credentials(
    variables: Mapping[str, str], cluster: Cluster | None, service: StorageService | None, namespace: str | None = None
) -> Credentials:
    """Return the credentials in $AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY, or else in the Secret of the spec."""
    access_key, secret_key = variables.get("AWS_ACCESS_KEY_ID"), variables.get("AWS_SECRET_ACCESS_KEY")
    if access_key and secret_key:
        return Credentials(access_key, secret_key, variables.get("AWS_SESSION_TOKEN") or None)
    remedy = "Or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to your own credentials."
    if cluster is None or service is None:
        raise EpochalError("there are no credentials of the S3 service.", remedy.removeprefix("Or ").capitalize())
    name = service.secret_ref.name
    try:
        data = cluster.get(SECRETS, name, namespace).get("data") or {}
    except ApiError as error:
        raise ApiError(
            error.message,
            f"{error.remedy} {remedy}",
            exit_code=error.exit_code,
            status=error.status,
            reason=error.reason,
        ) from error
    values = {key: decoded(data.get(key)) for key in ("accessKey", "secretKey", "sessionToken")}
    if missing := [key for key in ("accessKey", "secretKey") if not values[key]]:
        raise EpochalError(
            f"Secret {name} has no {' and no '.join(missing)}.",
            f"Add the keys accessKey and secretKey, and sessionToken for temporary credentials. {remedy}",
            exit_code=ExitCode.REFUSED,
        )
    return Credentials(values["accessKey"], values["secretKey"], values["sessionToken"] or None)


def decoded(value: object) -> str:
    """Decode a base64 value of a Secret, without spaces at its ends; "" if it is not base64 of UTF-8 text."""
    try:
        return base64.b64decode(str(value or ""), validate=True).decode().strip()
    except (binascii.Error, UnicodeDecodeError):
        return ""
