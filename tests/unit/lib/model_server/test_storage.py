"""Downloads from the bucket, with retries and errors."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from epochal_api.modelserver.config import StorageConfig
from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV
from epochal_lib.model_server import storage as module
from epochal_lib.model_server.errors import ServeError
from epochal_lib.model_server.place import Place
from epochal_lib.model_server.storage import Storage

from tests.kit.models import digest
from tests.kit.s3_server import Fault, Service, refusing, replacing
from tests.kit.serving import put

KEYS = {ACCESS_KEY_ENV: "access-key", SECRET_KEY_ENV: "secret-key"}
CONTENT = bytes(range(256)) * 10_000


def storage(service: Service, **how: Any) -> Storage:
    different: dict[str, Any] = {"environ": KEYS, "seconds": 0.5} | how
    return Storage(StorageConfig(endpoint=service.endpoint), **different)


def place(key: str) -> Place:
    return Place("bucket", key)


@pytest.mark.parametrize("uri", ["s3://models/digits/model.onnx", "s3://models/model.onnx", "s3://models/a b?c#d.onnx"])
def test_parses_the_uri_of_an_object(uri: str) -> None:
    found = Place.of(uri)
    assert str(found) == uri
    assert str(found.beside("signature.json")) == f"{uri.rpartition('/')[0]}/signature.json"


@pytest.mark.parametrize(
    "uri", ["", "models/model.onnx", "http://models/model.onnx", "s3://models", "s3://models/", "s3:///k"]
)
def test_refuses_another_uri(uri: str) -> None:
    with pytest.raises(ServeError, match=r"must be s3://BUCKET/KEY") as error:
        Place.of(uri)
    assert error.value.reason == "InvalidConfig"


def test_downloads_an_object(service: Service, tmp_path: Path) -> None:
    put(service, "model.onnx", CONTENT)
    assert storage(service).download(place("model.onnx"), tmp_path / "model") == digest(CONTENT)
    assert (tmp_path / "model").read_bytes() == CONTENT
    assert storage(service).get(place("model.onnx")) == CONTENT
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


def test_downloads_the_stored_bytes_of_an_encoded_object(service: Service) -> None:
    service.encoding = "gzip"
    put(service, "model.onnx", CONTENT)
    assert storage(service).get(place("model.onnx")) == CONTENT


def test_a_missing_object_is_not_retried(service: Service, tmp_path: Path) -> None:
    with pytest.raises(ServeError, match="NoSuchKey") as error:
        storage(service).download(place("model.onnx"), tmp_path / "model")
    assert error.value.reason == "ModelNotFound"
    assert not list(tmp_path.iterdir())


def test_retries_a_temporary_error_of_a_client(service: Service) -> None:
    put(service, "model.onnx", CONTENT)
    service.faults.append(refusing(400, "IncompleteBody", methods=("GET",), times=1))
    assert storage(service, seconds=30).get(place("model.onnx")) == CONTENT


def test_refused_credentials_are_not_retried(service: Service) -> None:
    service.faults.append(refusing(403, "AccessDenied", methods=("GET",)))
    with pytest.raises(ServeError, match=r"AccessDenied.*set accessKey") as error:
        storage(service).get(place("model.onnx"))
    assert error.value.reason == "StorageRefused"


@pytest.mark.parametrize(
    "fault",
    [lambda: refusing(503, "SlowDown", methods=("GET",), times=2), lambda: replacing(2, b"<html>a proxy</html>")],
)
def test_retries_temporary_errors(service: Service, fault: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_DELAY", 0.01)
    put(service, "signature.json", b"{}")
    service.faults.append(fault())
    waits: list[str | None] = []
    found = storage(service, seconds=30, waits=waits.append).get(place("signature.json"))
    if waits != [None]:  # a page in place of an object is no error of S3's
        assert found == b"{}"
        assert len(waits) == 3
        assert waits[-1] is None
        assert all("cannot read s3://bucket/signature.json" in str(reason) for reason in waits[:-1])


def test_no_message_has_a_credential(service: Service) -> None:
    waits: list[str | None] = []
    service.faults += [
        refusing(503, "secret-key", methods=("GET",), times=1),
        refusing(403, "secret-key", methods=("GET",)),
    ]
    with pytest.raises(ServeError, match=r"\(\*\*\*") as error:
        storage(service, waits=waits.append).get(place("model.onnx"))
    assert "secret-key" not in f"{waits} {error.value.message}"


def test_retries_for_a_limited_time(service: Service) -> None:
    service.faults.append(refusing(503, "SlowDown", methods=("GET",)))
    with pytest.raises(ServeError, match="tried for 0 s") as error:
        storage(service, seconds=0.1).get(place("model.onnx"))
    assert error.value.reason == "StorageUnreachable"


class Clock:
    """A clock in place of the module time. It advances with `sleep` only."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(module, "time", clock := Clock())
    return clock


def breaking(ranges: list[str | None], times: int, then: Callable[[], None] = lambda: None) -> Fault:
    """Return a fault: answers end after the first 1000 bytes. Requested ranges are recorded."""

    def fault(_: Any, handler: Any) -> bool:
        ranges.append(handler.headers["Range"])
        if len(ranges) > times:
            return False
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CONTENT)))
        handler.send_header("ETag", f'"{hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()}"')  # as the service's
        handler.end_headers()
        handler.wfile.write(CONTENT[:1000])
        handler.close_connection = True
        then()
        return True

    return fault


def test_an_interrupted_download_continues_after_its_last_byte(service: Service, tmp_path: Path, clock: Clock) -> None:
    put(service, "model.onnx", CONTENT)
    ranges: list[str | None] = []
    service.faults.append(breaking(ranges, 1, then=lambda: clock.sleep(600)))
    found = storage(service, seconds=120).download(place("model.onnx"), tmp_path / "model")
    assert found == digest(CONTENT)
    assert ranges == [None, "bytes=1000-"]
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


def test_an_interrupted_download_of_a_changed_object_starts_again(
    service: Service, tmp_path: Path, clock: Clock
) -> None:
    put(service, "model.onnx", CONTENT)
    ranges: list[str | None] = []
    service.faults.append(breaking(ranges, 1, then=lambda: put(service, "model.onnx", b"another" * 1000)))
    assert storage(service).download(place("model.onnx"), tmp_path / "model") == digest(b"another" * 1000)
    assert ranges == [None, "bytes=1000-", None]


def test_a_server_without_ranges_is_retried_for_a_limited_time(service: Service, tmp_path: Path, clock: Clock) -> None:
    put(service, "model.onnx", CONTENT)
    service.faults.append(breaking([], 10**9))
    with pytest.raises(ServeError, match="tried for 120 s") as error:
        storage(service, seconds=120).download(place("model.onnx"), tmp_path / "model")
    assert error.value.reason == "StorageUnreachable"
    assert not list(tmp_path.iterdir())


def test_a_server_without_ranges_sends_the_whole_object_again(service: Service, tmp_path: Path, clock: Clock) -> None:
    put(service, "model.onnx", CONTENT)
    service.faults += [breaking([], 1), replacing(1, CONTENT)]
    assert storage(service).download(place("model.onnx"), tmp_path / "model") == digest(CONTENT)


def test_limits_the_size_of_an_object_in_memory(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SMALL_BYTES", 1000)
    put(service, "signature.json", CONTENT)
    with pytest.raises(ServeError, match="expected less than 1,000 bytes") as error:
        storage(service).get(place("signature.json"))
    assert error.value.reason == "ModelDamaged"


@pytest.mark.parametrize("environ", [{}, {ACCESS_KEY_ENV: "access-key"}, {**KEYS, SECRET_KEY_ENV: ""}])
def test_requires_an_access_key_and_a_secret_key(service: Service, environ: dict[str, str]) -> None:
    with pytest.raises(ServeError, match="access key or secret key is missing") as error:
        storage(service, environ=environ)
    assert error.value.reason == "StorageRefused"


def test_requires_pem_certificates(tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    file.write_text("no certificate")
    with pytest.raises(ServeError, match=r"spec.storage.caConfigMapRef") as error:
        Storage(StorageConfig(endpoint="https://minio"), KEYS, ca_file=file)
    assert error.value.reason == "InvalidConfig"
