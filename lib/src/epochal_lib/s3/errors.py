"""Explains errors of the S3 client to users: the reason, the remedy, and whether a retry may succeed."""

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple
from xml.etree.ElementTree import ParseError

from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    ReadTimeoutError,
    SSLError,
)

Reason = Literal[
    "BucketNotFound",
    "CredentialsRefused",
    "EndpointUnreachable",
    "ObjectChanged",
    "ObjectNotFound",
    "ResultsNotWritable",
    "StorageError",
    "WrongRegion",
]
Verb = Literal["find", "read", "list", "write", "delete"]

TOO_MANY_REQUESTS = 429
SERVER_ERRORS = 500
BUSY = frozenset(
    {
        "BadDigest",
        "IncompleteBody",
        "InvalidPart",
        "NoSuchUpload",
        "OperationAborted",
        "RequestTimeTooSkewed",
        "RequestTimeout",
        "SlowDown",
        "XAmzContentSHA256Mismatch",
    }
)
"""S3 error codes below HTTP 500 that may be temporary: a restarted server has lost the parts of an upload, or a wrong
clock is corrected soon."""
MAY_NOT = frozenset({"AccessDenied", "AllAccessDisabled", "MethodNotAllowed", "NotImplemented"})
"""Error codes for a request to list buckets, if the access keys are valid but the service lists no buckets."""
EXISTS = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
"""Error codes for a write with If-None-Match: the object already exists, or another request is storing it."""
MAX_QUOTED = 300

CREDENTIALS = "set accessKey and secretKey (and sessionToken) in the Secret that spec.storage.secretRef names"
READ = f"allow the credentials s3:GetObject and s3:ListBucket there, or {CREDENTIALS}"
WRITE = f"allow the credentials s3:PutObject, s3:GetObject, s3:DeleteObject and s3:ListBucket there, or {CREDENTIALS}"


class _Code(NamedTuple):
    """The reason (for conditions) and the remedy that Epochal reports for an S3 error code."""

    reason: Reason
    remedy: str


REFUSED = _Code("CredentialsRefused", CREDENTIALS)
FULL = _Code("ResultsNotWritable", "delete objects, or raise the bucket's quota")
CHANGED = _Code("ObjectChanged", "write data before the job starts, or under new keys")
REGION = _Code("WrongRegion", "set spec.storage.region to the bucket's region")
CODES = {
    "AccessDenied to read": _Code("CredentialsRefused", READ),
    "AccessDenied to find": _Code("CredentialsRefused", READ),
    "AccessDenied to list": _Code("CredentialsRefused", READ),
    "AccessDenied to write": _Code("ResultsNotWritable", WRITE),
    "AccessDenied to delete": _Code("ResultsNotWritable", WRITE),
    "AccountProblem": REFUSED,
    "AllAccessDisabled": REFUSED,
    "AuthorizationHeaderMalformed": REGION,
    "ExpiredToken": REFUSED,
    "IllegalLocationConstraint": REGION,
    "InsufficientStorage": FULL,
    "InvalidAccessKeyId": REFUSED,
    "InvalidRange": CHANGED,
    "InvalidSecurity": REFUSED,
    "InvalidToken": REFUSED,
    "InvalidTokenId": REFUSED,
    "NoSuchBucket": _Code("BucketNotFound", "create the bucket, or correct its name"),
    "NoSuchKey": _Code("ObjectNotFound", "upload the object, or correct its name"),
    "NotSignedUp": REFUSED,
    "PermanentRedirect": REGION,
    "PreconditionFailed": CHANGED,
    "QuotaExceeded": FULL,
    "Redirect": REGION,
    "RequestTimeTooSkewed": _Code("CredentialsRefused", "correct the clock of the node or of the S3 service"),
    "RetryHead": REGION,
    "SignatureDoesNotMatch": REFUSED,
    "TemporaryRedirect": REGION,
    "TokenRefreshRequired": REFUSED,
    "XMinioAdminBucketQuotaExceeded": FULL,
    "XMinioStorageFull": FULL,
}
UNHEALTHY = _Code("EndpointUnreachable", "check that the service is healthy")
UNKNOWN = _Code("StorageError", "look up this error code in the service's documentation")


@dataclass(frozen=True)
class Request:
    """The parts of a request to an S3 service that error messages contain."""

    endpoint: str
    bucket: str
    verb: Verb
    key: str = ""

    def __str__(self) -> str:
        return f"{self.verb} s3://{self.bucket}/{self.key} at {self.endpoint}"


@dataclass(frozen=True)
class StorageErrorInfo:
    """The reason and the message with which Epochal reports an error of the S3 client to users."""

    reason: Reason
    message: str
    """The failed request, the error that was found, and the remedy."""
    temporary: bool = False
    """True if a retry may succeed."""


def explain(error: Exception, request: Request, redact: Callable[[str], str] = str) -> StorageErrorInfo | None:
    """Return the information for users about an error of the S3 client, or None if the storage did not cause the error.

    Args:
        error: The error.
        request: The request that failed.
        redact: Removes credentials from texts of the server and the client.
    """
    match error:
        case S3Error():
            return _of_code(error, request, redact)
        case ServerError():
            return _of_status(request, error.status_code)
        case InvalidResponseError():
            return _of_status(request, _status(error))
        case ParseError() | ValueError() if _unreadable(error):
            return _of_status(request, None)
        case HTTPError():
            certificate = _certificate_fault(error)
            fault = certificate or _network_fault(error, redact)
            return unreachable(request, fault, temporary=certificate is None)
        case _:
            return None


def unreachable(request: Request, fault: str, *, temporary: bool = True) -> StorageErrorInfo:
    """Return the information for users if an S3 service does not answer, or the answer is not from an S3 service.

    `temporary` is whether a retry may succeed.
    """
    return StorageErrorInfo("EndpointUnreachable", f"cannot {request}: {fault}", temporary)


def _of_code(error: S3Error, request: Request, redact: Callable[[str], str]) -> StorageErrorInfo:
    code = _shown(redact(error.code or f"HTTP {error.response.status}"))
    found = f"{code}: {_shown(redact(error.message))}" if error.message else code
    busy = _server_error(error.response.status) or error.code in BUSY
    known = CODES.get(code) or CODES.get(f"{code} to {request.verb}") or (UNHEALTHY if busy else UNKNOWN)
    return StorageErrorInfo(known.reason, f"cannot {request} ({found}): {known.remedy}", busy or known is FULL)


def _of_status(request: Request, status: int | None) -> StorageErrorInfo:
    """Return the information for users about an answer without S3's XML. `status` is None if it has other XML."""
    if status is not None and _server_error(status):
        return unreachable(request, f"it answered HTTP {status}: check that the service is healthy")
    answer = "no S3 XML" if status is None else f"HTTP {status}"
    fault = (
        f"it answered {answer}, so it is not an S3 API: spec.storage.endpoint must be the address of the S3 API (a web "
        "console has another port), with http:// or https:// like the service"
    )
    return unreachable(request, fault, temporary=False)


def _network_fault(error: HTTPError, redact: Callable[[str], str]) -> str:
    reason, cause = _reason(error), _cause(error)
    match reason:
        case _ if isinstance(cause, ConnectionRefusedError):
            return "the connection was refused: check spec.storage.endpoint, and that the service runs"
        case NameResolutionError():
            return "DNS does not resolve its host name: check spec.storage.endpoint"
        case ConnectTimeoutError():
            return "no connection in time: check spec.storage.endpoint, the service and any NetworkPolicy"
        case ReadTimeoutError():
            return "no answer in time: check that the service is healthy"
        case SSLError():
            return f"TLS failed ({_shown(redact(str(reason)))}): check spec.storage.endpoint"
        case _:
            return f"no valid answer ({_shown(redact(str(cause or reason)))}): check that the service is healthy"


def _certificate_fault(error: HTTPError) -> str | None:
    """Return the text for a TLS error that only a change of the configuration fixes.

    Return None for all other errors: they are not about TLS, or may be temporary.
    """
    text = str(_reason(error))
    if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER_FAILURE" in text:
        return "it does not speak TLS: write http:// in spec.storage.endpoint"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return (
            f"its certificate is not trusted ({_shown(text)}): name the certificate authority in "
            "spec.storage.caConfigMapRef, and use a host name that the certificate holds"
        )
    return None


def _reason(error: BaseException) -> BaseException:
    while isinstance(error, MaxRetryError) and error.reason is not None:
        error = error.reason
    return error


def _cause(error: BaseException) -> BaseException | None:
    """Return the error of the operating system or of TLS that caused an error of the S3 client, or None."""
    found: BaseException | None = _reason(error)
    while found is not None and not isinstance(found, OSError | ssl.SSLError | socket.gaierror):
        nested = next((argument for argument in found.args if isinstance(argument, BaseException)), None)
        found = found.__cause__ or nested
    return found


def _unreadable(error: Exception) -> bool:
    """Return whether the S3 client failed to parse a response, such as a proxy's page that is XML but not S3's XML."""
    return isinstance(error, ParseError) or str(error).startswith("XML element <")


def _status(error: InvalidResponseError) -> int:
    return int(error._code)  # noqa: SLF001 - the client has no public attribute for the status


def _server_error(status: int) -> bool:
    return status >= SERVER_ERRORS or status == TOO_MANY_REQUESTS


def _shown(text: str | None) -> str:
    return "".join(c if c.isprintable() else " " for c in (text or "")[:MAX_QUOTED])
