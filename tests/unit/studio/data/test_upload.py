"""Uploads: streams in bounded memory that leave nothing behind if they end early."""

import asyncio
import threading
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import ClientError
from epochal_studio import streamed_body
from epochal_studio.data import upload
from epochal_studio.data import uploads as uploads_module
from epochal_studio.data.uploads import Uploads
from epochal_studio.session.sealing import Sealed

from tests.kit.s3_server import Asked, Handler, refusing, slow
from tests.unit.studio.in_memory import Answer, StudioInMemory
from tests.unit.studio.served import cookie_header, eventually

PART = 8 * 2**20


def path(key: str = "set/mnist.npz", more: str = "", bucket: str = "bucket") -> str:
    return f"/api/buckets/{bucket}/object?namespace=vision&secret=keys&key={quote(key)}{more}"


async def send(studio: StudioInMemory, where: str, body: Any, *, user: str = "alice", **headers: str) -> Answer:
    return await studio.send("PUT", where, body, user=user, **headers)


async def pieces(size: int, pause: float = 0) -> AsyncIterator[bytes]:
    for start in range(0, size, 2**16):
        yield bytes([start // 2**16 % 251]) * min(2**16, size - start)
        if pause:
            await asyncio.sleep(pause)


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 3 * PART, 3 * PART + 5])
async def test_an_upload(studio: StudioInMemory, size: int) -> None:
    content = bytes(range(251)) * (size // 251 + 1)
    found = await send(studio, path(), content[:size])
    assert found.status == 201, found.text
    assert (found.json()["key"], found.json()["size"]) == ("set/mnist.npz", size)
    assert studio.service.objects["set/mnist.npz"] == content[:size]
    parts = [asked for asked in studio.service.asked if "partNumber" in asked.query]
    assert len(parts) == (0 if size <= PART else -(-size // PART))
    assert studio.service.uploads == {}
    assert studio.state.uploads.count == 0


async def test_an_upload_needs_the_memory_of_a_part(studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "PART", 2**20)
    size = 24 * 2**20

    def drop(asked: Asked, handler: Handler) -> bool:  # the service in memory would keep the content
        if "partNumber" not in asked.query:
            return False
        while handler._left > 0:
            handler._left -= len(handler.rfile.read(min(2**16, handler._left)))
        studio.service.uploads[asked.query["uploadId"]][int(asked.query["partNumber"])] = b""
        handler.send(200, ETag='"0"')
        return True

    studio.service.faults.append(drop)
    tracemalloc.start()
    try:
        found = await send(studio, path(), pieces(size), **{"Content-Length": str(size)})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.status == 201, found.text
    assert len([asked for asked in studio.service.asked if "partNumber" in asked.query]) == 24
    assert peak < 8 * 2**20


async def test_an_existing_object_is_refused_before_the_body_is_read(studio: StudioInMemory) -> None:
    studio.service.put("set/mnist.npz", b"old")
    found = await send(studio, path(), b"new")
    assert (found.status, found.json()["reason"]) == (409, "AlreadyExists")
    assert {asked.method for asked in studio.service.asked} == {"HEAD"}
    assert (await send(studio, path(more="&replace=1"), b"new")).status == 201
    assert studio.service.objects["set/mnist.npz"] == b"new"


@pytest.mark.parametrize("size", [3, PART + 3])
async def test_an_object_of_another_user_that_comes_first_stays(studio: StudioInMemory, size: int) -> None:
    def other(asked: Asked, _: Handler) -> bool:
        if asked.method in {"PUT", "POST"} and not {"partNumber", "uploads"} & set(asked.query):
            studio.service.put("set/mnist.npz", b"of another user")
        return False

    studio.service.faults.append(other)
    found = await send(studio, path(), b"n" * size)
    assert (found.status, found.json()["reason"]) == (409, "AlreadyExists")
    assert studio.service.objects["set/mnist.npz"] == b"of another user"
    assert studio.service.uploads == {}


@pytest.mark.parametrize("size", [3, PART + 3])
async def test_a_service_without_conditions(studio: StudioInMemory, size: int) -> None:
    def old(asked: Asked, handler: Handler) -> bool:
        if handler.headers.get("If-None-Match") is None:
            return False
        handler.refuse(501, "NotImplemented", "A header you provided implies functionality that is not implemented")
        return True

    studio.service.faults.append(old)
    assert (await send(studio, path(), b"n" * size)).status == 201
    assert len(studio.service.objects["set/mnist.npz"]) == size


@pytest.mark.parametrize("size", [3, 3 * PART])
async def test_a_storage_that_refuses_ends_the_upload(studio: StudioInMemory, size: int) -> None:
    studio.service.faults.append(
        lambda asked, handler: (
            (asked.method == "PUT" and asked.query.get("partNumber") != "1")
            and refusing(403, "AccessDenied", message="keys access-key-of-vision")(asked, handler)
        )
    )
    found = await send(studio, path(), b"n" * size)
    assert (found.status, found.json()["reason"]) == (403, "StorageRefused")
    assert "access-key-of-vision" not in found.text
    assert studio.service.uploads == {}
    assert studio.service.objects == {}
    assert studio.state.uploads.count == 0


async def test_an_error_after_the_status_is_no_success(studio: StudioInMemory) -> None:
    def late(asked: Asked, handler: Handler) -> bool:
        if asked.method != "POST" or "uploads" in asked.query:
            return False
        handler.body()
        handler.send(
            200, b"<Error><Code>InternalError</Code><Message>m</Message></Error>", Content_Type="application/xml"
        )
        return True

    studio.service.faults.append(late)
    assert (await send(studio, path(), b"n" * (PART + 1))).status >= 400
    assert studio.service.uploads == {}


async def test_a_browser_that_leaves_leaves_no_parts(studio: StudioInMemory) -> None:
    size = 4 * PART
    sending = asyncio.create_task(send(studio, path(), pieces(size, pause=0.005), **{"Content-Length": str(size)}))
    await eventually(lambda: any(studio.service.uploads.values()))
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await eventually(lambda: studio.state.uploads.count == 0 and not studio.service.uploads)
    assert studio.service.objects == {}


async def test_the_end_of_studio_waits_for_the_deletion_of_parts() -> None:
    uploads, ended = Uploads(), threading.Event()

    def delete() -> None:
        threading.Event().wait(0.3)
        ended.set()

    cleaning = asyncio.create_task(uploads.clean_up(delete))
    await asyncio.sleep(0.05)
    cleaning.cancel()
    await uploads.close()
    assert ended.is_set()


async def test_the_end_of_studio_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads_module, "CLOSE_SECONDS", 0.1)
    uploads, gate = Uploads(), threading.Event()

    def hang() -> None:
        gate.wait(20)

    cleaning = asyncio.create_task(uploads.clean_up(hang))
    await asyncio.sleep(0.05)
    cleaning.cancel()
    async with asyncio.timeout(2):
        await uploads.close()
    gate.set()


async def test_a_browser_that_stops_sending(studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed_body, "IDLE_SECONDS", 0.1)
    monkeypatch.setattr(upload, "PART", 2**20)

    async def stopping() -> AsyncIterator[bytes]:
        yield bytes(2 * 2**20)
        await asyncio.sleep(60)

    found = await send(studio, path(), stopping(), **{"Content-Length": str(2**22)})
    assert (found.status, found.json()["reason"]) == (408, "Timeout")
    assert studio.service.uploads == {}


async def test_a_browser_that_sends_byte_by_byte(studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed_body, "GRACE_SECONDS", 0.2)

    async def drip() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b"x"
            await asyncio.sleep(0.02)

    found = await send(studio, path(), drip(), **{"Content-Length": "1000"})
    assert (found.status, found.json()["reason"]) == (408, "Timeout")


async def test_at_most_two_uploads_of_a_user(studio: StudioInMemory) -> None:
    studio.service.faults.append(slow(0.5))
    answers = await asyncio.gather(*(send(studio, path(f"{number}.npz"), b"x") for number in range(4)))
    assert sorted(answer.status for answer in answers) == [201, 201, 503, 503]
    assert studio.state.uploads.count == 0


async def test_an_upload_ends_with_the_session(studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "PART", 2**20)
    session = Sealed("alice", datetime.now(UTC) + timedelta(seconds=1.5), "alice")
    headers = {**cookie_header(studio.state.sealer.seal(session)), "Content-Length": str(2**23)}
    try:
        found = await send(studio, path(), pieces(2**23, pause=0.03), user="", **headers)
        assert (found.status, found.json()["reason"]) == (401, "Expired")
    except ClientError:  # the answer came while the body was sent
        pass
    await eventually(lambda: studio.state.uploads.count == 0)
    assert studio.service.uploads == {}
    assert studio.service.objects == {}


@pytest.mark.parametrize("key", ["", "/a", "a/", "a/../b", "a\nb", "ä" * 513])
async def test_keys_that_nothing_can_have(studio: StudioInMemory, key: str) -> None:
    found = await send(studio, path(key), b"x")
    assert (found.status, found.json()["reason"]) == (400, "Invalid")
    assert studio.service.asked == []


async def test_only_the_secret_of_the_user_is_used(studio: StudioInMemory) -> None:
    assert (await send(studio, path(), b"x", user="bob")).status == 403
    assert (await send(studio, path(more="&endpoint=http://evil.example"), b"x")).json()[
        "reason"
    ] == "EndpointNotAllowed"
    assert (await send(studio, path(bucket="UPPER"), b"x")).status == 400
    assert studio.service.asked == []
