"""Tests without an S3 service. The e2e tests use real services on the cluster."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from epochal_api.trainingjob.report import Waiting
from epochal_trainer.lib.failures import Failure
from epochal_trainer.storage import Bucket, Credentials, RetryPolicy, S3Bucket, StorageWaits, retry

from tests.kit.s3_server import Service, breaking, refusing

CREDENTIALS = Credentials("the-access-key", "the-secret-key", "the-token")


def bucket(endpoint: str, ca_file: Path | None = None) -> S3Bucket:
    return S3Bucket(endpoint, "mnist-data", CREDENTIALS, ca_file=ca_file, retry=RetryPolicy(0))


@pytest.fixture
def answering(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server that sends the same response to every connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(request.param)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_it_has_the_interface_of_a_bucket() -> None:
    found: Bucket = bucket("http://127.0.0.1:9")
    assert found.uri("a/b") == "s3://mnist-data/a/b"


def test_a_closed_port_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(Failure, match=f"{endpoint}: the connection was refused") as caught:
        bucket(endpoint).check()
    assert (caught.value.reason, caught.value.exit_code) == ("EndpointUnreachable", 64)


@pytest.mark.parametrize(
    ("status", "code", "reason", "exit_code"),
    [
        (403, "AccessDenied", "CredentialsRefused", 77),
        (404, "NoSuchBucket", "BucketNotFound", 65),
        (404, "NoSuchKey", "ObjectNotFound", 65),
        (412, "PreconditionFailed", "ObjectChanged", 65),
        (400, "AuthorizationHeaderMalformed", "WrongRegion", 64),
        (400, "EntityTooLarge", "StorageError", 64),
    ],
)
def test_each_reason_has_its_exit_code(status: int, code: str, reason: str, exit_code: int) -> None:
    service = Service()
    service.faults.append(refusing(status, code, methods=("GET",)))
    try:
        with pytest.raises(Failure) as caught:
            bucket(service.endpoint).get("train.npz")
    finally:
        service.stop()
    assert (caught.value.reason, caught.value.exit_code) == (reason, exit_code)


def test_half_of_an_object_is_not_its_content() -> None:
    service = Service()
    service.put("x", b"half" * 2)
    service.faults.append(breaking("GET", after=4, times=1))
    try:
        opened = S3Bucket(service.endpoint, "bucket", CREDENTIALS, retry=RetryPolicy(0))
        with pytest.raises(Failure, match="IncompleteRead"):
            opened.get("x")
        assert opened.get("x") == b"half" * 2
    finally:
        service.stop()


def test_an_unknown_host_is_named() -> None:
    with pytest.raises(Failure, match="DNS does not resolve its host name") as caught:
        bucket("http://no-such-host.invalid").check()
    assert caught.value.reason == "EndpointUnreachable"


def answer(status: str, kind: str, body: str) -> bytes:
    headers = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close"
    return f"HTTP/1.1 {status}\r\n{headers}\r\n\r\n{body}".encode()


UNKNOWN_KEY = "<Error><Code>InvalidAccessKeyId</Code><Message>No the-access-key, no the-secret-key.</Message></Error>"


@pytest.mark.parametrize(
    ("answering", "reason", "message"),
    [
        (answer("200 OK", "text/html", "<html>"), "EndpointUnreachable", "it answered no S3 XML"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "EndpointUnreachable", "healthy"),
        (answer("403 Forbidden", "application/xml", UNKNOWN_KEY), "CredentialsRefused", r"No \*\*\*, no \*\*\*\."),
    ],
    indirect=["answering"],
)
def test_responses_that_are_not_s3(answering: str, reason: str, message: str) -> None:
    with pytest.raises(Failure, match=message) as caught:
        bucket(f"http://{answering}").check()
    assert caught.value.reason == reason


@pytest.mark.parametrize("answering", [b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"], indirect=True)
def test_https_to_an_endpoint_without_tls(answering: str) -> None:
    with pytest.raises(Failure, match=r"write http:// in spec.storage.endpoint") as caught:
        bucket(f"https://{answering}").check()
    assert caught.value.reason == "EndpointUnreachable"


def test_a_slow_first_request_is_reported_before_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "SILENT_SECONDS", 0.0)
    reported: list[Waiting | None] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def report(waiting: Waiting | None) -> None:
            reported.append(waiting)
            if waiting:
                server.accept()[0].close()

        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        silent = S3Bucket(endpoint, "mnist-data", CREDENTIALS, retry=RetryPolicy(0, waits=StorageWaits(report)))
        with pytest.raises(Failure):
            silent.check()
    (first,) = reported
    assert first is not None
    assert first.reason == "EndpointUnreachable"
    assert f"at {endpoint}: no answer so far: check spec.storage.endpoint" in first.message


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_an_invalid_certificate_authority_fails(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "ca.crt").write_text(content)
    with pytest.raises(Failure, match=r"spec.storage.caConfigMapRef") as caught:
        bucket("https://127.0.0.1:9", ca_file=tmp_path / "ca.crt")
    assert (caught.value.reason, caught.value.exit_code) == ("InvalidCertificateAuthority", 64)


SIGNATURE = "<Error><Code>SignatureDoesNotMatch</Code><Message>The signature does not match.</Message></Error>"


@pytest.mark.parametrize("answering", [answer("403 Forbidden", "application/xml", SIGNATURE)], indirect=True)
@pytest.mark.parametrize(("secret", "named"), [("the-secret-key\n", True), ("the-secret-key", False)])
def test_a_refused_secret_key_with_a_line_break_is_explained(answering: str, secret: str, *, named: bool) -> None:
    credentials = Credentials("the-access-key", secret)
    with pytest.raises(Failure, match="SignatureDoesNotMatch") as caught:
        S3Bucket(f"http://{answering}", "mnist-data", credentials, ca_file=None, retry=RetryPolicy(0)).check()
    assert ("the key secretKey of the Secret" in caught.value.message) is named
    assert "the-secret-key" not in caught.value.message
