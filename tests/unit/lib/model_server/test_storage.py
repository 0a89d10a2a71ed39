"""What comes from the bucket, and what is said while it does not."""

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
def test_reads_where_an_object_lies(uri: str) -> None:
    found = Place.of(uri)
    assert str(found) == uri
    assert str(found.beside("signature.json")) == f"{uri.rpartition('/')[0]}/signature.json"


@pytest.mark.parametrize(
    "uri", ["", "models/model.onnx", "http://models/model.onnx", "s3://models", "s3://models/", "s3:///k"]
)
def test_refuses_what_is_no_place(uri: str) -> None:
    with pytest.raises(ServeError, match=r"must be s3://BUCKET/KEY") as ended:
        Place.of(uri)
    assert ended.value.reason == "InvalidConfig"


def test_fetches(service: Service, tmp_path: Path) -> None:
    put(service, "model.onnx", CONTENT)
    assert storage(service).download(place("model.onnx"), tmp_path / "model") == digest(CONTENT)
    assert (tmp_path / "model").read_bytes() == CONTENT
    assert storage(service).get(place("model.onnx")) == CONTENT
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


def test_fetches_the_bytes_whatever_they_are_said_to_be(service: Service) -> None:
    service.encoding = "gzip"
    put(service, "model.onnx", CONTENT)
    assert storage(service).get(place("model.onnx")) == CONTENT


def test_says_what_is_not_there(service: Service, tmp_path: Path) -> None:
    with pytest.raises(ServeError, match="NoSuchKey") as ended:
        storage(service).download(place("model.onnx"), tmp_path / "model")
    assert ended.value.reason == "ModelNotFound"
    assert not list(tmp_path.iterdir())


def test_retries_the_errors_that_a_trainer_retries(service: Service) -> None:
    put(service, "model.onnx", CONTENT)
    service.faults.append(refusing(400, "IncompleteBody", methods=("GET",), times=1))
    assert storage(service, seconds=30).get(place("model.onnx")) == CONTENT


def test_says_what_is_refused(service: Service) -> None:
    service.faults.append(refusing(403, "AccessDenied", methods=("GET",)))
    with pytest.raises(ServeError, match=r"AccessDenied.*set accessKey") as ended:
        storage(service).get(place("model.onnx"))
    assert ended.value.reason == "StorageRefused"


@pytest.mark.parametrize(
    "fault",
    [lambda: refusing(503, "SlowDown", methods=("GET",), times=2), lambda: replacing(2, b"<html>a proxy</html>")],
)
def test_waits_for_what_may_pass(service: Service, fault: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_DELAY", 0.01)
    put(service, "signature.json", b"{}")
    service.faults.append(fault())
    told: list[str | None] = []
    found = storage(service, seconds=30, waits=told.append).get(place("signature.json"))
    if told != [None]:  # a page in place of an object is no error of S3's
        assert found == b"{}"
        assert len(told) == 3
        assert told[-1] is None
        assert all("cannot read s3://bucket/signature.json" in str(one) for one in told[:-1])


def test_gives_up_in_the_end(service: Service) -> None:
    service.faults.append(refusing(503, "SlowDown", methods=("GET",)))
    with pytest.raises(ServeError, match="tried for 0 s") as ended:
        storage(service, seconds=0.1).get(place("model.onnx"))
    assert ended.value.reason == "StorageUnreachable"


class Clock:
    """Stands for the module time: it goes on where somebody sleeps, and as it is told."""

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


def breaking(asked: list[str | None], times: int, then: Callable[[], None] = lambda: None) -> Fault:
    """Breaks off after 1000 bytes, always from the first on, and takes down the ranges that are asked for."""

    def fault(_: Any, handler: Any) -> bool:
        asked.append(handler.headers["Range"])
        if len(asked) > times:
            return False
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CONTENT)))
        handler.send_header("ETag", f'"{digest(CONTENT)}"')
        handler.end_headers()
        handler.wfile.write(CONTENT[:1000])
        handler.close_connection = True
        then()
        return True

    return fault


def test_what_breaks_off_goes_on_where_it_was_however_long_that_took(
    service: Service, tmp_path: Path, clock: Clock
) -> None:
    put(service, "model.onnx", CONTENT)
    asked: list[str | None] = []
    service.faults.append(breaking(asked, 1, then=lambda: clock.sleep(600)))
    found = storage(service, seconds=120).download(place("model.onnx"), tmp_path / "model")
    assert found == digest(CONTENT)
    assert asked == [None, "bytes=1000-"]
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


def test_what_has_changed_since_it_broke_off_is_fetched_from_its_first_byte(
    service: Service, tmp_path: Path, clock: Clock
) -> None:
    put(service, "model.onnx", CONTENT)
    asked: list[str | None] = []
    service.faults.append(breaking(asked, 1, then=lambda: put(service, "model.onnx", b"another" * 1000)))
    assert storage(service).download(place("model.onnx"), tmp_path / "model") == digest(b"another" * 1000)
    assert asked == [None, "bytes=1000-", None]


def test_gives_up_where_nothing_more_comes_of_a_server_without_parts(
    service: Service, tmp_path: Path, clock: Clock
) -> None:
    put(service, "model.onnx", CONTENT)
    service.faults.append(breaking([], 10**9))
    with pytest.raises(ServeError, match="tried for 120 s") as ended:
        storage(service, seconds=120).download(place("model.onnx"), tmp_path / "model")
    assert ended.value.reason == "StorageUnreachable"
    assert not list(tmp_path.iterdir())


def test_a_server_without_parts_gives_all_of_it_again(service: Service, tmp_path: Path, clock: Clock) -> None:
    put(service, "model.onnx", CONTENT)
    service.faults += [breaking([], 1), replacing(1, CONTENT)]
    assert storage(service).download(place("model.onnx"), tmp_path / "model") == digest(CONTENT)


def test_reads_no_more_into_memory_than_it_has_to(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SMALL_BYTES", 1000)
    put(service, "signature.json", CONTENT)
    with pytest.raises(ServeError, match="must hold less than 1,000 bytes") as ended:
        storage(service).get(place("signature.json"))
    assert ended.value.reason == "ModelDamaged"


@pytest.mark.parametrize("environ", [{}, {ACCESS_KEY_ENV: "access-key"}, {**KEYS, SECRET_KEY_ENV: ""}])
def test_says_that_there_are_no_keys(service: Service, environ: dict[str, str]) -> None:
    with pytest.raises(ServeError, match="there is no access key or no secret key") as ended:
        storage(service, environ=environ)
    assert ended.value.reason == "StorageRefused"


def test_says_that_an_authority_is_none(tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    file.write_text("no certificate")
    with pytest.raises(ServeError, match=r"spec.storage.caConfigMapRef") as ended:
        Storage(StorageConfig(endpoint="https://minio"), KEYS, ca_file=file)
    assert ended.value.reason == "InvalidConfig"
