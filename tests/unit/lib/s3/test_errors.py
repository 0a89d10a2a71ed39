import socket
import ssl
from typing import Any
from xml.etree.ElementTree import ParseError

import pytest
from epochal_lib.s3.errors import MAX_QUOTED, Request, explain
from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3 import HTTPConnectionPool, HTTPResponse
from urllib3.connection import HTTPConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

ENDPOINT = "http://minio.example:9000"
POOL = HTTPConnectionPool("minio.example")
CONNECTION = HTTPConnection("minio.example")


def request(verb: Any = "read") -> Request:
    return Request(ENDPOINT, "mnist-data", verb, "train.npz")


def s3(code: str, status: int, message: str = "the server's own words", **headers: str) -> S3Error:
    response = HTTPResponse(status=status, headers=headers)
    return S3Error(response, code, message, "/", "", "", "mnist-data", "train.npz")


@pytest.mark.parametrize(
    ("error", "verb", "reason", "remedy"),
    [
        (s3("InvalidAccessKeyId", 403), "find", "CredentialsRefused", "spec.storage.secretRef"),
        (s3("SignatureDoesNotMatch", 403), "read", "CredentialsRefused", "spec.storage.secretRef"),
        (s3("ExpiredToken", 400), "write", "CredentialsRefused", "sessionToken"),
        (s3("InvalidTokenId", 403), "list", "CredentialsRefused", "sessionToken"),
        (s3("RequestTimeTooSkewed", 403), "read", "CredentialsRefused", "correct the clock"),
        (s3("AccessDenied", 403), "read", "CredentialsRefused", "s3:GetObject"),
        (s3("AccessDenied", 403), "list", "CredentialsRefused", "s3:ListBucket"),
        (s3("AccessDenied", 403), "find", "CredentialsRefused", "s3:ListBucket"),
        (s3("AccessDenied", 403), "write", "ResultsNotWritable", "s3:PutObject"),
        (s3("AccessDenied", 403), "delete", "ResultsNotWritable", "s3:DeleteObject"),
        (s3("XMinioStorageFull", 507), "write", "ResultsNotWritable", "delete objects"),
        (s3("NoSuchBucket", 404), "find", "BucketNotFound", "create the bucket"),
        (s3("NoSuchKey", 404), "read", "ObjectNotFound", "correct its name"),
        (s3("PreconditionFailed", 412), "read", "ObjectChanged", "before the job starts"),
        (s3("InvalidRange", 416), "read", "ObjectChanged", "before the job starts"),
        (s3("PermanentRedirect", 301), "read", "WrongRegion", "spec.storage.region"),
        (s3("IllegalLocationConstraint", 400), "read", "WrongRegion", "spec.storage.region"),
        (s3("AuthorizationHeaderMalformed", 400), "find", "WrongRegion", "spec.storage.region"),
        (s3("SlowDown", 503), "read", "EndpointUnreachable", "healthy"),
        (s3("RequestTimeout", 400), "write", "EndpointUnreachable", "healthy"),
        (s3("EntityTooLarge", 400), "write", "StorageError", "look up this error code"),
        (ServerError("", 502), "read", "EndpointUnreachable", "HTTP 502"),
        (InvalidResponseError(404, "text/html", "<html>"), "find", "EndpointUnreachable", "a web console"),
        (InvalidResponseError(503, "text/html", "<html>"), "find", "EndpointUnreachable", "HTTP 503"),
        (ParseError(), "find", "EndpointUnreachable", "not an S3 API"),
        (NameResolutionError("h", CONNECTION, socket.gaierror()), "find", "EndpointUnreachable", "DNS"),
        (ConnectTimeoutError("slow"), "find", "EndpointUnreachable", "NetworkPolicy"),
        (ReadTimeoutError(POOL, "/", "slow"), "read", "EndpointUnreachable", "no answer in time"),
        (ProtocolError("broken", ConnectionResetError(104, "reset")), "read", "EndpointUnreachable", "reset"),
        (
            SSLError(ssl.SSLCertVerificationError("CERTIFICATE_VERIFY_FAILED")),
            "find",
            "EndpointUnreachable",
            "spec.storage.caConfigMapRef",
        ),
        (SSLError(ssl.SSLError("WRONG_VERSION_NUMBER")), "find", "EndpointUnreachable", "write http://"),
        (SSLError(ssl.SSLError("UNEXPECTED_EOF")), "find", "EndpointUnreachable", "TLS failed"),
    ],
)
def test_every_error_has_a_reason_and_a_remedy(error: Exception, verb: str, reason: str, remedy: str) -> None:
    found = explain(error, request(verb))
    assert found is not None
    assert found.reason == reason
    assert remedy in found.message
    assert "s3://mnist-data/train.npz" in found.message
    assert ENDPOINT in found.message


def test_a_refused_connection_is_no_timeout() -> None:
    error = NewConnectionError(CONNECTION, "refused")
    error.__cause__ = ConnectionRefusedError(111, "refused")
    found = explain(MaxRetryError(POOL, "/", error), request())
    assert found is not None
    assert "the connection was refused" in found.message


@pytest.mark.parametrize(
    ("error", "temporary"),
    [
        (s3("SlowDown", 503), True),
        (s3("XMinioStorageFull", 507), True),
        (s3("TooManyRequests", 429), True),
        (s3("RequestTimeout", 400), True),
        (s3("XMinioAdminBucketQuotaExceeded", 400), True),
        (s3("NoSuchUpload", 404), True),
        (s3("RequestTimeTooSkewed", 403), True),
        (s3("NoSuchBucket", 404), False),
        (s3("AccessDenied", 403), False),
        (s3("NoSuchKey", 404), False),
        (s3("PreconditionFailed", 412), False),
        (ServerError("", 504), True),
        (InvalidResponseError(502, None, None), True),
        (InvalidResponseError(404, "text/html", "<html>"), False),
        (MaxRetryError(POOL, "/", ConnectTimeoutError("slow")), True),
        (NameResolutionError("h", CONNECTION, socket.gaierror()), True),
        (ProtocolError("broken"), True),
        (SSLError(ssl.SSLError("UNEXPECTED_EOF")), True),
        (SSLError(ssl.SSLCertVerificationError("CERTIFICATE_VERIFY_FAILED")), False),
        (MaxRetryError(POOL, "/", SSLError(ssl.SSLError("WRONG_VERSION_NUMBER"))), False),
        (ValueError(), False),
    ],
)
def test_only_some_errors_are_temporary(*, error: Exception, temporary: bool) -> None:
    found = explain(error, request())
    assert (found is not None and found.temporary) is temporary


def test_other_errors_are_not_explained() -> None:
    assert explain(ZeroDivisionError(), request()) is None


@pytest.mark.parametrize(
    "error",
    [
        s3("Odd", 400, "x" * (MAX_QUOTED - 3) + "the-secret"),
        s3("the-secret", 400),
        ProtocolError("x" * (MAX_QUOTED - 3) + "the-secret"),
        SSLError(ssl.SSLError("the-secret")),
    ],
)
def test_no_message_has_a_part_of_a_credential(error: Exception) -> None:
    found = explain(error, request(), lambda text: text.replace("the-secret", "***"))
    assert found is not None
    assert "the" not in found.message.replace("the code", "").replace("the service", "").replace("the server's", "")


def test_the_message_of_a_server_is_bounded_and_printable() -> None:
    found = explain(s3("Odd", 400, "\x1b[31m\n" + "x" * 10_000), request())
    assert found is not None
    assert found.message.isprintable()
    assert len(found.message) < 1000
