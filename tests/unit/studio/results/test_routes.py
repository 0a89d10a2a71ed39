"""Results by their routes: good files, hostile buckets, and storages that Studio must not reach."""

import asyncio
import json
import socket
import struct
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pytest
from aiohttp import ClientError
from epochal_studio import sending
from epochal_studio.long_answers import MAX_USER_ANSWERS
from epochal_studio.memory import MAX_USER_BYTES
from epochal_studio.problems import Refusal
from epochal_studio.results import history as history_module
from epochal_studio.results import log as log_module
from epochal_studio.results import pieces, routes
from epochal_studio.session.sealing import Sealed

from tests.kit.fake.guarded_server import User
from tests.kit.s3_server import Asked, Fault, Handler, Service, refusing
from tests.unit.studio.in_memory import ACCESS_KEY, SECRET_KEY, StudioInMemory
from tests.unit.studio.served import cookie_header, eventually

RUN = "/api/runs/TrainingJob/vision/mnist"
HISTORY = b"epoch,seconds,loss,val_loss\n1,2.5,0.5,nan\n2,2.4,0.25,0.3\n3,2.4,0.2"


def png(width: int = 2, height: int = 2) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + b"rest"


def problem(answer: Any, status: int, reason: str) -> str:
    assert answer.status == status, answer.text
    assert answer.json()["reason"] == reason
    assert SECRET_KEY not in answer.text
    assert ACCESS_KEY not in answer.text
    return str(answer.json()["message"])


async def test_the_history_of_the_bucket(studio: StudioInMemory) -> None:
    studio.put_job("mnist", {"history.csv": HISTORY}, state="Running")
    found = (await studio.get(f"{RUN}/history")).json()
    assert (found["source"], found["epochs"], found["isThinned"], found["problem"]) == ("bucket", 2, False, None)
    assert {curve["name"]: curve["values"] for curve in found["curves"]} == {
        "seconds": [2.5, 2.4],
        "loss": [0.5, 0.25],
        "val_loss": [0.3],
    }


async def test_a_history_above_the_limit_is_read_to_the_limit(
    studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"epoch,loss\n1,0.5\n2,0.25\n3,0.125\n"
    limit = content.index(b"125")  # within a number
    monkeypatch.setattr(history_module, "MAX_BYTES", limit)
    studio.put_job("mnist", {"history.csv": content + b"4,0.1\n" * 10**6})
    found = (await studio.get(f"{RUN}/history")).json()
    assert (found["curves"], found["epochs"]) == ([{"name": "loss", "epochs": [1, 2], "values": [0.5, 0.25]}], 2)
    assert found["problem"]["reason"] == "TooLarge"
    assert "history.csv has 5.7 MiB, but Studio reads at most 0 MiB" in found["problem"]["message"]
    assert len([asked for asked in studio.service.asked if asked.method == "GET"]) == 1


async def test_a_long_history_is_thinned_on_the_server(studio: StudioInMemory) -> None:
    rows = "".join(f"{epoch},{0 if epoch == 7777 else epoch}\n" for epoch in range(1, 20_001))
    studio.put_job("mnist", {"history.csv": f"epoch,loss\n{rows}".encode()})
    found = (await studio.get(f"{RUN}/history?points=50")).json()
    [curve] = found["curves"]
    assert found["isThinned"]
    assert len(curve["epochs"]) <= 50
    assert {7777, 20_000} <= set(curve["epochs"])


async def test_a_history_of_many_metrics(studio: StudioInMemory) -> None:
    names = ",".join(f"m{number}" for number in range(1000))
    content = f"epoch,{names}\n1{',1' * 1000}\n".encode()
    studio.put_job("mnist", {"history.csv": content})
    found = (await studio.get(f"{RUN}/history")).json()
    assert (len(found["curves"]), found["omittedMetrics"]) == (100, 900)


@pytest.mark.parametrize(
    "content", [b"", b"\0\xff" * 100, b'epoch,"loss\n1,2\n', b"loss\n1\n", b"epoch\n" + b"1," * 10**5]
)
async def test_a_damaged_history_is_an_answer(studio: StudioInMemory, content: bytes) -> None:
    studio.put_job("mnist", {"history.csv": content})
    assert (await studio.get(f"{RUN}/history")).status == 200


async def test_without_the_right_to_the_secret_the_status_alone_is_shown(studio: StudioInMemory) -> None:
    studio.put_job("mnist", {"history.csv": HISTORY}, metrics={"loss": "0.25"}, progress={"epoch": 2})
    studio.alice.denied.add(("get", "secrets"))
    found = (await studio.get(f"{RUN}/history")).json()
    assert (found["source"], found["problem"]["reason"]) == ("status", "Forbidden")
    assert found["curves"] == [{"name": "loss", "epochs": [2], "values": [0.25]}]
    assert "You may not read the Secret keys" in problem(await studio.get(f"{RUN}/files"), 403, "Forbidden")
    assert studio.service.asked == []


async def test_before_the_first_epoch_there_is_no_problem(studio: StudioInMemory) -> None:
    studio.put_job("mnist")
    found = (await studio.get(f"{RUN}/history")).json()
    assert (found["source"], found["problem"]) == ("none", None)


async def test_many_histories_of_a_slow_storage_leave_threads_to_other_users(
    studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, reads = threading.Event(), []

    def read_piece(*arguments: Any) -> bytes:
        reads.append(arguments)
        assert gate.wait(20)
        return HISTORY

    monkeypatch.setattr(history_module, "read_piece", read_piece)
    studio.put_job("mnist", {"history.csv": HISTORY})
    for name in ("bob", "carol"):
        studio.server.users[name] = User({"vision"}, name=name)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(studio.get(f"{RUN}/history", user=user)) for user in ("alice", "bob") * 12]
        await eventually(lambda: len(reads) == 3 and studio.state.histories.count == 24)
        problem(await studio.get(f"{RUN}/history"), 503, "Overloaded")
        assert (await studio.get(RUN, user="carol")).status == 200
        assert len(reads) == 3
        gate.set()
    assert {task.result().json()["epochs"] for task in tasks} == {2}
    assert studio.state.histories.count == 0


async def test_a_history_that_is_read_too_slowly_is_not_called_damaged(
    studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.put_job("mnist", {"history.csv": HISTORY})
    studio.put_job("hostile", {"history.csv": b"epoch,loss\n1,0.5\r2,0.3\n"})
    hostile = (await studio.get("/api/runs/TrainingJob/vision/hostile/history")).json()["problem"]
    assert "history.csv is damaged: the curves show" in hostile["message"]
    monkeypatch.setattr(history_module, "SECONDS", 0)
    found = (await studio.get(f"{RUN}/history")).json()["problem"]
    assert "history.csv could not be read within 0 s, because its storage or Studio is slow" in found["message"]


@pytest.mark.parametrize("points", ["0", "2", "-1", "x", "9" * 30])
async def test_points_that_are_no_number(studio: StudioInMemory, points: str) -> None:
    problem(await studio.get(f"{RUN}/history?points={points}"), 400, "Invalid")


async def test_studio_connects_only_to_the_endpoints_of_its_configuration(studio: StudioInMemory) -> None:
    other = Service()
    try:
        storage = {"secretRef": {"name": "keys"}, "endpoint": other.endpoint}
        studio.put_job("mnist", {"history.csv": HISTORY}, spec={"storage": storage})
        for path in ("files", "files/model.keras", "report/data", "pictures/a.png", "log"):
            found = await studio.get(f"{RUN}/{path}")
            problem(found, 403, "EndpointNotAllowed")
            assert "studio.storageEndpoints" in found.json()["remedy"]
        assert (await studio.get(f"{RUN}/history")).json()["problem"]["reason"] == "EndpointNotAllowed"
        assert other.asked == []
    finally:
        other.stop()


async def test_a_redirect_to_another_address_is_not_followed(studio: StudioInMemory) -> None:
    other = Service()

    def redirect(_: Asked, handler: Handler) -> bool:
        handler.send(307, Location=f"{other.endpoint}/bucket/x")
        return True

    try:
        studio.put_job("mnist", {"model.keras": b"weights"})
        studio.service.faults.append(redirect)
        assert (await studio.get(f"{RUN}/files")).status in {403, 502}
        assert (await studio.get(f"{RUN}/files/model.keras")).status in {403, 502}
        assert other.asked == []
    finally:
        other.stop()


async def test_the_keys_and_addresses_of_studios_environment_are_never_used(
    studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("EPOCHAL_STORAGE_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "studios-own")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "studios-own")
    seen: list[str] = []

    def note(_: Asked, handler: Handler) -> bool:
        seen.append(handler.headers["Authorization"])
        return False

    studio.service.faults.append(note)
    studio.put_job("mnist", {"model.keras": b"weights"})
    assert (await studio.get(f"{RUN}/files")).status == 200
    assert all(ACCESS_KEY in each for each in seen)
    studio.server.objects.delete("secrets", "vision", "keys")
    problem(await studio.get(f"{RUN}/files"), 404, "StorageNotFound")


async def test_the_files_of_a_run(studio: StudioInMemory) -> None:
    files = {"checkpoints/1/a": b"12", "model.keras": b"weights", "odd\u202ename": b""}
    studio.put_job("mnist", files)
    found = (await studio.get(f"{RUN}/files")).json()
    assert [(file["path"], file["size"]) for file in found["files"]] == [
        ("model.keras", 7),
        ("odd name", 0),
        ("checkpoints/1/a", 2),
    ]
    assert found["files"][0]["description"] == "model of the last epoch"
    assert found["isComplete"]


async def test_a_download_is_an_attachment_in_pieces(studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "PIECE", 3)
    content = b"<script>alert(1)</script>"
    studio.put_job("mnist", {'a/x"y.html': content, "empty": b""})
    found = await studio.get(f"{RUN}/files/a/x%22y.html")
    assert found.body == content
    assert found.headers["Content-Type"] == "application/octet-stream"
    assert found.headers["Content-Disposition"] == "attachment; filename=\"x_y.html\"; filename*=UTF-8''x%22y.html"
    assert found.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in found.headers["Content-Security-Policy"]
    assert (await studio.get(f"{RUN}/files/empty")).body == b""
    assert studio.state.long_answers.count == 0


async def test_downloads_that_are_refused(studio: StudioInMemory) -> None:
    studio.put_job("mnist", {"model.keras": b"weights"})
    problem(await studio.get(f"{RUN}/files/none"), 404, "NotFound")
    for path in ("a//b", "a%5Cb", "a%0Ab", "%2e%2e/x"):
        assert (await studio.get(f"{RUN}/files/{path}")).status in {400, 404}


async def test_a_file_that_is_replaced_during_its_download_breaks_off(
    studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "PIECE", 4)
    job = studio.put_job("mnist", {"model.keras": b"12345678"})

    def replace(asked: Asked, _: Handler) -> bool:
        if asked.method == "GET" and len(studio.service.asked) > 2:
            studio.put_files(job, {"model.keras": b"abcdefgh"})
        return False

    studio.service.faults.append(replace)
    with pytest.raises(Exception, match=r"payload|disconnect|closed|reset"):
        await studio.get(f"{RUN}/files/model.keras")


async def test_a_user_has_a_bounded_number_of_streams(studio: StudioInMemory) -> None:
    studio.put_job("mnist", {"model.keras": b"weights"})
    holds = [studio.state.long_answers.hold("alice") for _ in range(MAX_USER_ANSWERS)]
    for hold in holds:
        hold.__enter__()
    problem(await studio.get(f"{RUN}/files/model.keras"), 503, "Overloaded")


DATA = {
    "train": {
        "samples": 3,
        "features": {"source": "x.npz", "shape": [4], "dtype": "float32"},
        "labels": {"source": "x.npz", "shape": [], "dtype": "int64"},
        "repeated": {"checked": 3, "found": 0},
    },
    "<script>": "is left out",
}


async def test_a_report(studio: StudioInMemory) -> None:
    studio.put_job("mnist", {"data.json": json.dumps(DATA).encode()})
    found = await studio.get(f"{RUN}/report/data")
    assert found.json()["train"]["samples"] == 3
    assert "script" not in found.text
    problem(await studio.get(f"{RUN}/report/evaluation"), 404, "NotFound")
    problem(await studio.get(f"{RUN}/report/other"), 404, "NotFound")


@pytest.mark.parametrize("content", [b"", b"[", b"[" * 10**6, b"{}", b"\xff\xfe", b'{"version": 2}'])
async def test_a_damaged_report(studio: StudioInMemory, content: bytes) -> None:
    studio.put_job("mnist", {"evaluation.json": content})
    problem(await studio.get(f"{RUN}/report/evaluation"), 422, "Damaged")


async def test_a_report_with_thousands_of_faults(studio: StudioInMemory) -> None:
    studio.put_job("mnist", {"data.json": b'{"shared": [' + b"1," * 60_000 + b"1]}"})
    message = problem(await studio.get(f"{RUN}/report/data"), 422, "Damaged")
    assert "60,002 fields are invalid" in message


async def test_a_report_with_too_many_values_is_not_parsed(studio: StudioInMemory) -> None:
    studio.put_job("mnist", {"data.json": b'{"shared": [' + b"1," * 64_000 + b"1]}"})
    problem(await studio.get(f"{RUN}/report/data"), 422, "TooLarge")


async def test_a_report_above_the_limit_is_not_read(studio: StudioInMemory) -> None:
    studio.put_job("mnist", {"data.json": b" " * (4 * 2**20 + 1)})
    problem(await studio.get(f"{RUN}/report/data"), 422, "TooLarge")
    assert [asked.method for asked in studio.service.asked] == ["HEAD"]


async def test_a_picture(studio: StudioInMemory) -> None:
    studio.put_job("mnist", {"confusion.png": png()})
    found = await studio.get(f"{RUN}/pictures/confusion.png")
    assert (found.status, found.body) == (200, png())
    assert found.headers["Content-Type"] == "image/png"
    assert found.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in found.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "content", [b"", b"<svg onload=alert(1)>", png()[:20], png(10**5, 1), png(0, 1), png(8000, 8000), b"GIF89a"]
)
async def test_a_file_that_is_no_picture(studio: StudioInMemory, content: bytes) -> None:
    studio.put_job("mnist", {"a/b.png": content})
    problem(await studio.get(f"{RUN}/pictures/a/b.png"), 422, "Damaged")


LARGE = {
    "training.log": b"a line of a log\n" * 5000,
    "data.json": json.dumps(DATA).encode() + b" " * 80_000,
    "confusion.png": png() + bytes(100_000),
}


@pytest.mark.parametrize("path", ["log", "report/data", "pictures/confusion.png"])
async def test_large_results_share_the_memory_of_all_calls(studio: StudioInMemory, path: str) -> None:
    studio.put_job("mnist", LARGE, state="Complete")
    memory, left = studio.state.threads.memory, 160_000  # enough for the object, and for the file itself
    with memory.hold("eve", MAX_USER_BYTES), memory.hold("bob", MAX_USER_BYTES - left):
        problem(await studio.get(f"{RUN}/{path}"), 503, "Overloaded")
    with memory.hold("alice", MAX_USER_BYTES - left):
        problem(await studio.get(f"{RUN}/{path}"), 503, "Overloaded")
        assert memory.count == MAX_USER_BYTES - left
    assert (await studio.get(f"{RUN}/{path}")).status == 200
    assert memory.count == 0


async def test_a_large_log_of_a_pod_shares_the_memory_of_all_calls(studio: StudioInMemory) -> None:
    job = studio.put_job("mnist", state="Running")
    studio.put_pod(job, "mnist-0", [f"2026-11-30T10:00:00.5Z {'line' * 1000}"] * 100)
    memory = studio.state.threads.memory
    with memory.hold("alice", MAX_USER_BYTES - 1_000_000):
        problem(await studio.get(f"{RUN}/log"), 503, "Overloaded")
    assert (await studio.get(f"{RUN}/log")).status == 200
    assert memory.count == 0


async def test_the_large_logs_of_many_pods_fit_into_the_memory_of_a_user(studio: StudioInMemory) -> None:
    job = studio.put_job("mnist", state="Running")
    for number in range(6):
        lines = [f"2026-11-30T10:00:0{number}.5Z {number} {'line' * 4000}"] * 300
        studio.put_pod(job, f"mnist-{number}", lines)
    found = await studio.get(f"{RUN}/log?tail=10000")
    assert found.status == 200, found.text
    assert found.text.startswith("5 ")
    assert studio.state.threads.memory.count == 0


async def test_a_large_table_of_trials_shares_the_memory_of_all_calls(studio: StudioInMemory) -> None:
    studio.put_experiment("search", {"trials.csv": TRIALS + b"2,Complete,0.1,0.5\n" * 5000}, state="Complete")
    path, memory = "/api/runs/Experiment/vision/search/trials", studio.state.threads.memory
    with memory.hold("alice", MAX_USER_BYTES - 160_000):
        problem(await studio.get(path), 503, "Overloaded")  # not the trials of the status: the next try has all
    assert len((await studio.get(path)).json()["rows"]) == 5002
    assert memory.count == 0


TRIALS = b"number,state,lr,value\n0,Complete,0.1,0.5\n1,Failed\n"


async def test_trials_of_the_status_and_later_of_the_bucket(studio: StudioInMemory) -> None:
    best = {"trial": 0, "jobName": "search-0-0", "value": "0.5", "epoch": 2, "parameters": {"lr": "0.1"}}
    studio.put_experiment("search", {"trials.csv": TRIALS}, state="Running", top=[best], trials={"created": 2})
    path = "/api/runs/Experiment/vision/search/trials"
    found = (await studio.get(path)).json()
    assert (found["columns"][:3], found["rows"][0][:3]) == (["number", "lr", "value"], ["0", "0.1", "0.5"])
    assert not found["isComplete"]
    studio.set_status("experiments", "search", {"state": "Complete"})
    found = (await studio.get(path)).json()
    assert found["rows"] == [["0", "Complete", "0.1", "0.5"], ["1", "Failed", "", ""]]
    assert found["isComplete"]
    studio.alice.denied.add(("get", "secrets"))
    assert (await studio.get(path)).json()["columns"][0] == "number"
    problem(await studio.get(path, user="bob"), 403, "Forbidden")


def endless(_: Asked, handler: Handler) -> bool:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/xml")
    handler.end_headers()
    try:
        for _part in range(3000):
            handler.wfile.write(b"<a>" * 10_000)
    except OSError:
        pass
    handler.close_connection = True
    return True


def forever(_: Asked, handler: Handler) -> bool:
    more = "<IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>"
    handler.send(
        200, f"<ListBucketResult><Name>b</Name>{more}</ListBucketResult>".encode(), Content_Type="application/xml"
    )
    return True


def nonsense(_: Asked, handler: Handler) -> bool:
    handler.send(200, b"\xff\xfe<html>", Content_Type="text/html")
    return True


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (endless, 502),
        (forever, 502),
        (nonsense, 422),
        (refusing(403, "InvalidAccessKeyId", methods=("GET",), message=f"{ACCESS_KEY} {SECRET_KEY}"), 403),
        (refusing(503, "SlowDown", methods=("GET",)), 502),
    ],
)
async def test_a_hostile_service_is_bounded(studio: StudioInMemory, fault: Fault, status: int) -> None:
    studio.put_job("mnist", {"model.keras": b"weights"})
    studio.service.faults.append(fault)
    begin = time.monotonic()
    found = await studio.get(f"{RUN}/files")
    assert found.status == status, found.text
    assert SECRET_KEY not in found.text
    assert ACCESS_KEY not in found.text
    assert time.monotonic() - begin < 30


async def test_a_secret_with_a_key_that_no_header_can_have(studio: StudioInMemory) -> None:
    studio.put_secret("odd", accessKey="a\r\nX-Injected: b", secretKey="hidden-value")
    studio.put_job("mnist", {"a": b""}, spec={"storage": {"secretRef": {"name": "odd"}}})
    found = await studio.get(f"{RUN}/files")
    problem(found, 422, "InvalidStorage")
    assert "Injected" not in found.text
    assert "hidden-value" not in found.text


LINES = [f"2026-11-30T10:00:0{number}.5Z line {number}" for number in range(5)]


async def test_the_log_of_a_pod(studio: StudioInMemory) -> None:
    job = studio.put_job("mnist", {"training.log": b"stored\n"}, state="Running")
    studio.put_pod(job, "mnist-0", LINES)
    found = await studio.get(f"{RUN}/log?tail=2")
    assert (found.text, found.headers["Content-Type"]) == ("line 3\nline 4\n", "text/plain; charset=utf-8")
    studio.alice.denied.add(("get", "pods/log"))
    problem(await studio.get(f"{RUN}/log"), 403, "Forbidden")


async def test_the_log_of_the_bucket(studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "MAX_BYTES", 20)
    studio.put_job("mnist", {"training.log": b"first line\n" * 50 + b"a\x1b[31mb\nlast\n"})
    found = await studio.get(f"{RUN}/log?tail=100")
    assert found.text == "a [31mb\nlast\n"
    sizes = [asked for asked in studio.service.asked if asked.method == "GET"]
    assert len(sizes) == 1


async def test_a_log_that_does_not_exist_yet(studio: StudioInMemory) -> None:
    studio.put_job("mnist", state="Queued")
    assert "Queued" in problem(await studio.get(f"{RUN}/log"), 404, "NoLog")
    problem(await studio.get("/api/runs/Experiment/vision/mnist/log"), 404, "NotFound")
    problem(await studio.get(f"{RUN}/log?tail=x"), 400, "Invalid")


async def test_a_log_is_followed_to_its_end(studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "POLL_SECONDS", 0.01)
    job = studio.put_job("mnist", state="Running")
    studio.put_pod(job, "mnist-0", LINES[:2])
    async with await studio.open("GET", f"{RUN}/log?follow=1") as response:
        assert await response.content.readline() == b"line 0\n"
        assert await response.content.readline() == b"line 1\n"
        studio.server.logs["vision", "mnist-0"] += LINES[2:]
        assert await response.content.readline() == b"line 2\n"
        ended = {"containerStatuses": [{"name": "trainer", "state": {"terminated": {"exitCode": 0}}}]}
        studio.server.objects.patch("pods", "vision", "mnist-0", {"status": ended}, subresource="status")
        condition = {"type": "Complete", "status": "True", "reason": "Completed"}
        studio.set_status("trainingjobs", "mnist", {"state": "Complete", "conditions": [condition]})
        assert await response.content.read() == b"line 3\nline 4\n"


async def test_a_refused_step_of_a_log_loses_no_line(studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "POLL_SECONDS", 0.01)
    job = studio.put_job("mnist", state="Running")
    studio.put_pod(job, "mnist-0", LINES[:2])
    memory, refused, loop = studio.state.threads.memory, asyncio.Event(), asyncio.get_running_loop()
    reserve = memory.reserve

    def reserve_or_tell(size: int) -> None:
        try:
            reserve(size)
        except Refusal:
            loop.call_soon_threadsafe(refused.set)
            raise

    monkeypatch.setattr(memory, "reserve", reserve_or_tell)
    async with await studio.open("GET", f"{RUN}/log?follow=1") as response:
        assert await response.content.readline() == b"line 0\n"
        assert await response.content.readline() == b"line 1\n"
        with memory.hold("alice", MAX_USER_BYTES - 160_000):  # enough for objects, and for a short line
            studio.server.logs["vision", "mnist-0"] += [LINES[2], f"2026-11-30T10:00:03.5Z {'line' * 4000}"]
            await asyncio.wait_for(refused.wait(), 60)
        assert await response.content.readline() == b"line 2\n"
        assert await response.content.readline() == f"{'line' * 4000}\n".encode()


async def test_a_browser_that_leaves_ends_the_stream(studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "POLL_SECONDS", 0.01)
    job = studio.put_job("mnist", state="Running")
    studio.put_pod(job, "mnist-0", LINES)
    response = await studio.open("GET", f"{RUN}/log?follow=1")
    assert await response.content.readline() == b"line 0\n"
    assert studio.state.long_answers.count == 1
    response.close()
    await eventually(lambda: studio.state.long_answers.count == 0 and studio.state.threads.calls == 0)


@pytest.mark.parametrize("path", ["files/model.keras", "log?follow=1"])
async def test_a_browser_that_never_reads_is_closed(
    studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(sending, "WRITE_SECONDS", 0.1)
    job = studio.put_job("mnist", {"model.keras": b"w" * 16 * 2**20}, state="Running")
    studio.put_pod(job, "mnist-0", [f"2026-11-30T10:00:00.5Z {'line' * 1000}"] * 2500)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**12)
    connection.connect(("127.0.0.1", studio.client.port))
    reader, writer = await asyncio.open_connection(sock=connection, limit=2**12)
    try:
        head = (
            f"GET {RUN}/{path} HTTP/1.1\r\nHost: 127.0.0.1:{studio.client.port}\r\nAuthorization: Bearer alice\r\n\r\n"
        )
        writer.write(head.encode())
        assert b"200" in await reader.readline()
        await eventually(lambda: studio.state.long_answers.count == 0)
    finally:
        writer.close()


class Tomorrow(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return datetime.now(tz) + timedelta(days=1)


async def test_a_download_ends_with_the_session(studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    studio.put_job("mnist", {"model.keras": b"w" * 16 * 2**20})
    session = Sealed("alice", datetime.now(UTC) + timedelta(hours=1), "alice")
    headers = cookie_header(studio.state.sealer.seal(session))
    async with studio.client.request("GET", f"{RUN}/files/model.keras", headers=headers) as response:
        assert response.status == 200
        monkeypatch.setattr(sending, "datetime", Tomorrow)
        with pytest.raises(ClientError):
            await response.read()
    await eventually(lambda: studio.state.long_answers.count == 0)


def test_a_piece_ends_with_a_service_that_sends_byte_by_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "SECONDS", -1)

    class Trickle:
        def read1(self, *_: Any, **__: Any) -> bytes:
            return b"x"

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    class Bucket:
        def open(self, *_: Any, **__: Any) -> Trickle:
            return Trickle()

    with pytest.raises(Exception, match="has not sent"):
        pieces.read_piece(Bucket(), "k", 0, 10**9)  # type: ignore[arg-type]
