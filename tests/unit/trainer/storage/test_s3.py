"""What needs no S3 service: the rest is proven against real ones on the cluster."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from epochal_api.trainingjob.report import Waiting
from epochal_trainer.lib.failures import Failure
from epochal_trainer.storage import Bucket, Credentials, Patience, S3Bucket, Waits, patience

from tests.kit.s3_server import Service, refusing

CREDENTIALS = Credentials("the-access-key", "the-secret-key", "the-token")


def bucket(endpoint: str, ca_file: Path | None = None) -> S3Bucket:
    return S3Bucket(endpoint, "mnist-data", CREDENTIALS, ca_file=ca_file, patience=Patience(0))


@pytest.fixture
def answering(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of something that gives every connection the same answer."""
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


def test_it_is_a_bucket() -> None:
    found: Bucket = bucket("http://127.0.0.1:9")
    assert found.uri("a/b") == "s3://mnist-data/a/b"


def test_a_closed_port_is_named() -> None:
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


def test_an_unknown_host_is_named() -> None:
    with pytest.raises(Failure, match="host name is not known to DNS") as caught:
        bucket("http://no-such-host.invalid").check()
    assert caught.value.reason == "EndpointUnreachable"


def answer(status: str, kind: str, body: str) -> bytes:
    headers = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close"
    return f"HTTP/1.1 {status}\r\n{headers}\r\n\r\n{body}".encode()


UNKNOWN_KEY = "<Error><Code>InvalidAccessKeyId</Code><Message>No the-access-key, no the-secret-key.</Message></Error>"


@pytest.mark.parametrize(
    ("answering", "reason", "message"),
    [
        (answer("200 OK", "text/html", "<html>"), "EndpointUnreachable", "it answered something else, not S3"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "EndpointUnreachable", "healthy"),
        (answer("403 Forbidden", "application/xml", UNKNOWN_KEY), "CredentialsRefused", r"No \*\*\*, no \*\*\*\."),
    ],
    indirect=["answering"],
)
def test_an_answer_is_understood(answering: str, reason: str, message: str) -> None:
    with pytest.raises(Failure, match=message) as caught:
        bucket(f"http://{answering}").check()
    assert caught.value.reason == reason


@pytest.mark.parametrize("answering", [b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"], indirect=True)
def test_an_endpoint_without_tls_is_told(answering: str) -> None:
    with pytest.raises(Failure, match=r"write http:// in spec.storage.endpoint") as caught:
        bucket(f"https://{answering}").check()
    assert caught.value.reason == "EndpointUnreachable"


def test_a_service_that_says_nothing_is_told_of_before_it_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SILENT_SECONDS", 0.0)
    told: list[Waiting | None] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def tell(waiting: Waiting | None) -> None:
            told.append(waiting)
            if waiting:
                server.accept()[0].close()

        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        silent = S3Bucket(endpoint, "mnist-data", CREDENTIALS, patience=Patience(0, waits=Waits(tell)))
        with pytest.raises(Failure):
            silent.check()
    (first,) = told
    assert first is not None
    assert first.reason == "EndpointUnreachable"
    assert f"at {endpoint}: no answer so far: check spec.storage.endpoint" in first.message


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_certificate_authority_must_be_one(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "ca.crt").write_text(content)
    with pytest.raises(Failure, match=r"spec.storage.caConfigMapRef") as caught:
        bucket("https://127.0.0.1:9", ca_file=tmp_path / "ca.crt")
    assert (caught.value.reason, caught.value.exit_code) == ("InvalidCertificateAuthority", 64)


SIGNATURE = "<Error><Code>SignatureDoesNotMatch</Code><Message>The signature does not match.</Message></Error>"


@pytest.mark.parametrize("answering", [answer("403 Forbidden", "application/xml", SIGNATURE)], indirect=True)
@pytest.mark.parametrize(("secret", "named"), [("the-secret-key\n", True), ("the-secret-key", False)])
def test_a_line_break_in_a_secret_key_that_is_refused_is_named(answering: str, secret: str, *, named: bool) -> None:
    credentials = Credentials("the-access-key", secret)
    with pytest.raises(Failure, match="SignatureDoesNotMatch") as caught:
        S3Bucket(f"http://{answering}", "mnist-data", credentials, ca_file=None, patience=Patience(0)).check()
    assert ("the key secretKey of the Secret" in caught.value.message) is named
    assert "the-secret-key" not in caught.value.message
