"""The decisions of a watch without a connection: lists in pages, changes, and a bound on the objects."""

import json
from typing import Any

import pytest
from epochal.client.failures import ApiError
from epochal.client.lines import LineSplitter
from epochal.client.watch_state import Change, WatchState
from epochal.errors import EpochalError


def job(name: str, version: int = 1, uid: str = "") -> dict[str, Any]:
    metadata = {"name": name, "namespace": "vision", "uid": uid or name, "resourceVersion": str(version)}
    return {"apiVersion": "epochal.dev/v1alpha1", "kind": "TrainingJob", "metadata": metadata}


def line(type_: str, found: dict[str, Any]) -> bytes:
    return json.dumps({"type": type_, "object": found}).encode()


def names(changes: list[Change]) -> list[tuple[str, str]]:
    return [(change.type, change.object["metadata"]["name"]) for change in changes]


@pytest.fixture
def state() -> WatchState:
    return WatchState("https://api", "watch trainingjobs", limit=3)


def test_a_list_in_pages(state: WatchState) -> None:
    state.listed([job("a"), job("b")], "5")
    listing = state.begin()
    assert names([*listing.page([job("a", 2)])]) == [("MODIFIED", "a")]
    assert names([*listing.page([job("c")])]) == [("ADDED", "c")]
    assert state.version == "5"
    gone = state.end(listing, "9")
    assert names(gone) == [("DELETED", "b")]
    assert gone[0].object == job("b")
    assert (state.version, state.is_cut) == ("9", False)


def test_a_list_that_fails_between_two_pages_changes_nothing(state: WatchState) -> None:
    state.listed([job("a"), job("b")], "5")
    assert names([*state.begin().page([job("c")])]) == [("ADDED", "c")]
    assert names(state.listed([job("a"), job("b"), job("c")], "6")) == [("ADDED", "c")]


def test_another_object_of_the_same_name(state: WatchState) -> None:
    state.listed([job("a", uid="first")], "5")
    changes = state.listed([job("a", uid="second")], "6")
    assert [(change.type, change.object["metadata"]["uid"]) for change in changes] == [
        ("ADDED", "second"),
        ("DELETED", "first"),
    ]


def test_objects_above_the_limit(state: WatchState) -> None:
    assert len(state.listed([job(name) for name in "abcd"], "5")) == 3
    assert state.is_cut
    assert state.change(line("ADDED", job("e", 6))) is None
    assert state.change(line("DELETED", job("d", 7))) is None
    assert state.change(line("MODIFIED", job("a", 8))) is not None
    assert state.change(line("DELETED", job("a", 9))) is not None
    assert state.version == "9"
    state.listed([job("b")], "10")
    assert not state.is_cut


def test_a_bookmark_moves_the_version(state: WatchState) -> None:
    assert state.change(line("BOOKMARK", {"metadata": {"resourceVersion": "12"}})) is None
    assert state.query(90.4) == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": "12",
        "timeoutSeconds": 90,
    }


@pytest.mark.parametrize(("code", "status"), [(410, 410), (503, 503), (500, 503), (None, 503)])
def test_an_error_of_the_api_server(state: WatchState, code: int | None, status: int) -> None:
    with pytest.raises(ApiError) as caught:
        state.change(line("ERROR", {"kind": "Status", "code": code}))
    assert caught.value.status == status


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"type": "ADDED"}', b'{"type": "ADDED", "object": 1}', b"[" * 99_999]
)
def test_a_cut_line(state: WatchState, content: bytes) -> None:
    with pytest.raises(EpochalError, match="the answer to the watch was cut"):
        state.change(content)


def test_lines_of_chunks() -> None:
    splitter = LineSplitter(limit=8)
    assert [*splitter.feed(b"one\ntw")] == [b"one"]
    assert [*splitter.feed(b"o\n\nthr")] == [b"two", b""]
    assert [*splitter.feed(b"ee is long")] == [b"three is long"]
    assert [*splitter.feed(b"er\nend")] == [b"er"]
    assert [*splitter.rest()] == [b"end"]
    assert [*splitter.rest()] == []
