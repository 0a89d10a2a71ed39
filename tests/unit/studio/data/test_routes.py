"""Buckets, folders and previews, with the Secret of the user alone."""

import asyncio
import logging
import threading
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from epochal_studio.preview import source

from tests.kit.s3_server import Asked, Handler, refusing
from tests.unit.studio.in_memory import ACCESS_KEY, SECRET_KEY, StudioInMemory
from tests.unit.studio.preview.stored import npz

STORAGE = "namespace=vision&secret=keys"
BUCKETS, BUCKET = f"/api/buckets?{STORAGE}", f"/api/buckets/bucket?{STORAGE}"
PREVIEW = f"/api/buckets/bucket/preview?{STORAGE}&key="


def problem(answer: Any, status: int, reason: str) -> str:
    assert answer.status == status, answer.text
    assert answer.json()["reason"] == reason
    assert ACCESS_KEY not in answer.text
    assert SECRET_KEY not in answer.text
    return str(answer.json()["message"] + answer.json()["remedy"])


async def test_the_buckets_of_a_storage(studio: StudioInMemory) -> None:
    studio.service.buckets = ["results", "data", "Bad_Name"]
    found = (await studio.get(BUCKETS)).json()
    assert found["buckets"] == ["data", "results"]
    assert found["endpoint"].rstrip("/") == studio.service.endpoint


async def test_keys_that_may_not_list_buckets(studio: StudioInMemory) -> None:
    studio.service.faults.append(refusing(403, "AccessDenied", methods=("GET",)))
    assert (await studio.get(BUCKETS)).json()["buckets"] is None


async def test_a_folder_page_by_page(studio: StudioInMemory) -> None:
    keys = [f"set/{number:03}.npz" for number in range(250)]
    for key in [*keys, "set/deeper/a.npz", "set/", "other.npz", "ä&<b>.npz"]:
        studio.service.put(key, b"12345")
    first = (await studio.get(f"{BUCKET}&prefix=set/")).json()
    assert len(first["objects"]) == 199  # and the folder's own object, which is not shown
    assert first["objects"][0] == {"key": "set/000.npz", "size": 5, "modified": "2026-01-01T00:00:00Z"}
    second = (await studio.get(f"{BUCKET}&prefix=set/&after={quote(first['next'])}")).json()
    assert [each["key"] for each in first["objects"] + second["objects"]] == keys
    assert (second["folders"], second["next"]) == (["set/deeper/"], None)
    top = (await studio.get(BUCKET)).json()
    assert ([each["key"] for each in top["objects"]], top["folders"]) == (["other.npz", "ä&<b>.npz"], ["set/"])


async def test_a_preview(studio: StudioInMemory, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    studio.service.put("a folder/mnist.npz", npz(x=np.zeros((3, 8, 8), "u1"), y=[1, 2, 2]))
    found = (await studio.get(PREVIEW + "a%20folder/mnist.npz")).json()
    assert (found["key"], found["format"]) == ("a folder/mnist.npz", "npz")
    assert [array["classes"] for array in found["arrays"]] == [None, {"1": 1, "2": 2}]
    assert [sample["label"] for sample in found["samples"]] == ["1", "2", "2"]
    assert studio.state.previews.count == 0
    for secret in (ACCESS_KEY, SECRET_KEY, "mnist.npz"):
        assert secret not in "\n".join(record.getMessage() for record in caplog.records if record.name == "access")
    assert SECRET_KEY not in caplog.text


async def test_a_page_that_leaves_frees_no_place(studio: StudioInMemory) -> None:
    studio.service.put("x.npz", npz(x=np.zeros(3)))
    gate, begun = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait(_: Asked, __: Handler) -> bool:
        loop.call_soon_threadsafe(begun.set)
        return not gate.wait(20)

    studio.service.faults.append(wait)
    reading = asyncio.create_task(studio.get(PREVIEW + "x.npz"))
    await begun.wait()
    reading.cancel()
    await asyncio.sleep(0.2)
    assert studio.state.previews.count == 1
    gate.set()
    async with asyncio.timeout(60):
        while studio.state.previews.count:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)


async def test_a_file_that_changes_during_a_preview(studio: StudioInMemory) -> None:
    studio.service.put("x.npz", npz(x=np.zeros(3)))
    studio.service.faults.append(refusing(412, "PreconditionFailed", methods=("GET",)))
    assert "PreconditionFailed" in problem(await studio.get(PREVIEW + "x.npz"), 403, "StorageRefused")
    studio.service.faults.clear()
    studio.service.faults.append(refusing(500, "InternalError", methods=("GET",)))
    problem(await studio.get(PREVIEW + "x.npz"), 502, "Unreachable")


async def test_a_preview_ends_in_time(studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    studio.service.put("x.npz", npz(x=np.zeros(3)))
    monkeypatch.setattr(source, "SECONDS", -1)
    found = (await studio.get(PREVIEW + "x.npz")).json()
    assert (found["format"], found["arrays"]) == ("unknown", [])
    assert "the storage has not sent the data" in found["problem"]["message"]


async def test_a_missing_object_and_bucket(studio: StudioInMemory) -> None:
    assert "Choose another file" in problem(await studio.get(PREVIEW + "none.npz"), 404, "NotFound")
    studio.service.faults.append(refusing(404, "NoSuchBucket", methods=("GET",)))
    problem(await studio.get(BUCKET), 404, "NotFound")


@pytest.mark.parametrize("path", [BUCKETS, BUCKET, PREVIEW + "a.npz"])
async def test_only_the_secret_of_the_user_is_used(studio: StudioInMemory, path: str) -> None:
    problem(await studio.get(path, user="bob"), 403, "Forbidden")
    studio.alice.denied.add(("get", "secrets"))
    assert "You may not read the Secret keys, so Studio cannot show" in problem(
        await studio.get(path), 403, "Forbidden"
    )
    assert studio.service.asked == []


@pytest.mark.parametrize("path", [BUCKETS, BUCKET, PREVIEW + "a.npz"])
async def test_only_allowed_endpoints(studio: StudioInMemory, path: str) -> None:
    for endpoint in ("http://169.254.169.254", "http://evil.example:9000", "http://127.0.0.1"):
        problem(await studio.get(f"{path}&endpoint={quote(endpoint)}"), 403, "EndpointNotAllowed")
    for endpoint in ("file:///etc/passwd", "http://user@127.0.0.1", "http://127.0.0.1/path"):
        problem(await studio.get(f"{path}&endpoint={quote(endpoint)}"), 422, "InvalidStorage")
    assert studio.service.asked == []
    allowed = await studio.get(f"{path}&endpoint={quote(studio.service.endpoint)}&region=eu-west-1")
    assert allowed.status in {200, 404}
    assert studio.service.asked


@pytest.mark.parametrize(
    "path",
    [
        "/api/buckets?namespace=vision",
        "/api/buckets?secret=keys",
        "/api/buckets?namespace=VISION&secret=keys",
        f"/api/buckets?namespace=vision&secret={'a' * 600}",
        "/api/buckets/UPPER?namespace=vision&secret=keys",
        "/api/buckets/a?namespace=vision&secret=keys",
        f"{BUCKET}&prefix=../other",
        f"{BUCKET}&prefix=a%00b",
        f"{BUCKET}&prefix={'a' * 1025}",
        f"{BUCKET}&after={'a' * 5000}",
        f"{BUCKET}&after=a%0ab",
        PREVIEW,
        f"{PREVIEW}/etc/passwd",
        f"{PREVIEW}a/../../b",
        f"{PREVIEW}a/./b",
        f"{PREVIEW}folder/",
        f"{PREVIEW}a%0d%0ab",
        f"{PREVIEW}a%C2%85b",
        f"{PREVIEW}{'ä' * 513}",
    ],
)
async def test_names_that_nothing_can_have(studio: StudioInMemory, path: str) -> None:
    assert (await studio.get(path)).status in {400, 422}, path
    assert studio.service.asked == []


async def test_secrets_that_no_object_can_have(studio: StudioInMemory) -> None:
    assert (await studio.get("/api/buckets?namespace=vision&secret=..%2Fx")).status == 422
    studio.put_secret("empty", password="x")
    problem(await studio.get("/api/buckets?namespace=vision&secret=empty"), 422, "InvalidStorage")
    problem(await studio.get("/api/buckets?namespace=vision&secret=none"), 404, "StorageNotFound")
