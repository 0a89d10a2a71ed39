"""The meaning of errors of the S3 client: whether they are temporary, who can fix them, and the advice to the user."""

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

from epochal_trainer.lib.failures import Failure, bad_data, bad_spec, refused
from epochal_trainer.storage.faults import object_changed

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
REVOCABLE = frozenset(
    {"BucketNotFound", "CredentialsRefused", "EndpointUnreachable", "ResultsNotWritable", "WrongRegion"}
)
"""Reasons of failures that may be temporary if the same request was allowed before: an administrator may be changing
the storage or its permissions."""
SHOWN = 300
"""Maximum number of characters of a server's message to quote."""

CREDENTIALS = "set accessKey and secretKey (and sessionToken) in the Secret that spec.storage.secretRef names"
READ = f"allow the credentials s3:GetObject and s3:ListBucket there, or {CREDENTIALS}"
WRITE = f"allow the credentials s3:PutObject, s3:GetObject, s3:DeleteObject and s3:ListBucket there, or {CREDENTIALS}"


class Meaning(NamedTuple):
    """The failure that an S3 error code causes: its constructor, reason and advice."""

    of: Callable[[str, str], Failure]
    reason: str
    advice: str


REFUSED = Meaning(refused, "CredentialsRefused", CREDENTIALS)
FULL = Meaning(refused, "ResultsNotWritable", "make room there, or raise the bucket's quota")
REGION = Meaning(bad_spec, "WrongRegion", "set spec.storage.region to the bucket's region")
MEANINGS = {
    "AccessDenied to read": Meaning(refused, "CredentialsRefused", READ),
    "AccessDenied to find": Meaning(refused, "CredentialsRefused", READ),
    "AccessDenied to list": Meaning(refused, "CredentialsRefused", READ),
    "AccessDenied to write": Meaning(refused, "ResultsNotWritable", WRITE),
    "AccessDenied to delete": Meaning(refused, "ResultsNotWritable", WRITE),
    "AccountProblem": REFUSED,
    "AllAccessDisabled": REFUSED,
    "AuthorizationHeaderMalformed": REGION,
    "ExpiredToken": REFUSED,
    "InsufficientStorage": FULL,
    "InvalidAccessKeyId": REFUSED,
    "InvalidSecurity": REFUSED,
    "InvalidToken": REFUSED,
    "InvalidTokenId": REFUSED,
    "NoSuchBucket": Meaning(bad_data, "BucketNotFound", "create the bucket, or name another"),
    "NoSuchKey": Meaning(bad_data, "ObjectNotFound", "put the object there, or name another"),
    "NotSignedUp": REFUSED,
    "PermanentRedirect": REGION,
    "QuotaExceeded": FULL,
    "Redirect": REGION,
    "RequestTimeTooSkewed": Meaning(refused, "CredentialsRefused", "set the clock of the node, or that of the server"),
    "RetryHead": REGION,
    "SignatureDoesNotMatch": REFUSED,
    "TemporaryRedirect": REGION,
    "TokenRefreshRequired": REFUSED,
    "XMinioAdminBucketQuotaExceeded": FULL,
    "XMinioStorageFull": FULL,
}
UNHEALTHY = Meaning(bad_spec, "EndpointUnreachable", "check that the service is healthy")
UNKNOWN = Meaning(bad_spec, "StorageError", "look the code up in the service's documentation")


@dataclass(frozen=True)
class Request:
    """A request to the service, for messages."""

    endpoint: str
    bucket: str
    verb: Literal["find", "read", "list", "write", "delete"]
    key: str = ""

    def __str__(self) -> str:
        return f"{self.verb} s3://{self.bucket}/{self.key} at {self.endpoint}"


def passes(error: Exception) -> bool:
    """Return whether an error may be temporary."""
    match error:
        case S3Error():
            return _server_error(error.response.status) or error.code in BUSY or MEANINGS.get(error.code or "") is FULL
        case ServerError():
            return _server_error(error.status_code)
        case InvalidResponseError():
            return _server_error(_status(error))
        case HTTPError():
            return _certificate_fault(error) is None
        case _:
            return False


def failure(error: Exception, request: Request, hide: Callable[[str], str] = str) -> Failure | None:
    """Return the failure that explains an error to the user.

    Args:
        error: The error that the S3 client raised.
        request: The request that failed.
        hide: Removes credentials from texts of the server and the client.

    Returns:
        The failure, or None if the storage did not cause the error.
    """
    match error:
        case S3Error():
            return _s3_failure(error, request, hide)
        case ServerError():
            return _unreachable(request, f"it answered HTTP {error.status_code}")
        case InvalidResponseError():
            return _not_s3(request, _status(error))
        case ParseError() | ValueError() if _unreadable(error):
            return _not_s3(request, None)
        case HTTPError():
            return _unreachable(request, _network_fault(error, hide))
        case _:
            return None


def unanswered(request: Request) -> Failure:
    """Return the failure for a service that has never answered so far."""
    return _unreachable(request, "no answer so far: check spec.storage.endpoint, the service and any NetworkPolicy")


def _s3_failure(error: S3Error, request: Request, hide: Callable[[str], str]) -> Failure:
    code = _printable(hide(error.code or f"HTTP {error.response.status}"))
    if code in ("PreconditionFailed", "InvalidRange"):
        return object_changed(f"s3://{request.bucket}/{request.key}")
    said = f"{code}: {_printable(hide(error.message))}" if error.message else code
    other = UNHEALTHY if passes(error) else UNKNOWN
    meaning = MEANINGS.get(code) or MEANINGS.get(f"{code} to {request.verb}") or other
    return meaning.of(meaning.reason, f"cannot {request} ({said}): {meaning.advice}")


def _unreachable(request: Request, why: str) -> Failure:
    return bad_spec("EndpointUnreachable", f"cannot {request}: {why}")


def _not_s3(request: Request, status: int | None) -> Failure:
    if status is not None and _server_error(status):
        return _unreachable(request, f"it answered HTTP {status}")
    answer = "something else" if status is None else f"HTTP {status}"
    return _unreachable(
        request,
        f"it answered {answer}, not S3: spec.storage.endpoint must be the address of the S3 API (a web console has "
        "another port), with http:// or https:// as the service has it",
    )


def _network_fault(error: HTTPError, hide: Callable[[str], str]) -> str:
    reason, cause = _reason(error), _cause(error)
    fault = _certificate_fault(error)
    if fault is None:
        match reason:
            case _ if isinstance(cause, ConnectionRefusedError):
                fault = "the connection was refused: check spec.storage.endpoint, and that the service runs"
            case NameResolutionError():
                fault = "its host name is not known to DNS: check spec.storage.endpoint"
            case ConnectTimeoutError():
                fault = "no connection in time: check spec.storage.endpoint, the service and any NetworkPolicy"
            case ReadTimeoutError():
                fault = "no answer in time: check that the service is healthy"
            case SSLError():
                fault = f"TLS failed ({_printable(hide(str(reason)))}): check spec.storage.endpoint"
            case _:
                fault = f"{_printable(hide(str(cause or reason)))}: check that the service is healthy"
    return fault


def _certificate_fault(error: HTTPError) -> str | None:
    """Return the TLS error that only a change of the configuration fixes; None for other errors.

    The other errors are not about TLS, or may be temporary.
    """
    text = str(_reason(error))
    if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER_FAILURE" in text:
        return "it does not speak TLS: write http:// in spec.storage.endpoint"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return (
            f"its certificate is not trusted ({_printable(text)}): name the certificate authority in "
            "spec.storage.caConfigMapRef, and use a host name that the certificate holds"
        )
    return None


def _reason(error: BaseException) -> BaseException:
    while isinstance(error, MaxRetryError) and error.reason is not None:
        error = error.reason
    return error


def _cause(error: BaseException) -> BaseException | None:
    """Return the operating system's error that caused the client's error, or None."""
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


def _printable(text: str | None) -> str:
    return "".join(c if c.isprintable() else " " for c in (text or "")[:SHOWN])
