"""Answers of an S3 service within their limits."""

import threading
import time
from collections.abc import Iterator

import pytest
from epochal_lib.s3 import bounded
from epochal_lib.s3.bounded import AnswerLimits, BoundedPool
from epochal_lib.s3.client import connect
from epochal_lib.s3.upload import Upload
from minio import Minio
from minio.error import S3Error
from urllib3.exceptions import HTTPError

from tests.kit.s3_server import Asked, Handler, Service


@pytest.fixture
def service() -> Iterator[Service]:
    found = Service()
    yield found
    found.stop()


def client(service: Service, size: int = 10_000, seconds: float = 10, requests: int = 10) -> Minio:
    limits = AnswerLimits(size, seconds, requests)
    keys = {"access_key": "a", "secret_key": "b", "session_token": None, "region": "us-east-1"}
    return connect(service.endpoint, limits=limits, **keys)  # type: ignore[arg-type]


def test_usual_answers_and_errors_are_those_of_the_client(service: Service) -> None:
    service.put("a", b"content")
    found = client(service)
    assert [each.object_name for each in found.list_objects("bucket")] == ["a"]
    assert found.stat_object("bucket", "a").size == 7
    with pytest.raises(S3Error, match="NoSuchKey"):
        found.stat_object("bucket", "b")
    with pytest.raises(S3Error, match="NoSuchKey"):
        found.get_object("bucket", "b")


def test_the_content_of_an_object_has_no_limit(service: Service) -> None:
    service.put("a", b"x" * 50_000)
    response = client(service).get_object("bucket", "a")
    assert len(response.read()) == 50_000
    response.close()


def test_an_answer_above_the_limit(service: Service) -> None:
    for number in range(200):
        service.put(f"key-{number}", b"")
    with pytest.raises(HTTPError, match="more than 9 KiB"):
        list(client(service).list_objects("bucket"))


def test_an_answer_that_takes_too_long(service: Service) -> None:
    service.put("a", b"")
    with pytest.raises(HTTPError, match="no complete answer in time"):
        list(client(service, seconds=-1).list_objects("bucket"))


def test_headers_that_come_byte_by_byte(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "HEADER_SECONDS", 0.2)
    is_broken = threading.Event()

    def trickle(_: Asked, handler: Handler) -> bool:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-A: ")
        try:
            for _byte in range(1000):
                handler.wfile.write(b"a")
                time.sleep(0.01)
        except OSError:
            is_broken.set()
        handler.close_connection = True
        return True

    service.faults.append(trickle)
    with pytest.raises(HTTPError):
        list(client(service).list_objects("bucket"))
    assert is_broken.wait(10)


def test_more_answers_than_the_limit(service: Service) -> None:
    service.put("a", b"")
    found = client(service, requests=2)
    found.stat_object("bucket", "a")
    found.stat_object("bucket", "a")
    with pytest.raises(HTTPError, match="has sent 2 answers"):
        found.stat_object("bucket", "a")


def test_no_redirect_is_followed(service: Service) -> None:
    other = Service()

    def redirect(_: Asked, handler: Handler) -> bool:
        handler.send(307, Location=f"{other.endpoint}/")
        return True

    service.faults.append(redirect)
    try:
        answer = BoundedPool(AnswerLimits(1000, 10)).urlopen("GET", f"{service.endpoint}/bucket")
        assert (answer.status, other.asked) == (307, [])
    finally:
        other.stop()


@pytest.mark.parametrize(
    "content", [b"x" * 200_000, bytearray(b"y" * 200_001), b""], ids=["bytes", "bytearray", "none"]
)
def test_a_large_body_is_sent_whole(service: Service, content: bytes | bytearray) -> None:
    """It is sent in parts, since one call of the socket has a few seconds."""
    Upload(client(service), "bucket", "a").finish(content, replace=True)
    assert service.objects["a"] == content
