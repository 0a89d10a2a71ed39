"""The real client against a service that fails, over real connections."""

import gzip
import itertools
import logging
import os
import threading
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path
from urllib.parse import quote

import pytest
from epochal_api.trainingjob.report import Waiting
from epochal_lib.s3.errors import MAX_QUOTED
from epochal_trainer.lib.failures import Failure
from epochal_trainer.reporting.attempts import Attempts
from epochal_trainer.reporting.results import Results
from epochal_trainer.storage import Credentials, RetryPolicy, S3Bucket, StorageWaits, failures, retry, s3, suggestions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.s3_server import Asked, Handler, Service, Times, breaking, refusing, replacing, slow

CREDENTIALS = Credentials("the-access-key", "the-secret-key", "the-token")
PART = 5 * 1024**2
"""The smallest part that S3 allows."""
PAGE = b"<html><body>Down for maintenance</body></html>"
LETTERS = st.characters(codec="ascii", categories=["L", "N"], include_characters="/+=&<%'\"")
SECRETS = st.text(LETTERS, min_size=5, max_size=60).map("={}".format)
"""Their first letter is in no word of ours."""


@pytest.fixture(autouse=True)
def small_parts_and_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "PART_BYTES", PART)
    monkeypatch.setattr(retry, "FIRST_DELAY", 0.1)
    monkeypatch.setattr(retry, "FAILURE_REPORT_SECONDS", 0.2)


@pytest.fixture
def service() -> Iterator[Service]:
    running = Service()
    yield running
    running.stop()


@pytest.fixture
def waits() -> list[Waiting | None]:
    return []


@pytest.fixture
def bucket(service: Service, waits: list[Waiting | None]) -> S3Bucket:
    return S3Bucket(service.endpoint, "bucket", CREDENTIALS, retry=RetryPolicy(30, waits=StorageWaits(waits.append)))


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(os.urandom(3 * PART + 1234))
    return path


def stored(service: Service, content: bytes, key: str = "a") -> None:
    bucket = S3Bucket(service.endpoint, "bucket", CREDENTIALS)
    bucket.put(key, content)
    service.asked.clear()


def test_all_operations_of_a_bucket(bucket: S3Bucket, service: Service, large: Path, tmp_path: Path) -> None:
    bucket.check()
    bucket.put("small", b"content")
    bucket.upload(large, "folder/large")
    assert bucket.get("small") == b"content"
    assert bucket.keys("folder/") == ["folder/large"]
    bucket.download("folder/large", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == large.read_bytes()
    bucket.delete("small")
    assert list(service.objects) == ["folder/large"]


@pytest.mark.parametrize("encoding", ["gzip", "aws-chunked", "zstd"])
def test_an_object_is_read_as_its_bytes_whatever_its_content_encoding(
    bucket: S3Bucket, service: Service, tmp_path: Path, encoding: str
) -> None:
    content = gzip.compress(os.urandom(500) * 20)
    stored(service, content)
    service.encoding = encoding
    bucket.download("a", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == content
    assert bucket.get("a") == content


def test_a_broken_download_continues_with_the_missing_parts(bucket: S3Bucket, service: Service, tmp_path: Path) -> None:
    content = os.urandom(3 * PART + 200_000)  # each part is longer than the cut
    stored(service, content)
    service.faults = [breaking("GET", after=100_000, times=3)]
    bucket.download("a", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content
    assert sum(asked.method == "GET" for asked in service.asked) == 4 + 3


def test_a_broken_upload_is_repeated(bucket: S3Bucket, service: Service, large: Path) -> None:
    service.faults = [breaking("PUT", after=100_000, times=2)]
    bucket.upload(large, "a")
    assert service.objects["a"] == large.read_bytes()


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_restart_of_the_service_is_waited_for(
    *,
    bucket: S3Bucket,
    service: Service,
    waits: list[Waiting | None],
    large: Path,
    tmp_path: Path,
    direction: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    stored(service, large.read_bytes(), "before")
    restarted = threading.Event()

    def fault(asked: Asked, handler: Handler) -> bool:
        of_a_part = asked.query.get("partNumber") == "2" or "Range" in handler.headers
        if of_a_part and not restarted.is_set():
            restarted.set()
            service.restart(1.5)
        return False

    service.faults = [fault]
    with caplog.at_level(logging.INFO):
        if direction == "up":
            bucket.upload(large, "a")
            assert service.objects["a"] == large.read_bytes()
        else:
            bucket.download("before", tmp_path / "copy")
            assert (tmp_path / "copy").read_bytes() == large.read_bytes()
    assert restarted.is_set()
    first, *_, last = waits
    assert first is not None
    assert (first.reason, last) == ("EndpointUnreachable", None)
    begun, ended = (record.message for record in caplog.records if record.name.startswith("epochal"))
    assert "Waiting for the storage: cannot" in begun
    assert "The storage answers again" in ended


def test_a_slow_service_is_no_error(bucket: S3Bucket, service: Service, large: Path, tmp_path: Path) -> None:
    service.faults = [slow(0.3)]
    bucket.upload(large, "a")
    bucket.download("a", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == large.read_bytes()


def test_a_long_retry_after_is_not_waited_for(bucket: S3Bucket, service: Service) -> None:
    left = [4]

    def fault(asked: Asked, handler: Handler) -> bool:
        del asked
        if not left[0]:
            return False
        left[0] -= 1
        handler.send(503, Retry_After="3600")
        return True

    service.faults = [fault]
    bucket.check()  # which an hour's wait would take far beyond the time of a test


@pytest.mark.parametrize("code", ["XMinioStorageFull", "QuotaExceeded", "InsufficientStorage"])
def test_a_full_service_is_waited_for(
    bucket: S3Bucket, service: Service, waits: list[Waiting | None], code: str
) -> None:
    service.faults = [refusing(400, code, times=3)]
    bucket.put("a", b"content")
    assert service.objects["a"] == b"content"
    assert [waiting and waiting.reason for waiting in waits][-2:] == ["ResultsNotWritable", None]
    assert waits[0] is not None
    assert "delete objects" in waits[0].message


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "AccessDenied"), (400, "ExpiredToken"), (403, "InvalidAccessKeyId"), (404, "NoSuchBucket")],
)
def test_a_right_that_existed_before_is_waited_for(
    bucket: S3Bucket, service: Service, waits: list[Waiting | None], status: int, code: str
) -> None:
    bucket.put("attempt", b"1")
    service.faults = [refusing(status, code, methods=("PUT", "GET", "HEAD"), times=3)]
    bucket.put("model", b"trained")
    assert service.objects["model"] == b"trained"
    assert waits[-1] is None
    assert waits[0] is not None


@pytest.mark.parametrize("page", [PAGE, b"<html><br></html>", b""])
def test_answers_of_a_proxy_are_retried(
    bucket: S3Bucket, service: Service, waits: list[Waiting | None], page: bytes
) -> None:
    bucket.put("attempt", b"1")
    assert bucket.keys("") == ["attempt"]
    for times in (5, 6):  # the last one is that which writes, or that which looks
        service.faults = [replacing(times, page)]
        bucket.put(f"model-{times}", b"trained")
        assert service.objects[f"model-{times}"] == b"trained"
    service.faults = [replacing(3, page)]
    assert bucket.keys("") == ["attempt", "model-5", "model-6"]
    assert waits[0] is not None
    assert waits[-1] is None


def test_a_proxy_that_always_answers_fails_at_once(
    bucket: S3Bucket, service: Service, waits: list[Waiting | None]
) -> None:
    service.faults = [replacing(10**9, PAGE)]
    with pytest.raises(Failure, match=r"it answered no S3 XML"):
        bucket.check()
    assert waits == []


@pytest.mark.parametrize(("status", "code"), [(403, "AccessDenied"), (404, "NoSuchBucket")])
def test_a_right_that_never_existed_fails_at_once(
    bucket: S3Bucket, service: Service, waits: list[Waiting | None], status: int, code: str
) -> None:
    service.faults = [refusing(status, code)]
    with pytest.raises(Failure) as caught:
        bucket.put("attempt", b"1")
    assert "spec.storage.timeoutSeconds" not in caught.value.message
    assert waits == []
    assert [asked.method for asked in service.asked].count("PUT") == 1


def test_a_refused_read_fails_at_once_before_the_first_write(
    bucket: S3Bucket, service: Service, waits: list[Waiting | None]
) -> None:
    stored(service, b"content")
    assert bucket.get("a") == b"content"
    service.faults = [refusing(403, "AccessDenied", methods=("GET",))]
    with pytest.raises(Failure, match="AccessDenied"):
        bucket.get("a")
    assert waits == []


def test_a_missing_object_fails_at_once(bucket: S3Bucket) -> None:
    bucket.put("a", b"content")
    with pytest.raises(Failure) as caught:
        bucket.stat("b")
    assert caught.value.reason == "ObjectNotFound"


def test_similar_keys_are_suggested_after_few_requests(bucket: S3Bucket, service: Service) -> None:
    service.objects |= {f"images/{number:06}.png": b"" for number in range(3000)}
    service.objects |= {"mnist/train.npz": b"", "mnist/test.npz": b"", "images/zebra.png": b""}
    for key, words in {
        "mnits/trian.npz": "; did you mean mnist/train.npz?",
        "images/zebar.png": "; did you mean images/zebra.png?",
        "images": "; it is a folder that contains 000000.png, 000001.png, 000002.png and more",
        "other": "; the bucket contains images/, mnist/",
    }.items():
        service.asked.clear()
        with pytest.raises(Failure) as caught:
            bucket.stat(key)
        assert caught.value.message == f"s3://bucket/{key} at {service.endpoint} does not exist{words}"
        assert sum(asked.key == "" for asked in service.asked) <= suggestions.MAX_LISTINGS + 3


def test_a_refused_list_is_not_repeated(bucket: S3Bucket, service: Service) -> None:
    service.faults = [refusing(403, "AccessDenied", methods=("GET",))]
    with pytest.raises(Failure, match=r"/a at http://[\d.:]+ does not exist$") as caught:
        bucket.stat("a")
    assert caught.value.reason == "ObjectNotFound"
    assert sum(asked.method == "GET" for asked in service.asked) == 1


@pytest.mark.parametrize(
    ("there", "words"),
    [
        (["bucket-1", "results"], "; did you mean bucket-1?"),
        (["zoo"], "; found zoo"),
        ([], "; these credentials can list no bucket"),
        (None, "correct its name"),
    ],
)
def test_similar_buckets_are_suggested(service: Service, there: list[str] | None, words: str) -> None:
    service.buckets = there or []

    def fault(asked: Asked, handler: Handler) -> bool:
        listed = handler.path == "/"
        if not listed or there is None:
            handler.refuse(403 if listed else 404, "AccessDenied" if listed else "NoSuchBucket", "no")
        return not listed or there is None

    service.faults = [fault]
    for ask in (S3Bucket.check, lambda missing: missing.put("a", b"")):
        with pytest.raises(Failure) as caught:
            ask(S3Bucket(service.endpoint, "bucket", CREDENTIALS))
        assert caught.value.reason == "BucketNotFound"
        assert caught.value.message.endswith(words)


def test_retries_end_with_the_reason_and_their_duration(service: Service, waits: list[Waiting | None]) -> None:
    bucket = S3Bucket(service.endpoint, "bucket", CREDENTIALS, retry=RetryPolicy(2, waits=StorageWaits(waits.append)))
    service.faults = [refusing(507, "XMinioStorageFull")]
    with pytest.raises(Failure, match=r"delete objects.*; tried for .*spec\.storage\.timeoutSeconds") as caught:
        bucket.put("a", b"content")
    assert (caught.value.reason, caught.value.exit_code) == ("ResultsNotWritable", 77)
    assert waits[-1] is None


PATIENCE = 60
"""Seconds of retries, longer than any test waits."""


class Stop(BaseException):
    """Ends the retries."""


def test_a_check_can_end_the_retries_of_a_download(service: Service, large: Path, tmp_path: Path) -> None:
    stored(service, large.read_bytes())
    stopped = threading.Event()

    def check() -> None:
        if stopped.is_set():
            raise Stop

    service.faults = [refusing(503, "SlowDown", methods=("GET",))]
    bucket = S3Bucket(service.endpoint, "bucket", CREDENTIALS, retry=RetryPolicy(PATIENCE, check))
    threading.Timer(0.7, stopped.set).start()
    began = time.monotonic()
    with pytest.raises(Stop):
        bucket.download("a", tmp_path / "copy")
    assert time.monotonic() - began < PATIENCE / 2
    assert sorted(os.listdir(tmp_path)) == ["large"]  # noqa: PTH208 - hidden files count


def test_a_failed_part_ends_the_other_parts(service: Service, large: Path, tmp_path: Path) -> None:
    stored(service, large.read_bytes())
    unavailable = refusing(503, "SlowDown", methods=("GET",))

    def fault(asked: Asked, handler: Handler) -> bool:
        if handler.headers.get("Range", "").startswith("bytes=0-"):
            time.sleep(1)
            handler.refuse(403, "AccessDenied", "no")
            return True
        return unavailable(asked, handler)

    service.faults = [fault]
    bucket = S3Bucket(service.endpoint, "bucket", CREDENTIALS, retry=RetryPolicy(PATIENCE))
    began = time.monotonic()
    with pytest.raises(Failure, match="AccessDenied"):
        bucket.download("a", tmp_path / "copy")
    assert time.monotonic() - began < PATIENCE / 2


@pytest.mark.parametrize("size", [0, 1, 1000])
@pytest.mark.parametrize("etag", ["plain", "other"])
def test_an_upload_is_verified_by_etag_or_content(
    bucket: S3Bucket, service: Service, tmp_path: Path, size: int, etag: str
) -> None:
    if etag == "other":
        service.etag = lambda _: "0123456789abcdef"
    (tmp_path / "file").write_bytes(os.urandom(size))
    bucket.upload(tmp_path / "file", "a")
    read = [asked for asked in service.asked if asked.method == "GET"]
    assert len(read) == (1 if etag == "other" else 0)


def test_a_multipart_upload_is_verified_by_its_etag(bucket: S3Bucket, service: Service, large: Path) -> None:
    bucket.upload(large, "a")
    assert service.etags["a"].endswith("-4")
    assert not [asked for asked in service.asked if asked.method == "GET"]


@pytest.mark.parametrize("show", [lambda _: "0123456789abcdef", lambda _: "0" * 32])
def test_a_damaged_upload_is_repeated(bucket: S3Bucket, service: Service, large: Path, show: object) -> None:
    damaged = [b"x"]

    def damage(content: bytes) -> bytes:
        return damaged.pop() + content[1:] if damaged else content

    service.etag, service.damage = show, damage  # type: ignore[assignment]
    bucket.upload(large, "a")
    assert service.objects["a"] == large.read_bytes()


def test_a_service_that_damages_every_upload_fails(bucket: S3Bucket, service: Service) -> None:
    service.etag, service.damage = lambda _: "0" * 32, lambda content: content[:-1] + b"x"
    with pytest.raises(Failure, match=r"differs from the 7 bytes that were uploaded \(3 writes\)") as caught:
        bucket.put("a", b"content")
    assert caught.value.reason == "ResultsNotWritable"
    service.damage = lambda content: content[:-1]
    with pytest.raises(Failure, match=r"differs from the 7 bytes"):
        bucket.put("a", b"content")


@pytest.mark.parametrize(("times", "arrives"), [(2, True), (3, False)])
def test_a_damaged_download_is_repeated(
    bucket: S3Bucket, service: Service, tmp_path: Path, times: int, *, arrives: bool
) -> None:
    stored(service, b"content")
    left = Times(times)

    def damage(asked: Asked, handler: Handler) -> bool:
        if asked.method != "GET" or not left.take():
            return False
        handler.send(206, b"c0ntent", ETag=f'"{service.etags["a"]}"')
        return True

    service.faults = [damage]
    if arrives:
        bucket.download("a", tmp_path / "a")
        assert (tmp_path / "a").read_bytes() == b"content"
    else:
        with pytest.raises(Failure, match=r"MD5 mismatch in 3 downloads of s3://bucket/a"):
            bucket.download("a", tmp_path / "a")
        assert list(tmp_path.iterdir()) == []


def test_only_small_objects_are_read_as_a_whole(
    bucket: S3Bucket, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "SMALL_BYTES", 4)
    monkeypatch.setattr(failures, "SMALL_BYTES", 4)
    service.objects.update(a=b"1234", b=b"12345" * 10**6)
    service.etags.update(a="1", b="2")
    assert bucket.get("a") == b"1234"
    with pytest.raises(Failure, match="s3://bucket/b is too large") as caught:
        bucket.get("b")
    assert caught.value.reason == "DamagedData"


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(SECRETS, min_size=3, max_size=3), st.integers(0, MAX_QUOTED))
def test_credentials_in_answers_of_a_service_are_redacted(
    service: Service, caplog: pytest.LogCaptureFixture, secrets: list[str], before: int
) -> None:
    waits: list[Waiting | None] = []
    credentials = Credentials(*secrets)
    words = "." * before + " ".join(secrets + [quote(secret, safe="") for secret in secrets])
    service.faults = [refusing(400, "RequestTimeout", methods=("GET",), message=escape(words))]
    retry = RetryPolicy(2.5, waits=StorageWaits(waits.append), clock=itertools.count().__next__)
    bucket = S3Bucket(service.endpoint, "bucket", credentials, retry=retry)
    caplog.clear()  # an earlier secret may be part of a new one
    with pytest.raises(Failure) as caught:
        bucket.get("a")
    assert any(waits)
    written = [caught.value.message, *caplog.messages, *(waiting.message for waiting in waits if waiting)]
    for text in written:
        for secret in secrets:
            assert secret not in text
            assert quote(secret, safe="") not in text


def test_a_write_is_not_repeated_over_a_later_attempt(service: Service, bucket: S3Bucket, tmp_path: Path) -> None:
    """Tries go on for an hour, and meanwhile another attempt may have stored all of its results."""
    (tmp_path / "model").write_bytes(b"mine")
    attempts = Attempts(bucket, "u", "earlier")
    attempts.begin("spec")
    left = Times(s3.RETRIES + 1)

    def fault(asked: Asked, handler: Handler) -> bool:
        if asked.method != "PUT" or not asked.key.endswith("model.keras") or not left.take():
            return False
        service.objects["u/attempts/2-later.json"] = b"{}"
        service.objects["u/model.keras"] = b"theirs"
        handler.refuse(503, "SlowDown", "as it was told to")
        return True

    service.faults.append(fault)
    with pytest.raises(Failure) as caught:
        Results(bucket, "u", attempts.check).store(tmp_path / "model", "model.keras")
    assert caught.value.reason == "Superseded"
    assert service.objects["u/model.keras"] == b"theirs"
