"""Classifies errors of the S3 client: whether a retry may succeed, and how to fix the cause."""

from dataclasses import dataclass
from typing import Literal
from xml.etree.ElementTree import ParseError

from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3.exceptions import HTTPError, MaxRetryError, NameResolutionError

TOO_MANY_REQUESTS = 429
SERVER_ERRORS = 500
BUSY = frozenset({"RequestTimeTooSkewed", "RequestTimeout", "SlowDown", "OperationAborted"})
"""S3 error codes below HTTP 500 that are temporary."""
REGION = frozenset(
    {"AuthorizationHeaderMalformed", "PermanentRedirect", "Redirect", "TemporaryRedirect", "IllegalLocationConstraint"}
)
SHOWN = 300
"""Maximum number of characters of a server's message that our message repeats."""

KEYS = (
    "set accessKey and secretKey (and sessionToken) in the Secret that spec.storage.secretRef names, and allow them "
    "s3:GetObject there"
)


@dataclass(frozen=True)
class Trouble:
    """The kind of a storage error, and a message with a fix."""

    kind: Literal["absent", "passing", "refused"]
    message: str


def trouble(error: Exception, place: str, endpoint: str) -> Trouble | None:
    """Return the kind of a storage error and a message for the user.

    Args:
        error: The exception of the S3 client.
        place: The object in the failed call.
        endpoint: The endpoint of the failed call.

    Returns:
        The kind and the message, or None if the storage did not cause the error.
    """
    asked = f"cannot read {place} at {endpoint}"
    match error:
        case S3Error():
            return _of_s3(error, asked)
        case ServerError():
            return Trouble(
                "passing", f"{asked}: it answered HTTP {error.status_code}: check that the service is healthy"
            )
        case InvalidResponseError() | ParseError():
            return Trouble("passing", f"{asked}: it answered something else than S3: check spec.storage.endpoint")
        case HTTPError():
            return Trouble("passing", f"{asked}: {_of_the_network(error)}")
        case _:
            return None


def _of_s3(error: S3Error, asked: str) -> Trouble:
    code, status = error.code or "", error.response.status
    said = f"{asked} ({code or f'HTTP {status}'}{f': {error.message[:SHOWN]}' if error.message else ''})"
    if code in ("NoSuchKey", "NoSuchBucket"):
        return Trouble("absent", f"{said}: name one that is there in spec.source")
    if status >= SERVER_ERRORS or status == TOO_MANY_REQUESTS or code in BUSY:
        return Trouble("passing", f"{said}: check that the service is healthy")
    if code in REGION:
        return Trouble("refused", f"{said}: set spec.storage.region to the bucket's region")
    return Trouble("refused", f"{said}: {KEYS}")


def _of_the_network(error: HTTPError) -> str:
    reason: BaseException = error
    while isinstance(reason, MaxRetryError) and reason.reason is not None:
        reason = reason.reason
    said = str(reason)[:SHOWN]
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return f"its certificate is not trusted ({said}): name its authority in spec.storage.caConfigMapRef"
    if "WRONG_VERSION_NUMBER" in said or "RECORD_LAYER_FAILURE" in said:
        return "it does not speak TLS: write http:// in spec.storage.endpoint"
    if isinstance(reason, NameResolutionError):
        return "its host name is not known to DNS: check spec.storage.endpoint"
    return f"{said}: check spec.storage.endpoint, that the service runs, and any NetworkPolicy"
