"""What errors of the S3 client mean."""

from typing import Any

import pytest
from epochal_server.storage_errors import trouble
from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3.exceptions import MaxRetryError, NameResolutionError, ReadTimeoutError, SSLError

PLACE, ENDPOINT = "s3://b/k", "http://minio:9000"


class Response:
    def __init__(self, status: int) -> None:
        self.status = status


def of_s3(code: str, status: int) -> S3Error:
    response: Any = Response(status)
    return S3Error(response, code, "as it says", "/b/k", "1", "2", bucket_name="b", object_name="k")


POOL: Any = None


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (of_s3("NoSuchKey", 404), "absent", "NoSuchKey: as it says"),
        (of_s3("NoSuchBucket", 404), "absent", "name one that is there"),
        (of_s3("AccessDenied", 403), "refused", "set accessKey and secretKey"),
        (of_s3("PermanentRedirect", 301), "refused", "spec.storage.region"),
        (of_s3("SlowDown", 503), "passing", "healthy"),
        (of_s3("RequestTimeTooSkewed", 403), "passing", "healthy"),
        (of_s3("TooManyRequests", 429), "passing", "healthy"),
        (ServerError("no", 502), "passing", "HTTP 502"),
        (InvalidResponseError(200, "text/html", "<html>"), "passing", "something else than S3"),
        (NameResolutionError("minio", POOL, OSError()), "passing", "not known to DNS"),  # type: ignore[arg-type]
        (ReadTimeoutError(POOL, "/", "it takes long"), "passing", "it takes long"),
        (MaxRetryError(POOL, "/", SSLError("CERTIFICATE_VERIFY_FAILED")), "passing", "caConfigMapRef"),
        (SSLError("WRONG_VERSION_NUMBER"), "passing", "write http://"),
    ],
)
def test_says_whether_it_may_pass_and_what_to_do(error: Exception, kind: str, told: str) -> None:
    found = trouble(error, PLACE, ENDPOINT)
    assert found is not None
    assert found.kind == kind
    assert found.message.startswith(f"cannot read {PLACE} at {ENDPOINT}")
    assert told in found.message


def test_what_is_none_of_the_storages_is_no_trouble_of_it() -> None:
    assert trouble(OSError("no room"), PLACE, ENDPOINT) is None
