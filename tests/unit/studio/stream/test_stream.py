"""The stream of runs: shared watches, lost connections, expired versions, and slow browsers."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from math import inf
from types import SimpleNamespace
from typing import Any

import pytest
from epochal_studio.stream import hub, subscription, watcher
from epochal_studio.stream.api_server import ApiServer
from epochal_studio.stream.connection import Phase, WatchStatus
from epochal_studio.stream.frames import RowKey

from tests.kit.fake.faults import Fault
from tests.unit.studio.served import OTHER_TOKEN, TOKEN, Studio, ada, eventually
from tests.unit.studio.stream.events import Browser

KINDS = ["TrainingJob", "Experiment", "ModelServer"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon."""
    monkeypatch.setattr(watcher, "MAX_DELAY", 0.05)
    monkeypatch.setattr(watcher, "FIRST_DELAY", 0.05)
    monkeypatch.setattr(watcher, "DENIED_SECONDS", 0.1)


@asynccontextmanager
async def browser(
    studio: Studio, namespace: str = "vision", token: str = TOKEN, **cookie: Any
) -> AsyncIterator[Browser]:
    headers = studio.cookie(token, **cookie)
    async with studio.request("GET", f"/api/stream?namespace={namespace}", headers) as answer:
        assert answer.status == 200
        yield Browser(answer)


def put(studio: Studio, name: str, namespace: str = "vision", **status: Any) -> None:
    document = {"metadata": {"name": name}, "spec": {"training": {"epochs": 10}}}
    studio.cluster.objects.create("trainingjobs", namespace, document)
    if status:
        set_status(studio, name, namespace, **status)


def set_status(studio: Studio, name: str, namespace: str = "vision", **status: Any) -> None:
    studio.cluster.objects.patch("trainingjobs", namespace, name, {"status": status}, subresource="status")


def watches(studio: Studio) -> int:
    return len(studio.cluster.watches)


async def test_the_runs_and_then_their_changes(studio: Studio) -> None:
    put(studio, "mnist", state="Running", progress={"epoch": 1, "epochs": 10})
    async with browser(studio) as page:
        await page.until(lambda page: page.complete == 1)
        assert page.connection == {"isConnected": True, "kinds": KINDS, "problem": None}
        assert (page.runs["mnist"]["state"], page.runs["mnist"]["epoch"]) == ("Running", 1)
        set_status(studio, "mnist", state="Complete")
        put(studio, "second")
        await page.until(lambda page: page.runs["mnist"]["state"] == "Complete" and "second" in page.runs)
        studio.cluster.objects.delete("trainingjobs", "vision", "mnist")
        await page.until(lambda page: set(page.runs) == {"second"})
        assert page.complete == 1


async def test_many_browsers_share_a_watch(studio: Studio) -> None:
    put(studio, "mnist")
    async with browser(studio) as first, browser(studio) as second:
        for page in (first, second):
            await page.until(lambda page: "mnist" in page.runs)
        await eventually(lambda: watches(studio) == len(KINDS))
        asked = [request for request in studio.cluster.asked if request.resource == "trainingjobs"]
        assert [request.verb for request in asked] == ["list", "watch"]
        async with browser(studio, "*") as other:
            await other.until(lambda page: "mnist" in page.runs)
            await eventually(lambda: watches(studio) == 2 * len(KINDS))
    await eventually(lambda: watches(studio) == 0)
    assert (studio.hub.watches, studio.hub.rows) == (0, 0)


async def test_no_user_sees_the_objects_of_another(studio: Studio) -> None:
    put(studio, "of-ada")
    put(studio, "of-bob", "audio")
    async with browser(studio, "*") as ada, browser(studio, "*", OTHER_TOKEN) as bob:
        await ada.until(lambda page: set(page.runs) == {"of-ada", "of-bob"})
        await bob.until(lambda page: page.complete == 1)
        assert bob.runs == {}
        assert (bob.connection["kinds"], bob.connection["problem"]["reason"]) == ([], "Forbidden")
    async with browser(studio, "vision", OTHER_TOKEN) as bob:
        await bob.until(lambda page: page.complete == 1)
        assert bob.runs == {}
    async with browser(studio, "audio", OTHER_TOKEN) as bob:
        await bob.until(lambda page: set(page.runs) == {"of-bob"})


async def test_a_kind_without_a_right_is_left_out_until_there_is_one(studio: Studio) -> None:
    studio.cluster.users[TOKEN] = ada("ada", "experiments")
    put(studio, "mnist")
    async with browser(studio) as page:
        await page.until(lambda page: page.complete == 1)
        assert page.connection["isConnected"]
        assert page.connection["kinds"] == ["TrainingJob", "ModelServer"]
        assert "may not list experiments" in page.connection["problem"]["message"]
        assert set(page.runs) == {"mnist"}
        studio.cluster.users[TOKEN] = ada()
        await page.until(lambda page: page.connection["kinds"] == KINDS)
        assert page.connection["problem"] is None


async def test_a_right_that_is_taken_away_removes_the_runs(studio: Studio) -> None:
    put(studio, "mnist")
    async with browser(studio) as page:
        await page.until(lambda page: set(page.runs) == {"mnist"})
        await eventually(lambda: watches(studio) == len(KINDS))
        studio.cluster.users[TOKEN] = ada("ada", "trainingjobs")
        studio.cluster.watches.cut()
        await page.until(lambda page: page.runs == {})
        assert page.connection["kinds"] == ["Experiment", "ModelServer"]


async def test_an_expired_version_is_listed_again(studio: Studio) -> None:
    for name in ("same", "changes", "goes"):
        put(studio, name, state="Running")

    def meanwhile() -> None:
        studio.cluster.objects.delete("trainingjobs", "vision", "goes")
        set_status(studio, "changes", state="Failed")
        put(studio, "comes")

    async with browser(studio) as page:
        await page.until(lambda page: len(page.runs) == 3)
        await eventually(lambda: watches(studio) == len(KINDS))
        studio.cluster.faults.append(Fault("watch", "trainingjobs", status=410, meanwhile=meanwhile, times=1))
        studio.cluster.watches.cut()
        await page.until(lambda page: set(page.runs) == {"same", "changes", "comes"})
        await page.until(lambda page: page.runs["changes"]["state"] == "Failed")
        assert (page.complete, page.connection["isConnected"]) == (1, True)


async def test_a_lost_connection_is_shown_and_restored(studio: Studio) -> None:
    put(studio, "mnist")
    async with browser(studio) as page:
        await page.until(lambda page: set(page.runs) == {"mnist"})
        await eventually(lambda: watches(studio) == len(KINDS))
        fault = Fault("watch", status=503)
        studio.cluster.faults.append(fault)
        studio.cluster.watches.cut()
        await page.until(lambda page: not page.connection["isConnected"])
        assert page.connection["problem"]["reason"] == "Unreachable"
        assert set(page.runs) == {"mnist"}
        put(studio, "meanwhile")
        studio.cluster.faults.remove(fault)
        await page.until(lambda page: page.connection["isConnected"] and "meanwhile" in page.runs)
        assert page.connection["problem"] is None


async def test_no_kind_waits_for_the_list_of_another(studio: Studio) -> None:
    studio.cluster.faults.append(Fault("list", "trainingjobs", delay=inf))
    async with browser(studio):
        await eventually(lambda: watches(studio) == len(KINDS) - 1)


async def test_a_list_comes_in_few_pages(studio: Studio) -> None:
    for number in range(210):
        put(studio, f"run-{number:03}")
    async with browser(studio) as page:
        await page.until(lambda page: page.complete == 1)
        assert len(page.runs) == 210
    asked = [request for request in studio.cluster.asked if request.resource == "trainingjobs"]
    assert [request.verb for request in asked].count("list") == 3


async def test_a_list_that_breaks_off_is_read_again(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "PAGE", 2)
    for number in range(5):
        put(studio, f"run-{number}")
    studio.cluster.faults.append(Fault("list", "trainingjobs", cut=True, times=1))
    async with browser(studio) as page:
        await page.until(lambda page: page.complete == 1)
        assert len(page.runs) == 5


async def test_a_token_that_the_api_server_no_longer_accepts_ends_the_stream(studio: Studio) -> None:
    async with browser(studio) as page:
        await page.until(lambda page: page.complete == 1)
        await eventually(lambda: watches(studio) == len(KINDS))
        del studio.cluster.users[TOKEN]
        studio.cluster.watches.cut()
        await page.until(lambda page: (page.connection["problem"] or {}).get("reason") == "Expired")
        with pytest.raises(EOFError):
            await page.event()
    await eventually(lambda: studio.hub.watches == 0)


async def test_the_stream_ends_with_the_session(studio: Studio) -> None:
    async with browser(studio, seconds=0.5) as page:
        await page.until(lambda page: (page.connection["problem"] or {}).get("reason") == "Expired")
        with pytest.raises(EOFError):
            await page.event()
    await eventually(lambda: watches(studio) == 0)


async def test_changes_come_in_few_frames(studio: Studio) -> None:
    put(studio, "mnist")
    async with browser(studio) as page:
        await page.until(lambda page: page.complete == 1)
        before = page.frames
        loop = asyncio.get_running_loop()
        began = loop.time()
        for epoch in range(50):
            set_status(studio, "mnist", progress={"epoch": epoch, "epochs": 50})
            await asyncio.sleep(0.01)
        await page.until(lambda page: page.runs["mnist"]["epoch"] == 49)
        assert page.frames - before <= (loop.time() - began) / subscription.FRAME_SECONDS + 1


async def test_the_first_list_waits_for_no_frame(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription, "FRAME_SECONDS", 3600)
    put(studio, "mnist")
    async with browser(studio) as page:
        await page.until(lambda page: page.complete == 1)
        assert set(page.runs) == {"mnist"}


async def test_a_row_waits_once_for_a_slow_browser() -> None:
    found = subscription.Subscription([], None)
    frames = found.frames()
    first = [b"".join(await anext(frames)).partition(b"\n")[0] for _ in range(3)]
    assert first == [b"retry: 2000", b"event: connection", b"event: runs"]
    for number in range(1000):
        found.changed(RowKey("TrainingJob", "vision", "mnist"), b"%d" % number)
    assert found.waiting == 1
    assert b'"changed":[999]' in b"".join(await anext(frames))
    assert found.waiting == 0
    await frames.aclose()  # type: ignore[attr-defined]


async def test_a_long_list_comes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription, "FRAME_ROWS", 2)
    keys = [RowKey("TrainingJob", "vision", f"run-{number}") for number in range(5)]
    rows = {key: watcher.Row("uid", b'"%s"' % key.name.encode()) for key in keys}
    source = SimpleNamespace(rows=rows, status=WatchStatus("TrainingJob", Phase.LIVE, is_listed=True))
    found = subscription.Subscription([source], None)  # type: ignore[list-item]
    frames = found.frames()
    parts = [await frame_of(frames) for _ in range(3)][2:]
    found.changed(keys[4], None)  # it goes while a slow browser reads
    del rows[keys[4]]
    parts += [await frame_of(frames) for _ in range(3)]
    assert [(part["isFirst"], part["isComplete"]) for part in parts] == [
        (True, False),
        (False, False),
        (False, True),
        (False, False),
    ]
    assert [part["changed"] for part in parts] == [["run-0", "run-1"], ["run-2", "run-3"], [], []]
    assert [part["removed"] for part in parts][-1] == [keys[4]._asdict()]
    await frames.aclose()  # type: ignore[attr-defined]


async def frame_of(frames: AsyncIterator[Iterator[bytes]]) -> Any:
    data = b"".join(await anext(frames)).partition(b"data: ")[2]
    return json.loads(data) if data else None


async def test_a_browser_that_reads_nothing_is_cut_off(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epochal_studio.sending.WRITE_SECONDS", 0.2)
    put(studio, "mnist")
    row = b"{" + b" " * 1000 + b"}"
    async with browser(studio), asyncio.timeout(60):
        await eventually(lambda: studio.hub.watches)
        while studio.hub.watches:  # the buffers of both sockets take some megabytes
            for listener in [*studio.hub.subscriptions]:
                for number in range(5000):
                    listener.changed(RowKey("TrainingJob", "vision", f"run-{number}"), row)
            await asyncio.sleep(0.01)
    assert studio.hub.rows == 0


async def test_too_many_objects_are_cut(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "MAX_OBJECTS", 3)
    for number in range(5):
        put(studio, f"run-{number}")
    async with browser(studio) as page:
        await page.until(lambda page: page.complete == 1)
        assert len(page.runs) == 3
        assert page.connection["isConnected"]
        assert page.connection["problem"]["reason"] == "TooManyRuns"
        put(studio, "another")
        set_status(studio, "run-0", state="Running")
        await page.until(lambda page: page.runs["run-0"]["state"] == "Running")
        assert len(page.runs) == 3


@pytest.mark.parametrize("limit", ["MAX_ROWS", "MAX_USER_ROWS"])
async def test_the_rows_of_all_watches_are_bounded(studio: Studio, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(hub, limit, 2)
    for number in range(5):
        put(studio, f"run-{number}")
    async with browser(studio) as page:
        await page.until(lambda page: page.complete == 1)
        assert (len(page.runs), studio.hub.rows) == (2, 2)
        assert page.connection["problem"]["reason"] == "TooManyRuns"


async def test_streams_of_a_user_are_bounded(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "MAX_USER_STREAMS", 1)
    path = "/api/stream?namespace=audio"
    async with (
        browser(studio, "audio"),
        browser(studio, "audio", OTHER_TOKEN),
        studio.request("GET", path, studio.cookie()) as answer,
    ):
        assert (answer.status, answer.headers["Retry-After"]) == (503, "30")
    await eventually(lambda: studio.hub.watches == 0)
    async with browser(studio, "audio"):
        pass


async def test_the_tokens_of_a_user_count_together(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "MAX_USER_STREAMS", 1)
    monkeypatch.setattr(hub, "MAX_USER_ROWS", 2)
    studio.cluster.users["another-token-of-ada"] = ada()
    for number in range(2):
        put(studio, f"run-{number}")
    async with browser(studio) as page:
        await page.until(lambda page: page.complete == 1)
        path = "/api/stream?namespace=vision"
        async with studio.request("GET", path, studio.cookie("another-token-of-ada")) as answer:
            assert answer.status == 503
        monkeypatch.setattr(hub, "MAX_USER_STREAMS", 2)
        async with browser(studio, token="another-token-of-ada") as other:
            await other.until(lambda page: page.complete == 1)
            assert other.runs == {}
            assert other.connection["problem"]["reason"] == "TooManyRuns"


async def test_a_long_line_of_a_watch_is_bounded(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "MAX_LINE", 10_000)
    async with browser(studio) as page:
        await page.until(lambda page: page.complete == 1)
        await eventually(lambda: watches(studio) == len(KINDS))
        put_large(studio, "huge")
        await page.until(lambda page: "huge" in page.runs)
        put(studio, "next")
        await page.until(lambda page: page.connection["isConnected"] and "next" in page.runs)


def put_large(studio: Studio, name: str, size: int = 300_000) -> None:
    annotations = {f"a{number}": "x" * 1000 for number in range(size // 1000)}
    studio.cluster.objects.create(
        "trainingjobs", "vision", {"metadata": {"name": name, "annotations": annotations}, "spec": {}}
    )


async def test_a_large_object_has_a_row_with_its_identity(studio: Studio) -> None:
    put_large(studio, "listed")
    async with browser(studio) as page:
        await page.until(lambda page: page.complete == 1)
        await eventually(lambda: watches(studio) == len(KINDS))
        put_large(studio, "watched")
        await page.until(lambda page: {"listed", "watched"} <= set(page.runs))
        for name in ("listed", "watched"):
            assert page.runs[name]["reason"] == "TooLarge: the object has 0.3 MiB, too much to show"
            assert page.runs[name]["uid"]


async def test_a_page_that_is_too_large_is_read_with_fewer_objects(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "MAX_PAGE", 100_000)
    for number in range(4):
        put(studio, f"small-{number}")
        put_large(studio, f"large-{number}", 120_000)
    async with browser(studio) as page:
        await page.until(lambda page: page.complete == 1)
        assert len(page.runs) == 8
        assert page.connection["problem"] is None


async def test_pages_grow_slowly_after_a_page_that_is_too_large(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "MAX_PAGE", 100_000)
    sizes, content = list[int](), ApiServer.content

    async def recorded(server: ApiServer, token: Any, path: str, query: Any, *rest: Any, **options: Any) -> bytes:
        if path.endswith("trainingjobs"):
            sizes.append(query["limit"])
        return await content(server, token, path, query, *rest, **options)

    monkeypatch.setattr(ApiServer, "content", recorded)
    for number in range(2):
        put_large(studio, f"a-{number}", 120_000)
    for number in range(40):
        put(studio, f"b-{number:02}")
    async with browser(studio) as page:
        await page.until(lambda page: page.complete == 1)
        assert len(page.runs) == 42
    assert sizes[:4] == [10, 5, 2, 1]
    assert all(later <= 2 * size for size, later in pairwise(sizes)), sizes


async def test_a_list_that_stays_too_large_is_tried_again_with_pauses(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "MAX_PAGE", 100)
    monkeypatch.setattr(watcher, "MAX_ALONE", 100)
    monkeypatch.setattr(watcher, "FIRST_DELAY", 10)
    put(studio, "mnist")
    studio.cluster.faults.append(Fault("list", "trainingjobs", delay=0.3))  # four answers take more than a second
    async with browser(studio) as page:
        await page.until(lambda page: not page.connection["isConnected"])
        await asyncio.sleep(1)
        asked = [request for request in studio.cluster.asked if request.resource == "trainingjobs"]
        assert len(asked) == 4
        assert "more than" in page.connection["problem"]["message"]


async def test_a_row_is_bounded(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "MAX_ROW", 100)
    put(studio, "mnist", state="Running")
    async with browser(studio) as page:
        await page.until(lambda page: page.complete == 1)
        assert page.runs["mnist"]["state"] == "Pending"
        assert page.runs["mnist"]["reason"].startswith("TooLarge")


async def test_a_quiet_stream_repeats_the_state_of_its_connection(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription, "HEARTBEAT_SECONDS", 0.05)
    async with browser(studio) as page:
        await page.until(lambda page: page.complete == 1)
        for _ in range(2):
            assert await page.event() == ("connection", {"isConnected": True, "kinds": KINDS, "problem": None})


async def test_sparklines_outlive_the_last_browser(studio: Studio) -> None:
    put(
        studio,
        "mnist",
        progress={"epoch": 1},
        best={"epoch": 1, "metric": "loss", "value": "0.5"},
        metrics={"loss": "0.5"},
    )
    async with browser(studio) as page:
        await page.until(lambda page: page.complete == 1)
        assert page.runs["mnist"]["sparkline"] == [0.5]
        set_status(studio, "mnist", progress={"epoch": 2}, metrics={"loss": "0.25"})
        await page.until(lambda page: page.runs["mnist"]["sparkline"] == [0.5, 0.25])
    async with browser(studio) as page:
        await page.until(lambda page: page.complete == 1)
        assert page.runs["mnist"]["sparkline"] == [0.5, 0.25]


@pytest.mark.parametrize("namespace", ["", "..", "a/b", "a%2fb", "A", "a.b", "a" * 64, "**"])
async def test_a_stream_names_a_namespace(studio: Studio, namespace: str) -> None:
    async with studio.request("GET", f"/api/stream?namespace={namespace}", studio.cookie()) as answer:
        assert answer.status == 400
    assert studio.cluster.heard == []


async def test_a_stream_is_for_pages_of_studio(studio: Studio) -> None:
    for site in ("", "none", "cross-site"):
        headers = studio.cookie() | {"Sec-Fetch-Site": site}
        async with studio.request("GET", "/api/stream?namespace=vision", headers) as answer:
            assert answer.status == 403


async def test_the_end_of_studio_ends_the_streams(studio: Studio) -> None:
    async with browser(studio) as page:
        await page.until(lambda page: page.complete == 1)
        studio.hub.end_streams()
        with pytest.raises(EOFError):
            await page.event()
