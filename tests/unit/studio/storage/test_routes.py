"""Storages: their Secrets by name, new ones with tested keys, and addresses that Studio refuses."""

import base64
import logging
from typing import Any

import pytest
from epochal_studio.storage import connect

from tests.kit.fake.faults import Fault
from tests.kit.s3_server import Asked, Handler, Service, refusing
from tests.unit.studio.in_memory import ACCESS_KEY, SECRET_KEY, StudioInMemory

KEYS = {"accessKey": "access-key-1", "secretKey": "secret-key-1", "sessionToken": "session-token-1"}


def body(studio: StudioInMemory, **fields: Any) -> dict[str, Any]:
    return {"namespace": "vision", "secret": "minio", "endpoint": studio.service.endpoint, **KEYS, **fields}


def without_keys(text: str) -> None:
    assert not [value for value in KEYS.values() if value in text]


def problem(answer: Any, status: int, reason: str) -> str:
    assert answer.status == status, answer.text
    assert answer.json()["reason"] == reason
    without_keys(answer.text)
    return str(answer.json()["message"])


async def test_the_names_of_the_storages(studio: StudioInMemory) -> None:
    studio.put_secret("other", password="x")
    found = await studio.get("/api/storage?namespace=vision")
    assert found.json()["secrets"] == ["keys"]
    assert found.json()["endpoints"] == [studio.service.endpoint]
    assert base64.b64encode(b"access-key-of-vision").decode() not in found.text
    studio.alice.denied.add(("list", "secrets"))
    assert (await studio.get("/api/storage?namespace=vision")).json()["secrets"] is None
    assert (await studio.get("/api/storage?namespace=vision", user="bob")).json()["secrets"] is None
    problem(await studio.get("/api/storage"), 400, "Invalid")


async def test_the_secrets_of_helm_hide_no_storage(studio: StudioInMemory) -> None:
    for number in range(120):
        studio.put_secret(f"a-release-{number}", type_="helm.sh/release.v1", release="x" * 1000)
    for number in range(120):
        studio.put_secret(f"b-other-{number}", password="x")
    found = (await studio.get("/api/storage?namespace=vision")).json()
    assert (found["secrets"], found["isCut"]) == (["keys"], False)


async def test_a_cut_list_is_said(studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(60):
        studio.put_secret(f"large-{number}", password="x" * 100_000)
    found = (await studio.get("/api/storage?namespace=vision")).json()
    assert (found["secrets"], found["isCut"]) == (["keys"], True)
    assert studio.state.threads.memory.count == 0
    monkeypatch.setattr(connect, "MAX_SECRETS", 1)
    assert (await studio.get("/api/storage?namespace=vision")).json()["isCut"]


async def test_connect(studio: StudioInMemory, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    studio.service.buckets = ["data", "Bad_Name"]
    found = await studio.post("/api/storage", body(studio, createBuckets=["data", "results"]))
    assert found.status == 201, found.text
    assert (found.json()["buckets"], found.json()["created"]) == (["data", "results"], ["results"])
    assert found.json()["secrets"] == ["keys", "minio"]
    without_keys(found.text)
    stored = studio.server.objects.get("secrets", "vision", "minio")
    assert stored["stringData"] == KEYS
    without_keys(caplog.text)


async def test_keys_that_may_not_list_buckets_are_stored(studio: StudioInMemory) -> None:
    studio.service.faults.append(refusing(403, "AccessDenied", methods=("GET",)))
    found = await studio.post("/api/storage", body(studio))
    assert (found.status, found.json()["buckets"]) == (201, None)


async def test_wrong_keys_are_not_stored(studio: StudioInMemory) -> None:
    text = " ".join(KEYS.values())
    studio.service.faults.append(refusing(403, "InvalidAccessKeyId", methods=("GET",), message=text))
    problem(await studio.post("/api/storage", body(studio, createBuckets=["data"])), 403, "CredentialsRefused")
    assert [asked.method for asked in studio.service.asked] == ["GET"]
    assert len(studio.server.objects.list("secrets")) == 1


async def test_an_existing_secret_is_not_changed(studio: StudioInMemory) -> None:
    problem(await studio.post("/api/storage", body(studio, secret="keys")), 409, "NameConflict")
    assert studio.service.asked == []


async def test_a_secret_with_the_same_keys_is_no_conflict(studio: StudioInMemory) -> None:
    keys = {"secret": "keys", "accessKey": ACCESS_KEY, "secretKey": SECRET_KEY, "sessionToken": None}
    found = await studio.post("/api/storage", body(studio, **keys))
    assert (found.status, found.json()["secrets"]) == (201, ["keys"]), found.text
    other = body(studio, **keys | {"sessionToken": "another"})
    problem(await studio.post("/api/storage", other), 409, "NameConflict")
    studio.alice.denied.add(("get", "secrets"))
    problem(await studio.post("/api/storage", body(studio, **keys)), 409, "NameConflict")


async def test_a_secret_that_was_stored_is_no_error(studio: StudioInMemory) -> None:
    studio.server.faults.append(Fault("list", "secrets", status=500))
    found = await studio.post("/api/storage", body(studio))
    assert (found.status, found.json()["secrets"]) == (201, ["minio"]), found.text
    assert studio.server.objects.get("secrets", "vision", "minio")["stringData"] == KEYS


async def test_other_addresses_get_no_request(studio: StudioInMemory) -> None:
    other = Service()
    try:
        for endpoint in (
            other.endpoint,
            "http://metadata.internal",
            "file:///etc/passwd",
            f"{studio.service.endpoint}@x",
        ):
            found = await studio.post("/api/storage", body(studio, endpoint=endpoint))
            problem(found, 403, "EndpointNotAllowed")
        assert other.asked == []
    finally:
        other.stop()


async def test_a_redirect_gets_no_keys(studio: StudioInMemory) -> None:
    other = Service()

    def redirect(_: Asked, handler: Handler) -> bool:
        handler.send(301, Location=other.endpoint)
        return True

    try:
        studio.service.faults.append(redirect)
        found = await studio.post("/api/storage", body(studio))
        assert found.status in {403, 502}, found.text
        without_keys(found.text)
        assert other.asked == []
    finally:
        other.stop()


@pytest.mark.parametrize(
    "fields",
    [
        {"createBuckets": ["a", "b", "c"]},
        {"createBuckets": ["UPPER"]},
        {"accessKey": ""},
        {"secretKey": "a\nb"},
        {"secretKey": "x" * 2000},
        {"region": "a b"},
        {"extra": 1},
    ],
)
async def test_invalid_fields(studio: StudioInMemory, fields: dict[str, Any]) -> None:
    problem(await studio.post("/api/storage", body(studio, **fields)), 422, "Invalid")
    assert studio.service.asked == []


async def test_users_without_the_right(studio: StudioInMemory) -> None:
    problem(await studio.post("/api/storage", body(studio), user="bob"), 403, "Forbidden")
    studio.alice.denied.add(("create", "secrets"))
    problem(await studio.post("/api/storage", body(studio, createBuckets=["data"])), 403, "Forbidden")
    assert studio.service.asked == []


async def test_a_bucket_of_somebody_else(studio: StudioInMemory) -> None:
    studio.service.faults.append(refusing(409, "BucketAlreadyExists", methods=("PUT",)))
    assert "data" in problem(
        await studio.post("/api/storage", body(studio, createBuckets=["data"])), 403, "StorageError"
    )
