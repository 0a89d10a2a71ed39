"""Pages and events of the API server, read within bounds."""

import json
from typing import Any

import pytest
from epochal_lib.json_spans import JsonText
from epochal_studio.stream.objects import MAX_OBJECT, OMITTED, Page, read_event

DENSE: list[list[Any]] = [[]] * (MAX_OBJECT // 2)


def make(name: str, layers: Any = ()) -> dict[str, Any]:
    return {
        "kind": "TrainingJob",
        "metadata": {"annotations": {"note": "x"}, "name": name, "uid": f"uid-{name}"},
        "spec": {"model": {"layers": list(layers)}, "training": {"epochs": 3}},
        "status": {"state": "Running"},
    }


def page(*objects: dict[str, Any]) -> Page:
    return Page(json.dumps({"items": objects, "metadata": {"continue": "next", "resourceVersion": "7"}}).encode())


def batches(found: Page) -> list[list[dict[str, Any]]]:
    return [*iter(found.batch, [])]


def test_a_page_is_read_in_batches() -> None:
    objects = [make(str(number), ["x" * 100_000]) for number in range(7)]
    found = page(*objects)
    parts = batches(found)
    assert [len(part) for part in parts] == [3, 3, 1]
    assert [each for part in parts for each in part] == objects
    assert found.metadata == {"continue": "next", "resourceVersion": "7"}


def test_a_small_page_is_parsed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = [make(str(number)) for number in range(100)]
    found = page(*objects)
    monkeypatch.setattr(JsonText, "span", None)
    assert batches(found) == [objects]
    assert found.metadata == {"continue": "next", "resourceVersion": "7"}


@pytest.mark.parametrize("depth", [1, 200])
def test_a_large_object_is_never_parsed_whole(monkeypatch: pytest.MonkeyPatch, depth: int) -> None:
    parsed: list[int] = []
    loads = json.loads

    def count(data: Any) -> Any:
        parsed.append(len(data))
        return loads(data)

    layers = json.loads("[" * depth + "[]" + "]" * depth)
    large = make("large", [*DENSE, layers])
    content = json.dumps({"items": [large, make("small")], "metadata": {}}).encode()
    line = json.dumps({"type": "MODIFIED", "object": large}).encode()
    monkeypatch.setattr(json, "loads", count)
    outline, small = (each for part in batches(Page(content)) for each in part)
    event = read_event(line)
    assert max(parsed) < 4096
    assert small == make("small")
    assert outline == event["object"]
    assert outline.pop(OMITTED) > MAX_OBJECT
    assert outline == {**make("large"), "spec": {"training": {"epochs": 3}}}


def test_a_deep_object_is_never_parsed_whole() -> None:
    deep = make("deep", json.loads("[" * 900 + "]" * 900))
    [[outline]] = batches(page(deep))
    assert OMITTED in outline
    assert outline["status"] == {"state": "Running"}


def test_an_event_that_is_too_deep_for_the_parser() -> None:
    line = b'{"type":"ADDED","object":{"metadata":{"name":"deep"},"spec":' + b"[" * 5000 + b"]" * 5000 + b"}}"
    found = read_event(line)["object"]
    assert (found["metadata"], found["spec"]) == ({"name": "deep"}, {})


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"items":[{"a":', b'{"items":[]', b'"text"'])
def test_an_answer_that_is_no_page(content: bytes) -> None:
    with pytest.raises(ValueError, match="must"):
        batches(Page(content))


def test_a_page_without_objects() -> None:
    assert batches(Page(b'{"metadata":{},"items":null}')) == []


def test_a_text_that_only_one_parser_reads() -> None:
    """Half a character is no Unicode, but Python's texts have it."""
    [[found]] = batches(Page(rb'{"items":[{"metadata":{"name":"\ud800"}}],"metadata":{}}'))
    assert found == {"metadata": {"name": "\ud800"}}
