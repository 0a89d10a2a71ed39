"""What an error of the S3 client means: whether it may pass by itself, and what to do about it."""

from dataclasses import dataclass
from typing import Literal
from xml.etree.ElementTree import ParseError

from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3.exceptions import HTTPError, MaxRetryError, NameResolutionError

TOO_MANY_REQUESTS = 429
SERVER_ERRORS = 500
BUSY = frozenset({"RequestTimeTooSkewed", "RequestTimeout", "SlowDown", "OperationAborted"})
"""S3 error codes below HTTP 500 that may pass by themselves."""
REGION = frozenset(
    {"AuthorizationHeaderMalformed", "PermanentRedirect", "Redirect", "TemporaryRedirect", "IllegalLocationConstraint"}
)
SHOWN = 300
"""Characters of a server's own words that a message repeats."""

KEYS = (
    "set accessKey and secretKey (and sessionToken) in the Secret that spec.storage.secretRef names, and allow them "
    "s3:GetObject there"
)


@dataclass(frozen=True)
class Trouble:
    """What an error means."""

    kind: Literal["absent", "passing", "refused"]
    message: str


def trouble(error: Exception, place: str, endpoint: str) -> Trouble | None:
    """Says what an error means to the user.

    Args:
        error: What the S3 client raised.
        place: The object that it was asked for.
        endpoint: Where it was asked for.

    Returns:
        What it means, or None if the error is none of the storage's.
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
