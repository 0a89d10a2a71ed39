"""The addresses that Studio connects to."""

import pytest
from epochal_studio.problems import Refusal
from epochal_studio.storage.endpoints import allowed_endpoint, normalized

ALLOWED = ("http://minio.minio.svc:9000", "https://s3.example.com")


@pytest.mark.parametrize(
    ("endpoint", "found"),
    [
        ("http://minio.minio.svc:9000/", "http://minio.minio.svc:9000"),
        ("HTTP://MinIO.minio.svc.:9000", "http://minio.minio.svc:9000"),
        ("https://s3.example.com:443", "https://s3.example.com:443"),
        ("", "http://minio.minio.svc:9000"),
    ],
)
def test_allowed(endpoint: str, found: str) -> None:
    assert allowed_endpoint(endpoint, ALLOWED, "http://minio.minio.svc:9000") == found


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://s3.example.com",
        "https://s3.example.com:444",
        "https://s3.example.com.evil.org",
        "https://s3.example.com@evil.org",
        "https://evil.org#s3.example.com",
        "https://evil.org\\@s3.example.com",
        "https://s3.example.com/path",
        "https://s3.example.com:99999",
        "https://ѕ3.example.com",
        "//s3.example.com",
        "gopher://minio.minio.svc:9000",
        "https://[::1",
        "http://169.254.169.254",
        "\n",
    ],
)
def test_refused(endpoint: str) -> None:
    with pytest.raises(Refusal) as caught:
        allowed_endpoint(endpoint, ALLOWED)
    assert caught.value.problem.reason == "EndpointNotAllowed"
    assert "studio.storageEndpoints" in caught.value.problem.remedy


def test_no_endpoint_at_all() -> None:
    with pytest.raises(Refusal) as caught:
        allowed_endpoint("", ALLOWED)
    assert caught.value.problem.reason == "NoStorageEndpoint"


def test_an_address_of_ipv6() -> None:
    assert normalized("http://[::1]:9000") == "http://[::1]:9000"
